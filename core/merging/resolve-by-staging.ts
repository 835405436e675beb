import type { BytePath } from '../bytes.ts'
import { readCurrentHead } from '../changing/head.ts'
import type { Repo } from '../repo.ts'
import { readLiveMerge, type MergeMove, type MergeState, type OpenConflict } from './merge-state.ts'
import { interrupted } from './refuse.ts'

/**
 * What staging, removing or restoring these paths by hand means for the merge
 * in progress: their conflicts are resolved. To be made with the change that it
 * belongs to (`applyChange`); `undefined` where it means nothing. Throws
 * `merge-interrupted` and `merge-state-damaged`.
 */
export async function resolveByStaging(repo: Repo, paths: Iterable<BytePath>): Promise<MergeMove | undefined> {
  const state = await readLiveMerge(repo, (await readCurrentHead(repo)).id)
  if (!state) return undefined
  if (state.phase !== 'open') throw interrupted(state)
  const staged = new Set(paths)
  const settled = state.conflicts.filter(({ path }) => staged.has(path))
  return settled.length === 0 ? undefined : moveOfResolution(state, settled)
}

/** How a merge moves when conflicts of it are resolved: where no commit is to come, it is over with the last one. */
export function moveOfResolution(state: MergeState, settled: OpenConflict[]): MergeMove {
  const isOver = state.endsWith === 'resolution' && state.todo.length === 0 && conflictsWithout(state, settled).length === 0
  return isOver ? { before: state } : { settled }
}

/** The conflicts that are left when some are resolved. */
export function conflictsWithout(state: MergeState, settled: readonly OpenConflict[]): OpenConflict[] {
  return state.conflicts.filter((conflict) => !settled.includes(conflict))
}
