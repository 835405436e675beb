import { carryStaged } from '../changing/carry-staged.ts'
import { changeWorktree } from '../changing/change-worktree.ts'
import { headMove, readCommit, readCurrentHead } from '../changing/head.ts'
import { DitsError } from '../errors.ts'
import { isAncestor } from '../history/ancestry.ts'
import { walkCommits } from '../history/walk.ts'
import type { Id } from '../objects/id.ts'
import { withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { mergeInto } from './merge.ts'
import { runPicks } from './picks.ts'
import { refuseDuringMerge } from './refuse.ts'
import { openWorkbench } from './workbench.ts'

export interface RebaseReport {
  outcome: 'up-to-date' | 'fast-forward' | 'rebased'
  after: Id
  /** Commits that were made again. */
  made: number
}

/**
 * Makes the commits that only this branch has again on top of `onto`, and moves
 * the branch there, in one operation that undo takes back. Only where no
 * decision is needed: among merges, or where a change cannot be made again
 * without a conflict, it changes nothing and throws `rebase-needs-merge`.
 * Throws `would-overwrite`, `merge-in-progress`.
 */
export async function rebaseOnto(repo: Repo, onto: Id): Promise<RebaseReport> {
  const { id } = await readCurrentHead(repo)
  if (id && (await isAncestor(repo.objects, onto, id))) return { outcome: 'up-to-date', after: id, made: 0 }
  if (!id || (await isAncestor(repo.objects, id, onto))) {
    const target = { id: onto, name: onto.slice(0, 10), kind: 'commit' as const }
    await mergeInto(repo, target, { forward: 'must', commit: true })
    return { outcome: 'fast-forward', after: onto, made: 0 }
  }
  return withLock(repo, () => replay(repo, onto))
}

async function replay(repo: Repo, onto: Id): Promise<RebaseReport> {
  const current = await readCurrentHead(repo)
  await refuseDuringMerge(repo, current.id)
  const own = await ownCommits(repo, current.id!, onto)
  const index = await readIndex(repo)
  const bench = openWorkbench(repo)
  const { tree } = await readCommit(repo, onto)
  const run = await runPicks(repo, bench, { command: 'cherry-pick', commits: own, options: {}, head: onto, tree })
  if (run.stopped) throw needsMerge(`'${run.stopped.source.message.split('\n')[0]}' changes what was changed there as well`)
  const staged = await carryStaged(bench, { from: current.commit?.tree, staged: index?.tree, to: run.tree }, repo.env.signal)
  await bench.flush()
  await changeWorktree(repo, {
    from: index,
    target: staged,
    policy: 'refuse',
    change: { ...headMove(current, run.head), index: { before: index?.tree, after: staged } },
  })
  return { outcome: 'rebased', after: run.head, made: run.made.length }
}

/** The commits that `head` reaches and `onto` does not, oldest first. */
async function ownCommits(repo: Repo, head: Id, onto: Id): Promise<Id[]> {
  const own: Id[] = []
  for await (const { id, commit } of walkCommits(repo.objects, [head], { exclude: [onto], order: 'topo' })) {
    if (commit.parents.length > 1) throw needsMerge('there are merges among your commits')
    own.push(id)
  }
  return own.reverse()
}

function needsMerge(why: string): DitsError {
  return new DitsError('rebase-needs-merge', `your commits cannot be put on top without a decision: ${why}`, { hint: 'merge instead: dits pull' })
}
