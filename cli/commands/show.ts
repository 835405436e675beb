import { pathToText, type BytePath } from '../../core/bytes.ts'
import { readCommit } from '../../core/changing/head.ts'
import { entryOfObject, readFileFacts } from '../../core/file-facts.ts'
import { logPath } from '../../core/history/log.ts'
import type { LogItem } from '../../core/history/query-log.ts'
import { profileSizes } from '../../core/ingest/profile-sizes.ts'
import { hasCode } from '../../core/errors.ts'
import type { Id } from '../../core/objects/id.ts'
import { decodeTag } from '../../core/objects/tag.ts'
import type { TreeEntry } from '../../core/objects/tree-entry.ts'
import { readTree } from '../../core/objects/tree.ts'
import type { Revision } from '../../core/refs/rev-parse.ts'
import type { Repo } from '../../core/repo.ts'
import type { Pathspec } from '../../core/staging/pathspec.ts'
import type { Command } from '../command.ts'
import { changesOfCommit, changesToJson, showChanges, type ChangesStyle } from '../commit-changes.ts'
import { commitLines, commitToJson, messageLines, personLines, personToJson, readDecorations, subjectOf, type CommitLineOptions } from '../commit-text.ts'
import type { Context } from '../context.ts'
import { dateStyles, formatAmount, formatCount, formatDate, formatSize, formatTable, quotePath, type DateStyle } from '../format.ts'
import { findContent } from '../revision-words.ts'
import { findCommit, idShortener, pathspecOf } from '../revisions.ts'

interface ShowArguments {
  objects?: string[] | undefined
  'name-status': boolean
  'name-only': boolean
  stat: boolean
  date: string
}

