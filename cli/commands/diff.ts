import { compareVersions, type CompareOptions, type Version } from '../../core/comparing/compare.ts'
import type { MeasuredChange } from '../../core/comparing/compare-trees.ts'
import { addToTotals, emptyTotals } from '../../core/comparing/totals.ts'
import { readCommit } from '../../core/changing/head.ts'
import { mergeBases } from '../../core/history/ancestry.ts'
import { parseRange } from '../../core/refs/rev-parse.ts'
import type { Repo } from '../../core/repo.ts'
import { UsageError } from '../arguments.ts'
import { changeToJson, nameFields, nameLine, setChangeTable, totalsToJson } from '../change-table.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { findContent, findEntry, isRange, splitWords } from '../revision-words.ts'
import { pathOf, pathspecOf, revisionContext } from '../revisions.ts'

interface DiffArguments {
  words?: string[] | undefined
  staged: boolean
  'name-only': boolean
  'name-status': boolean
  stat: boolean
  renames: boolean
  'exit-code': boolean
}

export const command: Command<DiffArguments> = {
  name: 'diff',
  group: 'examine',
  summary: 'Show what changed between versions, and what of it is new content',
  usage: [
    'diff [OPTIONS] [--] [PATH...]',
    'diff --staged [REV] [--] [PATH...]',
    'diff [OPTIONS] REV [--] [PATH...]',
    'diff [OPTIONS] A B [--] [PATH...]',
    'diff [OPTIONS] A..B|A...B [--] [PATH...]',
  ],
  positionals: '[words..]',
  lists: true,
  description: `Without REV, compares the working tree with what is staged; with one, the working tree
with that version; with two, the versions. A...B compares B with where it left A.
Files that are not tracked do not count.

Each line says what happened (Added, Modified, Renamed, Deleted, Type changed), the
sizes, how many chunks the other side has already, and the bytes that would travel to
someone who has the first version. With --quiet, nothing is printed and the exit code
is 1 where there are differences.

With --json: {changes: [{kind, path, from, similarity, before, after, chunksShared,
chunksChanged, bytesToSend}], totals: {files, added, modified, renamed, deleted,
bytesBefore, bytesAfter, chunksShared, chunksChanged, bytesToSend}}, where before and
after are {kind, size, id, hash} or null. The chunks are null where the whole content
is the same.`,
  examples: [
    ['diff', 'what you changed and did not stage yet'],
    ['diff --staged', 'what the next commit will hold'],
    ['diff v1.0 main -- shots', 'what happened to one folder between two versions'],
  ],
  options: (yargs) =>
    yargs
      .positional('words', { type: 'string', array: true, describe: 'versions, then paths' })
      .option('staged', { alias: 'cached', type: 'boolean', default: false, describe: 'what is staged, against the last commit or REV' })
      .option('name-only', { type: 'boolean', default: false, describe: 'only the paths' })
      .option('name-status', { type: 'boolean', default: false, describe: 'only the paths, and what happened to them' })
      .option('stat', { type: 'boolean', default: false, describe: 'sizes only; reads no changed files where that can be helped' })
      .option('renames', { type: 'boolean', default: true, describe: 'look for renames; --no-renames for none' })
      .option('exit-code', { type: 'boolean', default: false, describe: 'exit with 1 where there are differences' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const { revisions, paths } = await splitWords(context, repo, args.words ?? [], args)
    const [before, after] = (await filesOf(context, repo, revisions, paths)) ?? (await versionsOf(context, repo, revisions, args.staged))
    const isFile = typeof before === 'object' && 'file' in before
    const measure = !context.quiet && !args['name-only'] && !args['name-status'] && !args.stat && !context.nul
    const options: CompareOptions = { spec: pathspecOf(context, repo, isFile ? [] : paths), measure, renames: args.renames && !context.quiet }
    const differs = await show(context, compareVersions(repo, before, after, options), args, measure)
    return differs && (context.quiet || args['exit-code']) ? 1 : 0
  },
}

/** Shows the changes in the form that was asked for, and answers whether there were any. */
async function show(context: Context, changes: AsyncIterable<MeasuredChange>, args: DiffArguments, measured: boolean): Promise<boolean> {
  if (context.quiet) {
    for await (const change of changes) if (change) return true
    return false
  }
  if (context.json) return showJson(context, changes, measured)
  if (args['name-only'] || args['name-status'] || context.nul) {
    let count = 0
    for await (const change of changes) {
      if (context.nul) context.stdout.write(nameFields(change, args['name-status']))
      else context.stdout.line(nameLine(change, args['name-status']))
      count++
    }
    return count > 0
  }
  const { files } = await setChangeTable(context, changes, measured ? 'travel' : 'sizes', context.stdout.line)
  return files > 0
}

/** One JSON value, written as it comes. */
async function showJson({ stdout }: Context, changes: AsyncIterable<MeasuredChange>, measured: boolean): Promise<boolean> {
  const totals = emptyTotals()
  stdout.write('{"changes":[')
  for await (const change of changes) {
    stdout.write(`${totals.files > 0 ? ',' : ''}${JSON.stringify(changeToJson(change))}`)
    addToTotals(totals, change)
  }
  stdout.line(`],"totals":${JSON.stringify(totalsToJson(totals, measured))}}`)
  return totals.files > 0
}

/** For `REV:FILE`, and a path or nothing after it: that version and the file on disk. */
async function filesOf(context: Context, repo: Repo, words: readonly string[], paths: readonly string[]): Promise<[Version, Version] | undefined> {
  const [word, ...more] = words
  if (!word?.includes(':') || more.length > 0 || paths.length > 1) return undefined
  const { entry, path } = await findContent(context, repo, word)
  if (!entry || path === undefined || entry.kind === 'directory') return undefined
  return [{ file: entry }, { fileOnDisk: paths[0] === undefined ? path : pathOf(context, repo, paths[0]) }]
}

async function versionsOf(context: Context, repo: Repo, words: readonly string[], staged: boolean): Promise<[Version, Version]> {
  const [first, second, ...more] = words
  if (more.length > 0) throw new UsageError('name one version, or two')
  if (first !== undefined && second === undefined && isRange(first)) {
    if (staged) throw new UsageError('--staged compares with one version')
    return rangeVersions(repo, first)
  }
  if (staged) {
    if (second !== undefined) throw new UsageError('--staged compares with one version')
    return [first === undefined ? 'head' : await versionOf(context, repo, first), 'staged']
  }
  if (first === undefined) return ['staged', 'working']
  return [await versionOf(context, repo, first), second === undefined ? 'working' : await versionOf(context, repo, second)]
}

async function rangeVersions(repo: Repo, word: string): Promise<[Version, Version]> {
  const { left, right, symmetric } = await parseRange(revisionContext(repo), word)
  const base = symmetric ? (await mergeBases(repo.objects, left!, right))[0] : left!
  const treeOf = async (id: typeof left): Promise<Version> => ({ tree: id && (await readCommit(repo, id)).tree })
  return [await treeOf(base), await treeOf(right)]
}

async function versionOf(context: Context, repo: Repo, word: string): Promise<Version> {
  const entry = await findEntry(context, repo, word)
  return entry.kind === 'directory' ? { tree: entry.id } : { file: entry }
}

