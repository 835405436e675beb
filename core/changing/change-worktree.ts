import type { BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { Repo } from '../repo.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { makeChange, movesNothing, recordChange, type Change, type PlannedChange } from './operation.ts'
import { updateWorktree, type UncommittedPolicy, type UpdateResult } from './update-worktree.ts'

export interface WorktreeChange {
  /** What the working tree is now, as far as it is tracked. */
  from: Index | undefined
  /** The tree that it is brought to. */
  target: Id
  policy: UncommittedPolicy
  /** See UpdateOptions. */
  hint?: string
  also?: ReadonlySet<BytePath>
  /** What else moves. Where it moves the index, that becomes the index of `target`; where not, `disk` says what is staged. */
  change: PlannedChange
}

/**
 * Makes a change that also replaces files: everything is looked at, the change
 * recorded, the files brought to `target`, and then the index, the refs and
 * HEAD moved. Where nothing changes at all, nothing is recorded. Throws what
 * `updateWorktree` and `makeChange` throw; where the change was begun by then,
 * the person is told how to go on and how to go back.
 */
export async function changeWorktree(repo: Repo, { from, target, policy, hint, also, change }: WorktreeChange): Promise<UpdateResult> {
  let begun = false
  try {
    const update = await updateWorktree(repo, from, target, {
      policy,
      hint,
      staged: change.index ? target : change.disk?.before,
      ...(also ? { also } : {}),
      begin: async (saved, paths) => {
        if (paths === 0 && movesNothing(change)) return
        await recordChange(repo, { ...change, saved, worktree: true })
        begun = true
      },
    })
    const index = change.index ? { ...change.index, bytes: update.index } : await sameStaged(repo, from, update)
    await makeChange(repo, { ...change, index })
    return update
  } catch (error) {
    if (begun) repo.env.onWarning?.('this ended half-way: run the same command again to go on, or go back with: dits undo')
    throw error
  }
}

/** An index of what is staged still, in which what was replaced is no ghost any more. */
async function sameStaged(repo: Repo, from: Index | undefined, update: UpdateResult): Promise<Change['index']> {
  if (!from?.tree || !from.hasGhosts) return undefined
  return { before: from.tree, after: from.tree, bytes: await indexFromTree(repo.objects, from.tree, decodeIndex(update.index)) }
}
