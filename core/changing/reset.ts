import { DitsError } from '../errors.ts'
import { readLiveMerge, readMergeState } from '../merging/merge-state.ts'
import type { Id } from '../objects/id.ts'
import { withLock, type Repo } from '../repo.ts'
import { modifiedPaths } from '../staging/changes.ts'
import { readIndex } from '../staging/stage.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { changeWorktree } from './change-worktree.ts'
import { headMove, readCommit, readCurrentHead } from './head.ts'
import { applyChange, type PlannedChange } from './operation.ts'

export interface ResetReport {
  id: Id
  before: Id | undefined
  /** Files of the working tree that were written or removed (hard only). */
  written: number
  /** Files that were written without content (hard only). */
  ghosts: number
  removed: number
  /** True where uncommitted files were replaced; undo brings them back. */
  saved: boolean
}

/**
 * Moves the branch (or the detached HEAD) to a commit. `soft` leaves the index
 * and the working tree, `mixed` sets the index to the commit, `hard` sets both.
 * What `hard` replaces in the working tree is saved first, for undo. A merge in
 * progress ends with `mixed` and `hard`.
 */
export async function resetTo(repo: Repo, id: Id, mode: 'soft' | 'mixed' | 'hard'): Promise<ResetReport> {
  return withLock(repo, async () => {
    const current = await readCurrentHead(repo)
    const merge = await readMergeState(repo)
    if (mode === 'soft' && (await readLiveMerge(repo, current.id))) {
      throw new DitsError('merge-in-progress', 'a merge is in progress, which a soft reset would lose', { hint: 'use: dits reset --mixed' })
    }
    const index = await readIndex(repo)
    const tree = (await readCommit(repo, id)).tree
    const report: ResetReport = { id, before: current.id, written: 0, ghosts: 0, removed: 0, saved: false }
    const moves: Omit<PlannedChange, 'index'> = headMove(current, id)
    if (merge && mode !== 'soft') moves.merge = merge.phase === 'open' ? { before: merge } : {}
    const staged = { before: index?.tree, after: tree }
    if (mode === 'hard') {
      const update = await changeWorktree(repo, {
        from: index,
        target: tree,
        policy: 'save',
        also: await modifiedPaths(repo, index),
        change: { ...moves, index: staged },
      })
      Object.assign(report, { written: update.written, ghosts: update.ghosts, removed: update.removed, saved: update.saved !== undefined })
    } else if (mode === 'mixed') {
      await applyChange(repo, { ...moves, index: { ...staged, bytes: await indexFromTree(repo.objects, tree, index) } })
    } else await applyChange(repo, moves)
    return report
  })
}
