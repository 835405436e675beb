import { compareVersions } from '../../core/comparing/compare.ts'
import { readCommit } from '../../core/changing/head.ts'
import { applyStash, clearStash, dropStash } from '../../core/merging/stash-apply.ts'
import { findStashEntry, listStash, type StashEntry } from '../../core/merging/stash-entry.ts'
import { pushStash } from '../../core/merging/stash-push.ts'
import type { Repo } from '../../core/repo.ts'
import { UsageError } from '../arguments.ts'
import { changeToJson } from '../change-table.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAge, formatAmount } from '../format.ts'
import { conflictToJson, runAbort, showConflicts, showTreeChanges } from '../merge-text.ts'
import { pathspecOf, shortId } from '../revisions.ts'

interface StashArguments {
  words?: string[] | undefined
  message?: string | undefined
  'include-untracked': boolean
  'keep-index': boolean
  index: boolean
  abort: boolean
}

const actions = ['push', 'save', 'list', 'show', 'pop', 'apply', 'drop', 'clear'] as const
type Action = (typeof actions)[number]

export const command: Command<StashArguments> = {
  name: 'stash',
  group: 'change',
  summary: 'Put uncommitted changes aside, and bring them back',
  usage: [
    'stash [push] [-u] [-k] [-m MESSAGE] [-- PATH...]',
    'stash list',
    'stash show | pop | apply | drop [STASH]',
    'stash clear',
    'stash --abort',
  ],
  positionals: '[words..]',
  description: `'dits stash' puts all uncommitted changes aside, as an entry of the stash, and the files are
again as in the last commit; with -u untracked files, too. 'pop' brings an entry back and
drops it, 'apply' keeps it; both merge it with what changed since. An entry is named
stash@{N} or N; 0 is the newest, and is meant where none is named. Whatever you drop comes
back with 'dits undo'.

With --json: push {stash, id, message, files, untracked} or {stash: null}; list
{entries: [{stash, id, message, timeMs, base}]}; show {stash, id, message, changes, untracked};
pop and apply {stash, id, dropped, conflicts: [{path, reason, beside}], written, removed};
drop and clear {dropped: [id]}. pop and apply end with 1 where there are conflicts.`,
  examples: [
    ['stash -u -m "try another grade"', 'puts everything aside, untracked files too'],
    ['stash pop', 'brings the newest entry back'],
  ],
  options: (yargs) =>
    yargs
      .positional('words', { type: 'string', array: true, describe: 'what to do, and with which entry or paths' })
      .option('message', { alias: 'm', type: 'string', describe: 'what it is' })
      .option('include-untracked', { alias: 'u', type: 'boolean', default: false, describe: 'put untracked files aside, too' })
      .option('keep-index', { alias: 'k', type: 'boolean', default: false, describe: 'leave what is staged where it is' })
      .option('index', { type: 'boolean', default: false, describe: 'pop, apply: stage again what was staged' })
      .option('abort', { type: 'boolean', default: false, describe: 'give up bringing back an entry that is in conflict' }),

  async run(context, args) {
    const repo = await context.openRepo()
    if (args.abort) return runAbort(context, repo, 'stash')
    const { action, rest } = actionOf(args.words ?? [], args.dashes ? args.afterDashes.length : 0)
    if (action === 'push') return push(context, repo, rest, args)
    if (action === 'save') return push(context, repo, [], { ...args, message: args.message ?? (rest.join(' ') || undefined) })
    if (action === 'list') return list(context, repo)
    if (action === 'clear') return showDropped(context, await clearStash(repo))
    if (rest.length > 1) throw new UsageError(`one argument too many: '${rest[1]}'`)
    if (action === 'drop') return showDropped(context, [await dropStash(repo, rest[0])])
    if (action === 'show') return showEntry(context, repo, await findStashEntry(repo, rest[0]))
    return bringBack(context, repo, rest[0], { drop: action === 'pop', index: args.index })
  },
}

function actionOf(words: readonly string[], pathsAfterDashes: number): { action: Action; rest: string[] } {
  const [first, ...rest] = words
  if (first === undefined || words.length === pathsAfterDashes) return { action: 'push', rest: [...words] }
  const action = actions.find((one) => one === first)
  if (action === undefined) throw new UsageError(`'${first}' is nothing that stash can do`, `to put only some files aside: dits stash push -- ${first}`)
  return { action, rest }
}

