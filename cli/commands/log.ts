import type { Repo } from '../../core/repo.ts'
import { keepAll, queryLog, type LogItem, type LogQuery } from '../../core/history/query-log.ts'
import type { Commit } from '../../core/objects/commit.ts'
import type { Pathspec } from '../../core/staging/pathspec.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { changesOfCommit, changesToJson, showChanges, type ChangesStyle } from '../commit-changes.ts'
import { commitLines, commitToJson, onelineText, readDecorations, type CommitLineOptions } from '../commit-text.ts'
import type { Context } from '../context.ts'
import { dateStyles, type DateStyle } from '../format.ts'
import { GraphText } from '../graph-text.ts'
import { parseDate } from '../parse-date.ts'
import { commitRange, splitWords, type CommitRange } from '../revision-words.ts'
import { findCommit, idShortener, pathspecOf } from '../revisions.ts'

interface LogArguments {
  words?: string[] | undefined
  oneline: boolean
  graph: boolean
  'max-count'?: number | undefined
  skip: number
  stat: boolean
  'name-status': boolean
  'name-only': boolean
  all: boolean
  'first-parent': boolean
  follow: boolean
  author?: string | undefined
  grep?: string | undefined
  merges?: boolean | undefined
  since?: string | undefined
  until?: string | undefined
  date: string
  reverse: boolean
}

