import { pathToText } from '../core/bytes.ts'
import { shortRefName } from '../core/changing/head.ts'
import type { LogItem } from '../core/history/query-log.ts'
import type { Commit, Person } from '../core/objects/commit.ts'
import type { Id } from '../core/objects/id.ts'
import { decodeTag } from '../core/objects/tag.ts'
import type { Repo } from '../core/repo.ts'
import type { Context } from './context.ts'
import { formatDate, quotePath, type DateStyle } from './format.ts'
import { printable, subjectLine } from './printable.ts'

/** How commits and tags are shown. */

/** The names of each commit that has some: branches, tags, HEAD. */
export type Decorations = ReadonlyMap<Id, readonly Decoration[]>

export interface Decoration {
  kind: 'head' | 'branch' | 'tag' | 'remote'
  name: string
  /** For HEAD: the branch that it is on. */
  branch?: string
}

/** Reads all refs, and HEAD. */
export async function readDecorations(repo: Repo): Promise<Decorations> {
  const names = new Map<Id, Decoration[]>()
  const add = (id: Id, decoration: Decoration): void => void names.set(id, [...(names.get(id) ?? []), decoration])
  const head = await repo.refs.readHead()
  const current = 'branch' in head ? head.branch : undefined
  const headId = current === undefined ? ('id' in head ? head.id : undefined) : await repo.refs.read(current)
  if (headId) add(headId, { kind: 'head', name: 'HEAD', ...(current === undefined ? {} : { branch: shortRefName(current) }) })
  for await (const { name, id } of repo.refs.list('refs/')) {
    if (name === current) continue
    const kind = name.startsWith('refs/tags/') ? 'tag' : name.startsWith('refs/heads/') ? 'branch' : 'remote'
    add(kind === 'tag' ? await taggedCommit(repo, id) : id, { kind, name: shortRefName(name) })
  }
  for (const list of names.values()) list.sort((a, b) => kindOrder.indexOf(a.kind) - kindOrder.indexOf(b.kind))
  return names
}

const kindOrder: readonly Decoration['kind'][] = ['head', 'tag', 'branch', 'remote']

/** What a tag leads to in the end. */
async function taggedCommit(repo: Repo, id: Id): Promise<Id> {
  let at = id
  for (let located = await repo.objects.locate(at); located?.kind === 'tag'; located = await repo.objects.locate(at)) {
    at = decodeTag(await repo.objects.read('tag', at)).target
  }
  return at
}

/** ' (HEAD -> main, tag: v1)', or nothing. */
export function decorationText({ colors }: Context, decorations: readonly Decoration[] | undefined): string {
  if (!decorations) return ''
  const texts = decorations.map(({ kind, name, branch }) => {
    if (kind === 'head') return branch === undefined ? colors.cyan('HEAD') : `${colors.cyan('HEAD -> ')}${colors.green(branch)}`
    if (kind === 'tag') return colors.yellow(`tag: ${name}`)
    return kind === 'remote' ? colors.red(name) : colors.green(name)
  })
  return ` ${colors.yellow('(')}${texts.join(colors.yellow(', '))}${colors.yellow(')')}`
}

/** What the lines of a commit need besides the commit. */
export interface CommitLineOptions {
  decorations: Decorations
  dateStyle: DateStyle
  shorten: (id: Id) => Promise<string>
}

/** One line: short id, names, subject. */
export async function onelineText(context: Context, { id, commit }: LogItem, { decorations, shorten }: CommitLineOptions): Promise<string> {
  return `${context.colors.yellow(await shorten(id))}${decorationText(context, decorations.get(id))} ${subjectOf(commit)}`
}

/** The lines of a commit as git shows it: id, names, who, when, and the message. */
export async function commitLines(context: Context, { id, commit, path, from }: LogItem, options: CommitLineOptions): Promise<string[]> {
  const { decorations, dateStyle, shorten } = options
  const parents = commit.parents.length > 1 ? [`Merge:  ${(await Promise.all(commit.parents.map(shorten))).join(' ')}`] : []
  const moved = path !== undefined && from !== undefined ? ['', `    (moved here: ${quotePath(from)} → ${quotePath(path)})`] : []
  return [
    `${context.colors.yellow(`commit ${id}`)}${decorationText(context, decorations.get(id))}`,
    ...parents,
    ...personLines('Author', commit.author, dateStyle),
    '',
    ...messageLines(commit.message),
    ...moved,
  ]
}

/** 'Author: Name <email>' and 'Date:'. */
export function personLines(role: string, person: Person, style: DateStyle): string[] {
  return [`${`${role}:`.padEnd(8)}${printable(person.name)} <${printable(person.email)}>`, `Date:   ${formatDate(person.timeMs, person.zoneMinutes, style)}`]
}

/** A message, set in. */
export function messageLines(message: string): string[] {
  return message.split('\n').map((line) => (line === '' ? '' : `    ${printable(line)}`))
}

export function subjectOf({ message }: Commit): string {
  return subjectLine(message)
}

/** A commit as JSON: the keys that `dits help log` names. */
export function commitToJson({ id, commit, path, from }: LogItem, decorations: Decorations): object {
  const { tree, parents, author, committer, message } = commit
  return {
    id,
    tree,
    parents,
    author: personToJson(author),
    committer: personToJson(committer),
    message,
    refs: (decorations.get(id) ?? []).map(({ kind, name, branch }) => (kind === 'head' && branch !== undefined ? `HEAD -> ${branch}` : kind === 'tag' ? `tag: ${name}` : name)),
    ...(path === undefined ? {} : { path: pathToText(path), from: from === undefined ? null : pathToText(from) }),
  }
}

export function personToJson({ name, email, timeMs, zoneMinutes }: Person): object {
  return { name, email, date: formatDate(timeMs, zoneMinutes, 'iso-strict') }
}
