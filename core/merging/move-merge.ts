import type { Repo } from '../repo.ts'
import { placeBeside, removeBeside } from './beside-files.ts'
import { clearMergeState, readMergeState, writeMergeState, type MergeMove, type MergeState, type OpenConflict } from './merge-state.ts'

/**
 * Makes a move of the merge in progress: writes their versions for conflicts
 * that are open now, removes those of conflicts that no longer are, and then
 * writes the state. A crash in between leaves the state of before, so that the
 * same command can be run again; a conflict that is open in it then may lack
 * the file beside, but not what was in it.
 */
export async function moveMerge(repo: Repo, move: MergeMove): Promise<void> {
  const before = await readMergeState(repo)
  const wanted = stateAfter(before, move)
  const after = wanted && { ...wanted, conflicts: await placeBeside(repo, wanted.conflicts) }
  if (before) await removeBeside(repo, before, after)
  if (after) await writeMergeState(repo, after)
  else await clearMergeState(repo)
}

function stateAfter(now: MergeState | undefined, move: MergeMove): MergeState | undefined {
  const { settled, reopened } = move
  if (!settled && !reopened) return move.after
  return now && { ...now, conflicts: withConflicts(now.conflicts, settled ?? [], reopened ?? []) }
}

/** The open conflicts, sorted by path, without those settled and with those open again. */
function withConflicts(open: readonly OpenConflict[], settled: readonly OpenConflict[], reopened: readonly OpenConflict[]): OpenConflict[] {
  const gone = new Set([...settled, ...reopened].map(({ path }) => path))
  const left = [...open.filter(({ path }) => !gone.has(path)), ...reopened]
  return left.sort((a, b) => (a.path < b.path ? -1 : 1))
}