async function push(context: Context, repo: Repo, paths: readonly string[], args: StashArguments): Promise<void> {
  const report = await pushStash(repo, {
    message: args.message,
    spec: pathspecOf(context, repo, paths),
    untracked: args['include-untracked'],
    keepIndex: args['keep-index'],
  })
  if (context.json) {
    const { id, message, files, untracked } = report ?? {}
    context.stdout.json(report ? { stash: 'stash@{0}', id, message, files, untracked } : { stash: null })
  } else if (!context.quiet) {
    if (!report) return context.stdout.line('No local changes to put aside.')
    const more = report.untracked > 0 ? ` and ${formatAmount(report.untracked, 'untracked one')}` : ''
    context.stdout.line(`Put aside ${formatAmount(report.files, 'changed file')}${more}: ${report.message}`)
    context.stdout.line('Bring it back with: dits stash pop')
  }
}

async function list(context: Context, repo: Repo): Promise<void> {
  const entries = await listStash(repo)
  if (context.json) {
    context.stdout.json({
      entries: entries.map((entry) => ({
        stash: nameOf(entry),
        id: entry.id,
        message: entry.commit.message,
        timeMs: entry.commit.committer.timeMs,
        base: entry.base,
      })),
    })
    return
  }
  for (const entry of entries) {
    const age = formatAge(entry.commit.committer.timeMs, context.environment.now())
    context.stdout.line(`${context.colors.yellow(nameOf(entry))}: ${entry.commit.message}${context.colors.dim(` (${age})`)}`)
  }
}

async function showEntry(context: Context, repo: Repo, entry: StashEntry): Promise<void> {
  const base = (await readCommit(repo, entry.base)).tree
  if (context.json) {
    const changes = await changesOf(context, repo, base, entry.worktree)
    const untracked = entry.untracked ? await changesOf(context, repo, undefined, entry.untracked) : []
    context.stdout.json({ stash: nameOf(entry), id: entry.id, message: entry.commit.message, changes, untracked })
    return
  }
  context.stdout.line(`${context.colors.yellow(nameOf(entry))}: ${entry.commit.message}`)
  await showTreeChanges(context, repo, base, entry.worktree)
  if (!entry.untracked) return
  context.stdout.line('\nUntracked files:')
  await showTreeChanges(context, repo, undefined, entry.untracked)
}

async function changesOf(context: Context, repo: Repo, before: StashEntry['staged'] | undefined, after: StashEntry['staged']): Promise<object[]> {
  const changes: object[] = []
  const compared = compareVersions(repo, { tree: before }, { tree: after }, { spec: pathspecOf(context, repo, [':/']), measure: false })
  for await (const change of compared) changes.push(changeToJson(change))
  return changes
}

async function bringBack(context: Context, repo: Repo, text: string | undefined, options: { drop: boolean; index: boolean }): Promise<number> {
  const report = await applyStash(repo, text, options)
  const { entry, conflicts, dropped, written, removed } = report
  if (context.json) {
    context.stdout.json({ stash: nameOf(entry), id: entry.id, dropped, conflicts: conflicts.map(conflictToJson), written, removed })
  } else if (conflicts.length > 0) {
    showConflicts(context, conflicts, { command: 'stash', theirName: 'the stash' })
    if (options.drop) context.stdout.line(`The entry is kept; once all is well, drop it with: dits stash drop ${entry.position}`)
  } else if (!context.quiet) {
    context.stdout.line(`Brought back ${formatAmount(written, 'file')}${removed > 0 ? ` and removed ${removed}` : ''}: ${entry.commit.message}`)
    if (dropped) context.stdout.line(`Dropped ${nameOf(entry)} (${shortId(entry.id)})`)
  }
  return conflicts.length > 0 ? 1 : 0
}

function showDropped(context: Context, entries: readonly StashEntry[]): void {
  if (context.json) context.stdout.json({ dropped: entries.map(({ id }) => id) })
  else if (!context.quiet) {
    for (const entry of entries) context.stdout.line(`Dropped ${nameOf(entry)} (${shortId(entry.id)}): ${entry.commit.message}`)
    context.stdout.line(entries.length === 0 ? 'The stash is empty.' : 'What was dropped comes back with: dits undo')
  }
}

function nameOf({ position }: StashEntry): string {
  return `stash@{${position}}`
}
