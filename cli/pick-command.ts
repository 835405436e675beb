import { continuePicks, pickCommits, type PickCommand, type PickReport } from '../core/merging/picks.ts'
import type { Id } from '../core/objects/id.ts'
import { walkCommits } from '../core/history/walk.ts'
import { parseRange } from '../core/refs/rev-parse.ts'
import { readCommit } from '../core/changing/head.ts'
import type { Repo } from '../core/repo.ts'
import type { Argv } from 'yargs'
import { UsageError } from './arguments.ts'
import type { Context } from './context.ts'
import { formatAmount } from './format.ts'
import { conflictToJson, runAbort, showCommitChanges, showConflicts } from './merge-text.ts'
import { subjectLine } from './printable.ts'
import { isRange } from './revision-words.ts'
import { findCommit, revisionContext, shortId } from './revisions.ts'

/** What `cherry-pick` and `revert` have in common: all but the direction. */

/** The arguments that both have; `-x` is cherry-pick's alone. */
export interface PickArguments {
  commits?: string[] | undefined
  mainline?: number | undefined
  commit: boolean
  n: boolean
  x?: boolean | undefined
  abort: boolean
  continue: boolean
  skip: boolean
}

/** Declares the options that both have. */
export function pickOptions(yargs: Argv, command: PickCommand): Argv<PickArguments> {
  const done = command === 'revert' ? 'taken back' : 'picked'
  return yargs
    .positional('commits', { type: 'string', array: true, describe: 'commits, or ranges of them as A..B' })
    .option('mainline', { alias: 'm', type: 'number', describe: 'which parent of a merge its change is compared with, from 1' })
    .option('commit', { type: 'boolean', default: true, describe: 'commit; --no-commit only stages the changes' })
    .option('n', { type: 'boolean', default: false, describe: 'the same as --no-commit' })
    .option('abort', { type: 'boolean', default: false, describe: 'go back to where it began' })
    .option('continue', { type: 'boolean', default: false, describe: 'commit what was resolved, and go on with the rest' })
    .option('skip', { type: 'boolean', default: false, describe: `leave out the commit that cannot be ${done}, and go on` })
}

/** What their help says about `--json`. */
export const pickJson = `With --json: {before, after, made: [{id, from, message}], skipped, stopped: {from, conflicts:
[{path, reason, beside}]} or null, todo, written, removed}; with --abort {aborted, head,
written, removed, saved}. Ends with 1 where there are conflicts.`

/** Runs either, and answers its exit code: 1 where it stopped at conflicts. */
export async function runPick(context: Context, command: PickCommand, args: PickArguments): Promise<number | void> {
  const repo = await context.openRepo()
  if (args.abort) return runAbort(context, repo, command)
  if (args.continue || args.skip) return show(context, repo, command, await continuePicks(repo, command, { skip: args.skip }))
  const words = args.commits ?? []
  if (words.length === 0) throw new UsageError(`name the commits to ${command}`, `usage: dits ${command} COMMIT...`)
  const commits = await commitsOf(repo, words, command)
  const report = await pickCommits(repo, command, commits, {
    ...(args.mainline === undefined ? {} : { mainline: args.mainline }),
    ...(args.x ? { noteOrigin: true } : {}),
    ...(args.n || !args.commit ? { noCommit: true } : {}),
  })
  return show(context, repo, command, report)
}

/** The commits in the order in which they are to be taken: of a range, the oldest first to pick, the newest first to revert. */
async function commitsOf(repo: Repo, words: readonly string[], command: PickCommand): Promise<Id[]> {
  const commits: Id[] = []
  for (const word of words) {
    if (!isRange(word)) {
      commits.push(await findCommit(repo, word))
      continue
    }
    const { starts, exclude } = await parseRange(revisionContext(repo), word)
    const range: Id[] = []
    for await (const { id } of walkCommits(repo.objects, starts, { exclude })) {
      if ((await readCommit(repo, id)).parents.length < 2) range.push(id)
    }
    commits.push(...(command === 'revert' ? range : range.reverse()))
  }
  return commits
}

async function show(context: Context, repo: Repo, command: PickCommand, report: PickReport): Promise<number> {
  const { stopped } = report
  if (context.json) {
    const { from, conflicts } = stopped ?? {}
    context.stdout.json({ ...report, stopped: stopped ? { from, conflicts: conflicts?.map(conflictToJson) } : null })
  } else {
    if (!context.quiet) await showDone(context, repo, report)
    if (stopped) await showStopped(context, repo, command, stopped, report.todo.length)
  }
  return stopped ? 1 : 0
}

async function showDone(context: Context, repo: Repo, report: PickReport): Promise<void> {
  const { made, skipped, before, after, written, removed, stopped } = report
  for (const { id, message } of made) context.stdout.line(`[${shortId(id)}] ${subjectLine(message)}`)
  for (const id of skipped) context.stdout.line(`Passed over ${await subject(repo, id)}: it changes nothing here`)
  if (made.length > 0) await showCommitChanges(context, repo, before, after)
  else if (!stopped && written + removed > 0) context.stdout.line(`Staged: ${formatAmount(written, 'file')} written, ${removed} removed; commit it with: dits commit`)
}

async function showStopped(
  context: Context,
  repo: Repo,
  command: PickCommand,
  { from, conflicts }: NonNullable<PickReport['stopped']>,
  todo: number,
): Promise<void> {
  const more = todo === 0 ? '' : `; ${formatAmount(todo, 'commit')} to follow`
  context.stdout.line(`Stopped at ${await subject(repo, from)}${more}`)
  showConflicts(context, conflicts, { command, theirName: shortId(from) })
}

async function subject(repo: Repo, id: Id): Promise<string> {
  return `${shortId(id)} ${subjectLine((await readCommit(repo, id)).message)}`
}