export const command: Command<LogArguments> = {
  name: 'log',
  group: 'examine',
  summary: 'Show the history of the project, of a folder or of a file',
  usage: ['log [OPTIONS] [REV | A..B | A...B | ^A]... [--] [PATH...]'],
  positionals: '[words..]',
  description: `Shows commits, newest first. With paths, only those that touched them; a file is followed
through its renames (--no-follow: not). --stat adds what each commit changed and how many
bytes of new content it brought.

With --json: a line a commit {id, tree, parents, author, committer, message, refs}, where
author and committer are {name, email, date}; also {path, from} where one file is followed,
and {changes, totals} (see 'dits help diff') with --stat.`,
  examples: [
    ['log --oneline --graph --all', 'the whole history at a glance'],
    ['log --stat clips/A001.mov', 'every version of a file, also under its old names'],
    ['log v1.0..main --since="2 weeks ago"', 'what came since a tag, lately'],
  ],
  options: (yargs) =>
    yargs
      .positional('words', { type: 'string', array: true, describe: 'versions and ranges, then paths' })
      .option('oneline', { type: 'boolean', default: false, describe: 'one line a commit' })
      .option('graph', { type: 'boolean', default: false, describe: 'draw how branches ran and met' })
      .option('max-count', { alias: 'n', type: 'number', describe: 'show at most so many; also -5 for five' })
      .option('skip', { type: 'number', default: 0, describe: 'pass over so many first' })
      .option('stat', { type: 'boolean', default: false, describe: 'what each commit changed, with sizes and new bytes' })
      .option('name-status', { type: 'boolean', default: false, describe: 'which files each commit changed, and how' })
      .option('name-only', { type: 'boolean', default: false, describe: 'which files each commit changed' })
      .option('all', { type: 'boolean', default: false, describe: 'start from all branches and tags' })
      .option('first-parent', { type: 'boolean', default: false, describe: 'of merges, follow only the branch merged into' })
      .option('follow', { type: 'boolean', default: true, describe: 'follow files through renames; --no-follow: not' })
      .option('author', { type: 'string', describe: 'only commits whose author matches (a regular expression, any case)' })
      .option('grep', { type: 'string', describe: 'only commits whose message matches' })
      .option('merges', { type: 'boolean', describe: 'only merges; --no-merges: none' })
      .option('since', { alias: 'after', type: 'string', describe: 'only commits from this date on' })
      .option('until', { alias: 'before', type: 'string', describe: 'only commits up to this date' })
      .option('date', { type: 'string', choices: dateStyles, default: 'default', describe: 'how dates are written' })
      .option('reverse', { type: 'boolean', default: false, describe: 'the oldest first' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const { words, limit } = takeCount(args)
    const { revisions, paths } = await splitWords(context, repo, words, args)
    const range = await rangeOf(repo, revisions, args.all)
    const spec = pathspecOf(context, repo, paths)
    const items = cut(queryLog(repo.objects, queryOf(context, args, range, spec)), args.skip, limit)
    const printer = await openPrinter(context, repo, args, spec)
    if (args.reverse) for (const item of (await Array.fromAsync(items)).reverse()) await printer(item)
    else for await (const item of items) await printer(item)
  },
}

/** `-5`, which comes among the words, means the same as `-n 5`. */
function takeCount(args: LogArguments & { afterDashes: readonly string[] }): { words: string[]; limit: number } {
  const all = args.words ?? []
  const isCount = (word: string, i: number): boolean => /^-\d+$/.test(word) && i < all.length - args.afterDashes.length
  const counts = all.filter(isCount).map((word) => Number(word.slice(1)))
  const limit = counts.at(-1) ?? args['max-count'] ?? Infinity
  if (!(limit >= 0)) throw new UsageError('a number of commits is not below zero')
  if (args.graph && args.reverse) throw new UsageError('a graph is drawn from the newest commit down: --reverse does not go with it')
  return { words: all.filter((word, i) => !isCount(word, i)), limit }
}

async function rangeOf(repo: Repo, revisions: readonly string[], all: boolean): Promise<CommitRange> {
  const range = await commitRange(repo, revisions)
  if (all) {
    const decorations = await readDecorations(repo)
    for (const id of decorations.keys()) if ((await repo.objects.locate(id))?.kind === 'commit') range.starts.push(id)
  } else if (range.starts.length === 0) range.starts.push(await findCommit(repo, 'HEAD'))
  return range
}

function queryOf(context: Context, args: LogArguments, range: CommitRange, spec: Pathspec): LogQuery {
  const nowMs = context.environment.now()
  const zoneMinutes = context.environment.zoneMinutes(nowMs)
  const dateOf = (text: string | undefined, otherwise: number): number => (text === undefined ? otherwise : parseDate(text, nowMs, zoneMinutes))
  return {
    ...range,
    paths: spec,
    follow: args.follow,
    firstParent: args['first-parent'],
    sinceMs: dateOf(args.since, -Infinity),
    untilMs: dateOf(args.until, Infinity),
    keep: filterOf(args),
    graph: args.graph,
    signal: context.signal,
  }
}

function filterOf({ author, grep, merges }: LogArguments): (commit: Commit) => boolean {
  if (author === undefined && grep === undefined && merges === undefined) return keepAll
  const [authorPattern, messagePattern] = [patternOf(author), patternOf(grep)]
  return (commit) =>
    authorPattern.test(`${commit.author.name} <${commit.author.email}>`) &&
    messagePattern.test(commit.message) &&
    (merges === undefined || merges === commit.parents.length > 1)
}

function patternOf(text: string | undefined): RegExp {
  try {
    return new RegExp(text ?? '', 'i')
  } catch {
    throw new UsageError(`'${text}' is not a regular expression`)
  }
}

async function* cut(items: AsyncIterable<LogItem>, skip: number, limit: number): AsyncGenerator<LogItem> {
  let count = 0
  if (limit === 0) return
  for await (const item of items) {
    if (++count > skip) yield item
    if (count >= skip + limit) return
  }
}

/** What prints one commit after another, in the form that was asked for. */
async function openPrinter(context: Context, repo: Repo, args: LogArguments, spec: Pathspec): Promise<(item: LogItem) => Promise<void>> {
  const style = styleOf(args)
  const options: CommitLineOptions = { decorations: await readDecorations(repo), dateStyle: args.date as DateStyle, shorten: await idShortener(repo) }
  if (context.json) {
    return async (item) => {
      const changes = style ? await changesToJson(changesOfCommit(repo, item, spec, true)) : {}
      context.stdout.json({ ...commitToJson(item, options.decorations), ...changes })
    }
  }
  const graph = args.graph ? new GraphText() : undefined
  let isFirst = true
  return async (item) => {
    const lines = args.oneline ? [await onelineText(context, item, options)] : await commitLines(context, item, options)
    if (style && !args.oneline) lines.push('')
    if (!isFirst && !args.oneline) context.stdout.line(graph?.between())
    isFirst = false
    const changes = style && showChanges.bind(undefined, context, changesOfCommit(repo, item, spec, style === 'table'), style)
    if (graph) {
      await changes?.((line) => lines.push(line))
      for (const line of graph.beside(item, lines)) context.stdout.line(line)
    } else {
      for (const line of lines) context.stdout.line(line)
      await changes?.(context.stdout.line)
    }
  }
}

function styleOf(args: LogArguments): ChangesStyle | undefined {
  if (args.stat) return 'table'
  return args['name-status'] ? 'status' : args['name-only'] ? 'names' : undefined
}
