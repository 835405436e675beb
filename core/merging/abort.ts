import type { BytePath } from '../bytes.ts'
import { emptyTree } from '../changing/edit-index.ts'
import { changeWorktree } from '../changing/change-worktree.ts'
import { headMove, readCurrentHead, type HeadMove } from '../changing/head.ts'
import type { PlannedChange } from '../changing/operation.ts'
import { DitsError } from '../errors.ts'
import { mergeTrees } from '../history/merge-trees.ts'
import type { RefMove } from '../oplog.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { checkUnchanged } from '../worktree/content-hash.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { removeLeftovers } from '../worktree/place.ts'
import { readLiveMerge, type MergeCommand, type MergeState } from './merge-state.ts'
import { openWorkbench } from './workbench.ts'

export interface AbortReport {
  state: MergeState
  written: number
  removed: number
  /** True where files that were worked in since were replaced; undo brings them back. */
  saved: boolean
}

/**
 * Gives up the merge, cherry-pick, revert or stash that is in progress, or that
 * a crash left half in place: HEAD, the index and the files that it touched
 * become what they were. Other uncommitted changes stay. What was worked in the
 * touched files is saved for undo. Running it again after a crash completes it.
 *
 * Throws `no-merge-in-progress`.
 */
export async function abortMerge(repo: Repo, command: MergeCommand): Promise<AbortReport> {
  return withLock(repo, async () => {
    const current = await readCurrentHead(repo)
    const state = await requireMerge(repo, command, current.id)
    const index = await readIndex(repo)
    const target = state.original.staged ?? (await writeEmptyTree(repo))
    const from = await indexOfDisk(repo, state, index)
    const moves: HeadMove = state.original.head && state.original.head !== current.id ? headMove(current, state.original.head) : {}
    const change: PlannedChange = {
      ...moves,
      refs: [...(moves.refs ?? (await unbornBranch(repo, state))), ...(await entryThatWasDropped(repo, state))],
      index: { before: index?.tree, after: target },
      disk: state.staged !== state.disk && from.tree ? { before: from.tree, after: target } : undefined,
      // A state that was interrupted is nothing that undo should bring back.
      merge: state.phase === 'open' ? { before: state } : {},
    }
    if (state.phase !== 'open') removeLeftovers(repo.root)
    const update = await changeWorktree(repo, { from, target, policy: 'save', also: await workedIn(repo, state, from), change })
    return { state, written: update.written, removed: update.removed, saved: update.saved !== undefined }
  })
}

/** The merge in progress, if it is this command's. Throws `no-merge-in-progress`. */
export async function requireMerge(repo: Repo, command: MergeCommand, head: MergeState['head']): Promise<MergeState> {
  const state = await readLiveMerge(repo, head)
  if (state?.command === command) return state
  throw new DitsError('no-merge-in-progress', `no ${command} is in progress`, {
    hint: state ? `a ${state.command} is: dits ${state.command} --abort` : 'see: dits status',
  })
}

/**
 * What the merge put on disk, as an index: the result where that was
 * interrupted; what is staged by now where it is open; for a stash, whose
 * result is not staged, that result with what was staged since.
 */
async function indexOfDisk(repo: Repo, state: MergeState, index: Index | undefined): Promise<Index> {
  if (state.phase === 'open' && state.staged === state.disk && index) return index
  let tree = state.disk
  if (state.phase === 'open' && index?.tree && index.tree !== state.staged) {
    const bench = openWorkbench(repo)
    const trees = { base: state.staged, ours: state.disk, theirs: index.tree }
    tree = (await mergeTrees(bench.reader, bench.emit, { ...trees, signal: repo.env.signal })).tree
    await bench.flush()
  }
  return decodeIndex(await indexFromTree(repo.objects, tree, index))
}

/** Files in conflict that hold something else than was put there. */
async function workedIn(repo: Repo, state: MergeState, index: Index): Promise<Set<BytePath>> {
  const paths = new Set<BytePath>()
  for (const { path } of state.conflicts) {
    const entry = index.get(path)
    const signal = repo.env.signal && { signal: repo.env.signal }
    if (entry && (await checkUnchanged(repo.root, entry, signal)) !== 'same') paths.add(path)
  }
  return paths
}

/** The branch that had no commit before it moved forward has none again. */
async function unbornBranch(repo: Repo, { original }: MergeState): Promise<RefMove[]> {
  const { branch, id } = await readCurrentHead(repo)
  return original.head === undefined && branch && id ? [{ name: branch, before: id }] : []
}

/** The stash entry that was dropped just before the crash. */
async function entryThatWasDropped(repo: Repo, { drops, request }: MergeState): Promise<RefMove[]> {
  const isGone = drops !== undefined && (await repo.refs.read(drops)) === undefined
  return isGone ? [{ name: drops, after: request[0]! }] : []
}

async function writeEmptyTree(repo: Repo): Promise<NonNullable<MergeState['original']['staged']>> {
  const writer = await openWriter(repo)
  const tree = emptyTree((kind, bytes) => writer.write(kind, bytes))
  await writer.flush()
  return tree
}