export const command: Command<ShowArguments> = {
  name: 'show',
  group: 'examine',
  summary: 'Show a commit, a tag, a folder or a file of any version',
  usage: ['show [OPTIONS] [REV | REV:PATH | TAG]...', 'show [OPTIONS] [REV]... -- PATH...'],
  positionals: '[objects..]',
  description: `A commit is shown with what it changed against its first parent, and how much of that was
new content; a tag with what it names; a folder with what is in it; a file with its size,
its hash (as b3sum prints it), how it is stored, and which commit changed it last. After --,
paths say which of a commit's changes are shown.

With --json: a line an object, with {type: commit|tag|tree|file}: a commit as in 'dits help
log' with {changes, totals}; a tag {id, name, target, tagger, message}; a tree {id, entries:
[{name, kind, size, id, hash}]}; a file {path, kind, size, id, hash, profile, chunks,
storedBytes, missingChunks, lastChange}.`,
  examples: [
    ['show', 'the last commit'],
    ['show v1.0:clips/A001.mov', 'what is known of a file in a version'],
  ],
  options: (yargs) =>
    yargs
      .positional('objects', { type: 'string', array: true, describe: 'what to show; HEAD where nothing is named' })
      .option('name-status', { type: 'boolean', default: false, describe: 'of commits, only which files changed, and how' })
      .option('name-only', { type: 'boolean', default: false, describe: 'of commits, only which files changed' })
      .option('stat', { type: 'boolean', default: false, describe: 'of commits, only sizes' })
      .option('date', { type: 'string', choices: dateStyles, default: 'default', describe: 'how dates are written' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const given = args.objects ?? []
    const named = given.slice(0, given.length - args.afterDashes.length)
    const words = named.length > 0 ? named : ['HEAD']
    const show = await openShow(context, repo, { ...args, spec: pathspecOf(context, repo, args.afterDashes) })
    for (const [i, word] of words.entries()) {
      if (i > 0 && !context.json) context.stdout.line()
      await showOne(show, await findContent(context, repo, word), word)
    }
  },
}

/** What all that shows something needs. */
interface Show {
  context: Context
  repo: Repo
  style: ChangesStyle
  lines: CommitLineOptions
  /** What of a commit's changes is shown. */
  spec: Pathspec
}

async function openShow(context: Context, repo: Repo, args: ShowArguments & { spec: Pathspec }): Promise<Show> {
  const style = args['name-status'] ? 'status' : args['name-only'] ? 'names' : args.stat ? 'sizes' : 'table'
  return { context, repo, style, spec: args.spec, lines: { decorations: await readDecorations(repo), dateStyle: args.date as DateStyle, shorten: await idShortener(repo) } }
}

async function showOne(show: Show, found: Revision, word: string): Promise<void> {
  const { repo } = show
  if (found.entry && found.entry.kind !== 'directory') return showFile(show, found.entry, { word, path: found.path })
  if (found.kind === 'commit') return showCommit(show, found.id)
  if (found.kind === 'tag') return showTag(show, found.id)
  if (found.kind === 'tree') return showTree(show, found.id, word)
  await showFile(show, await entryOfObject(repo.objects, found), { word, path: undefined })
}

async function showCommit({ context, repo, style, lines, spec }: Show, id: Id): Promise<void> {
  const commit = await readCommit(repo, id)
  const item: LogItem = { id, commit, parents: commit.parents }
  const changes = changesOfCommit(repo, item, spec, style === 'table')
  if (context.json) return context.stdout.json({ type: 'commit', ...commitToJson(item, lines.decorations), ...(await changesToJson(changes)) })
  for (const line of [...(await commitLines(context, item, lines)), '']) context.stdout.line(line)
  await showChanges(context, changes, style, context.stdout.line)
}

async function showTag(show: Show, id: Id): Promise<void> {
  const { context, repo, lines } = show
  const { name, target, targetKind, tagger, message } = decodeTag(await repo.objects.read('tag', id))
  if (context.json) context.stdout.json({ type: 'tag', id, name, target, tagger: personToJson(tagger), message })
  else {
    const head = [context.colors.yellow(`tag ${name}`), ...personLines('Tagger', tagger, lines.dateStyle), '', ...messageLines(message), '']
    for (const line of head) context.stdout.line(line)
  }
  await showOne(show, { id: target, kind: targetKind }, target)
}

async function showTree({ context, repo }: Show, id: Id, word: string): Promise<void> {
  if (context.json) {
    const entries: object[] = []
    for await (const batch of readTree(repo.objects, id)) {
      entries.push(...batch.map(({ name, kind, size, id: entryId, hash }) => ({ name: pathToText(name), kind, size, id: entryId, hash })))
    }
    return context.stdout.json({ type: 'tree', id, entries })
  }
  context.stdout.line(`${context.colors.yellow(`tree ${word}`)}\n`)
  for await (const batch of readTree(repo.objects, id)) {
    for (const line of formatTable(batch.map((entry) => [formatSize(entry.size), shownName(entry)]), ['right', 'left'])) context.stdout.line(line)
  }
}

function shownName({ name, kind }: TreeEntry): string {
  const marks = { directory: '/', executable: '*', symlink: '@', file: '' }
  return `${quotePath(name)}${marks[kind]}`
}

async function showFile(show: Show, entry: TreeEntry, place: { word: string; path: BytePath | undefined }): Promise<void> {
  const { context, repo } = show
  const { kind, size, id, hash, mtimeNs } = entry
  const facts = await readFileFacts(repo.objects, entry)
  const last = place.path === undefined ? undefined : await lastChange(repo, place.word, place.path)
  if (context.json) {
    const { profile, chunks, storedBytes, missingChunks } = facts
    return context.stdout.json({
      type: 'file',
      path: place.path === undefined ? null : pathToText(place.path),
      kind, size, id, hash,
      profile: profile ?? null,
      chunks, storedBytes, missingChunks,
      lastChange: last?.id ?? null,
    })
  }
  const rows: [string, string][] = [
    ['size', size < 1000 ? formatAmount(size, 'byte') : `${formatSize(size)} (${formatCount(size)} bytes)`],
    ['blake3', hash],
    ['stored', `${formatSize(facts.storedBytes)} in ${formatAmount(facts.distinctChunks, 'chunk')}${profileText(facts.profile)}`],
  ]
  if (facts.missingChunks > 0) rows.push(['missing', `${formatCount(facts.missingChunks)} chunks are not here: get them with dits fetch`])
  if (kind === 'symlink') rows.push(['target', quotePath(Buffer.from(await repo.objects.read('chunk', id)).toString('latin1') as BytePath)])
  if (mtimeNs !== undefined) rows.push(['modified', formatDate(Number(mtimeNs / 1_000_000n), last?.commit.author.zoneMinutes ?? 0, show.lines.dateStyle)])
  if (last) rows.push(['changed', await changeText(show, last)])
  context.stdout.line(context.colors.yellow(`${kind === 'executable' ? 'executable file' : kind} ${place.word}`))
  for (const line of formatTable(rows, ['left', 'left'])) context.stdout.line(line)
}

function profileText(profile: keyof typeof profileSizes | undefined): string {
  return profile === undefined ? '' : ` of ${profileSizes[profile].average / 1024} KiB on average (profile ${profile})`
}

async function changeText({ lines }: Show, { id, commit }: { id: Id; commit: LogItem['commit'] }): Promise<string> {
  const { author } = commit
  return `${await lines.shorten(id)} ${subjectOf(commit)} (${author.name}, ${formatDate(author.timeMs, author.zoneMinutes, 'short')})`
}

/** The last commit that touched a path, of the history that a word such as `REV:PATH` names; `undefined` where that is no commit's. */
async function lastChange(repo: Repo, word: string, path: BytePath): Promise<{ id: Id; commit: LogItem['commit'] } | undefined> {
  const colon = word.indexOf(':')
  if (colon === 0) return undefined
  try {
    const start = await findCommit(repo, colon < 0 ? 'HEAD' : word.slice(0, colon))
    for await (const item of logPath(repo.objects, [start], path)) return item
  } catch (error) {
    if (!hasCode(error, 'wrong-kind')) throw error
  }
  return undefined
}
