import { readCommit, readCurrentHead } from '../core/changing/head.ts'
import type { MergeReport, MergeTarget } from '../core/merging/merge.ts'
import type { Repo } from '../core/repo.ts'
import type { Context } from './context.ts'
import { conflictToJson, showCommitChanges, showConflicts } from './merge-text.ts'
import { subjectLine } from './printable.ts'
import { headName, shortId } from './revisions.ts'

/** Prints what a merge did; answers the exit code, 1 where there are conflicts. */
export async function showMergeResult(context: Context, repo: Repo, target: MergeTarget, report: MergeReport): Promise<number> {
  const { outcome, before, after, conflicts } = report
  const { head } = await readCurrentHead(repo)
  if (context.json) {
    const branch = 'branch' in head ? headName(head) : null
    context.stdout.json({ ...report, before: before ?? null, after: after ?? null, branch, conflicts: conflicts.map(conflictToJson) })
  } else if (outcome === 'conflicts') showConflicts(context, conflicts, { command: 'merge', theirName: target.name })
  else if (!context.quiet) await showDone(context, repo, target, report)
  return outcome === 'conflicts' ? 1 : 0
}

async function showDone(context: Context, repo: Repo, target: MergeTarget, { outcome, before, after }: MergeReport): Promise<void> {
  const { stdout } = context
  if (outcome === 'up-to-date') return stdout.line('Already up to date.')
  if (outcome === 'staged') return stdout.line(`Staged the changes of '${target.name}'; commit them with: dits commit`)
  if (outcome === 'waiting') return stdout.line(`Merged '${target.name}' without conflicts; look at it, then: dits commit`)
  if (outcome === 'fast-forward') stdout.line(`Fast-forward${before ? ` ${shortId(before)}..${shortId(after!)}` : ` to ${shortId(after!)}`}`)
  else stdout.line(`Merged '${target.name}' as ${shortId(after!)} ${subjectLine((await readCommit(repo, after!)).message)}`)
  await showCommitChanges(context, repo, before, after!)
}
