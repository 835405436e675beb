import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import type { Repo } from '../repo.ts'
import { readLiveMerge, type MergeState } from './merge-state.ts'

/** Throws `merge-in-progress` or `merge-interrupted` where a merge waits for a person. `head` is the commit that HEAD stands on. */
export async function refuseDuringMerge(repo: Repo, head: Id | undefined): Promise<void> {
  const merge = await readLiveMerge(repo, head)
  if (!merge) return
  if (merge.phase !== 'open') throw interrupted(merge)
  throw new DitsError('merge-in-progress', `a ${merge.command} is in progress`, {
    hint: `finish it with: ${howToFinish(merge)}; or give it up with: dits ${merge.command} --abort`,
  })
}

/** Throws `merge-interrupted` where a crash left a merge half in place. */
export async function refuseInterrupted(repo: Repo, head: Id | undefined): Promise<void> {
  const merge = await readLiveMerge(repo, head)
  if (merge && merge.phase !== 'open') throw interrupted(merge)
}

/** Throws what keeps a merge from being committed: `merge-interrupted`, `unresolved-conflicts`, or `merge-in-progress` for an amendment. */
export function checkCommittable(merge: MergeState, options: { amend?: boolean }): void {
  if (merge.phase !== 'open') throw interrupted(merge)
  const { length } = merge.conflicts
  if (length > 0) {
    const named = listOf(merge.conflicts.map(({ path }) => path))
    const copies = merge.conflicts.flatMap(({ beside }) => beside ?? [])
    const besideText = copies.length === 0 ? '' : `\ntheir versions lie beside them, and are never committed: ${listOf(copies)}`
    throw new DitsError('unresolved-conflicts', `${length === 1 ? '1 file is' : `${length} files are`} still in conflict: ${named}`, {
      hint: `look at them with: dits status; then: dits resolve --ours|--theirs|--both FILE${besideText}`,
    })
  }
  if (options.amend) {
    throw new DitsError('merge-in-progress', `a ${merge.command} is in progress: there is nothing to amend yet`, {
      hint: `finish it with: ${howToFinish(merge)}`,
    })
  }
}

function listOf(paths: readonly BytePath[]): string {
  return paths.slice(0, 3).map((path) => `'${pathToText(path)}'`).join(', ') + (paths.length > 3 ? ` and ${paths.length - 3} more` : '')
}

/** Throws `in-conflict` where one of the files is, because its conflict would not know where it went. */
export async function refuseInConflict(repo: Repo, head: Id | undefined, isTouched: (path: BytePath) => boolean): Promise<void> {
  const merge = await readLiveMerge(repo, head)
  const found = merge?.conflicts.find(({ path }) => isTouched(path))
  if (!found) return
  throw new DitsError('in-conflict', `'${pathToText(found.path)}' is in conflict`, { hint: 'resolve it first: dits resolve --ours|--theirs|--both FILE' })
}

/** The command that goes on once all conflicts are resolved. */
export function howToFinish(merge: MergeState): string {
  if (merge.command === 'merge') return 'dits commit'
  return merge.endsWith === 'commit' || merge.todo.length > 0 ? `dits ${merge.command} --continue` : 'dits resolve'
}

export function interrupted(merge: MergeState): DitsError {
  return new DitsError('merge-interrupted', `a ${merge.command} was interrupted half-way`, {
    hint: `run it again to go on; or give it up with: dits ${merge.command} --abort`,
  })
}
