import { pathToText, rootPath } from '../core/bytes.ts'
import { readCommit } from '../core/changing/head.ts'
import { compareVersions } from '../core/comparing/compare.ts'
import { describeConflict } from '../core/merging/describe-merge.ts'
import { abortMerge, type AbortReport } from '../core/merging/abort.ts'
import type { MergeCommand, OpenConflict } from '../core/merging/merge-state.ts'
import type { Id } from '../core/objects/id.ts'
import type { Repo } from '../core/repo.ts'
import { parsePathspec } from '../core/staging/pathspec.ts'
import { setChangeTable } from './change-table.ts'
import type { Context } from './context.ts'
import { formatAmount, formatSize, quotePath } from './format.ts'
import { shortId } from './revisions.ts'

/** What merge, cherry-pick, revert and stash print alike. */

/** The table of what differs between two trees. */
export async function showTreeChanges(context: Context, repo: Repo, before: Id | undefined, after: Id): Promise<void> {
  const changes = compareVersions(repo, { tree: before }, { tree: after }, { spec: parsePathspec([], rootPath), measure: false })
  await setChangeTable(context, changes, 'sizes', context.stdout.line)
}

/** The same for two commits. */
export async function showCommitChanges(context: Context, repo: Repo, before: Id | undefined, after: Id): Promise<void> {
  await showTreeChanges(context, repo, before && (await readCommit(repo, before)).tree, (await readCommit(repo, after)).tree)
}

/** The files in conflict, one after another, with what to do about them. */
export function showConflicts(context: Context, conflicts: readonly OpenConflict[], from: { command: MergeCommand; theirName: string }): void {
  const { stdout, colors } = context
  for (const conflict of conflicts) {
    const { path, text, beside, oursSize, theirsSize } = describeConflict(conflict, from.theirName)
    stdout.line(`${colors.red('CONFLICT')} ${quotePath(path)}: ${text}`)
    if (oursSize !== undefined && theirsSize !== undefined) stdout.line(colors.dim(`  ours is ${formatSize(oursSize)}, theirs ${formatSize(theirsSize)}`))
    if (beside !== undefined) stdout.line(`  theirs is in ${quotePath(beside)}`)
  }
  const finish = from.command === 'stash' ? '' : `; then: dits ${from.command === 'merge' ? 'commit' : `${from.command} --continue`}`
  stdout.line(`${formatAmount(conflicts.length, 'file')} in conflict. Take a side with 'dits resolve --ours|--theirs|--both FILE...',`)
  stdout.line(`or edit the file and 'dits add' it${finish}.`)
  stdout.line(`To give it up: dits ${from.command} --abort`)
}

/** A conflict as JSON: `{path, reason, beside}`. */
export function conflictToJson({ path, reason, beside }: OpenConflict): object {
  return { path: pathToText(path), reason, beside: beside === undefined ? null : pathToText(beside) }
}

/** Gives up what is in progress, and says so. */
export async function runAbort(context: Context, repo: Repo, command: MergeCommand): Promise<void> {
  const report = await abortMerge(repo, command)
  if (context.json) context.stdout.json(abortToJson(report))
  else if (!context.quiet) {
    const { state, written, removed, saved } = report
    const back = state.original.head === undefined ? '' : `: back at ${shortId(state.original.head)}`
    const files = written + removed === 0 ? '' : `, ${formatAmount(written, 'file')} written, ${removed} removed`
    context.stdout.line(`Gave up the ${command}${back}${files}.`)
    if (saved) context.stdout.line('Files that were worked in were replaced; they come back with: dits undo')
  }
}

function abortToJson({ state, written, removed, saved }: AbortReport): object {
  return { aborted: state.command, head: state.original.head ?? null, written, removed, saved }
}
