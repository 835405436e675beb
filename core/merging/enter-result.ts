import type { BytePath } from '../bytes.ts'
import { headMove, readCurrentHead, type CurrentHead, type HeadMove } from '../changing/head.ts'
import { applyChange } from '../changing/operation.ts'
import { updateWorktree, wouldOverwrite } from '../changing/update-worktree.ts'
import { isPartial } from '../ghosts/partial.ts'
import { bringFiles } from '../ghosts/plan-content.ts'
import type { Conflict } from '../history/merge-trees.ts'
import type { PathEntry } from '../history/renames.ts'
import type { Id } from '../objects/id.ts'
import type { RefMove } from '../oplog.ts'
import type { Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { checkUnchanged } from '../worktree/content-hash.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { removeLeftovers } from '../worktree/place.ts'
import { planBeside } from './beside-files.ts'
import { clearMergeState, readMergeState, writeMergeState, type ConflictSide, type MergeCommand, type MergeState, type OpenConflict } from './merge-state.ts'
import { interrupted } from './refuse.ts'

/** Where a command of this family begins. */
export interface Start {
  current: CurrentHead
  index: Index | undefined
  /** The open merge that the command goes on with. */
  previous?: MergeState | undefined
}

/** What became of it. */
export interface Entered {
  state: MergeState
  /** Files of the working tree that were written and removed. */
  written: number
  removed: number
}

/** What a command found out; the rest of the state follows from where it began. */
export type Result = Omit<MergeState, 'phase' | 'from' | 'original' | 'conflicts' | 'previous'> & {
  conflicts: readonly Conflict[]
  /** True where it waits for a person though nothing is in conflict. */
  waits?: boolean
}

/**
 * Puts a result in place: the working tree, the index and HEAD. Everything that
 * it refers to is durable already. Order: the state of the merge, as a note of
 * what is going on; the working tree; the operation log, the refs and the
 * index; their versions of the files in conflict; the state again, open or
 * gone. After a crash the note is there, and the same command goes on from
 * wherever it was (`resumeInterrupted`), because each step recognises what is
 * done; or `abortMerge` brings back what was before. Commands that would build
 * on a half of it are refused.
 *
 * Throws `would-overwrite`, with everything as it was, where uncommitted
 * changes are in the way, and `content-unavailable` likewise where content
 * that has to come cannot be had.
 */
export async function enterResult(repo: Repo, start: Start, result: Result): Promise<Entered> {
  await refuseWorkedIn(repo, start, result)
  await bringTheirs(repo, result.conflicts)
  const state = await stateOf(repo, start, result)
  const noted = await readMergeState(repo)
  await writeMergeState(repo, state)
  let begun = false
  try {
    return await putInPlace(repo, start, state, () => void (begun = true))
  } catch (error) {
    if (!begun) await (noted ? writeMergeState(repo, noted) : clearMergeState(repo))
    else repo.env.onWarning?.(`the ${state.command} was interrupted half-way: run it again to go on, or give it up with: dits ${state.command} --abort`)
    throw error
  }
}

/** Their versions of what is in conflict will lie beside ours: what has to come for that comes before anything is changed. */
async function bringTheirs(repo: Repo, conflicts: Result['conflicts']): Promise<void> {
  if (!isPartial(repo)) return
  const files = conflicts.flatMap(({ theirs }) => (theirs && theirs.entry.kind !== 'directory' ? [{ ...theirs.entry, path: theirs.path }] : []))
  await bringFiles(repo, files)
}

/** A file that will be in conflict stays as it is on disk; with uncommitted changes in it, it would be no version of ours. */
async function refuseWorkedIn(repo: Repo, { index, previous }: Start, { conflicts }: Result): Promise<void> {
  const paths: BytePath[] = []
  const signal = repo.env.signal && { signal: repo.env.signal }
  for (const { path } of previous ? [] : conflicts) {
    const entry = index?.get(path)
    if (entry && (await checkUnchanged(repo.root, entry, signal)) !== 'same') paths.push(path)
  }
  if (paths.length > 0) throw wouldOverwrite(paths)
}

/**
 * Goes on with what a crash interrupted, where it is the same command for the
 * same commits; `undefined` where nothing was interrupted. Throws
 * `merge-interrupted` where it was another.
 */
export async function resumeInterrupted(repo: Repo, command: MergeCommand, request: readonly Id[]): Promise<Entered | undefined> {
  const state = await readMergeState(repo)
  const current = await readCurrentHead(repo)
  const isLive = state && state.phase !== 'open' && (current.id === state.from.head || current.id === state.head)
  if (!isLive) return undefined
  if (state.command !== command || state.request.join() !== request.join()) throw interrupted(state)
  if (current.id !== state.from.head) await moveBack(repo, current, state.from.head)
  const index = await readIndex(repo)
  removeLeftovers(repo.root)
  return putInPlace(repo, { current: await readCurrentHead(repo), index }, state)
}

/** So that the operation is recorded as one that moved everything, whatever had been moved before the crash. */
async function moveBack(repo: Repo, { branch, id }: CurrentHead, to: Id | undefined): Promise<void> {
  if (branch) await repo.refs.move(branch, id, to)
  else if (to) await repo.refs.writeHead({ id: to })
}

/** `begin` is called when everything was looked at, before the first file is touched. */
async function putInPlace(repo: Repo, { current, index }: Pick<Start, 'current' | 'index'>, state: MergeState, begin = () => {}): Promise<Entered> {
  const { previous, ...rest } = state
  const { disk, staged, from } = state
  const update = await updateWorktree(repo, index, disk, { policy: 'refuse', staged, begin: async () => begin() })
  const bytes = staged === disk ? update.index : await indexFromTree(repo.objects, staged, decodeIndex(update.index))
  const after: MergeState | undefined = state.phase === 'opening' ? { ...rest, phase: 'open' } : undefined
  const moves: HeadMove = state.head && state.head !== current.id ? headMove(current, state.head) : {}
  await applyChange(repo, {
    ...moves,
    refs: [...(moves.refs ?? []), ...(await droppedRef(repo, state))],
    index: { bytes, before: from.staged, after: staged },
    worktree: true,
    disk: staged !== disk && from.staged ? { before: from.staged, after: disk } : undefined,
    merge: { before: previous, after },
  })
  return { state, written: update.written, removed: update.removed }
}

async function droppedRef(repo: Repo, { drops }: MergeState): Promise<RefMove[]> {
  const before = drops === undefined ? undefined : await repo.refs.read(drops)
  return drops === undefined || before === undefined ? [] : [{ name: drops, before }]
}

async function stateOf(repo: Repo, { current, index, previous }: Start, result: Result): Promise<MergeState> {
  const { waits = false, conflicts, ...rest } = result
  const from = { ...(current.id ? { head: current.id } : {}), ...(index?.tree ? { staged: index.tree } : {}) }
  const open = conflicts.map(openConflict)
  return {
    ...rest,
    phase: waits || open.length > 0 ? 'opening' : 'closing',
    conflicts: await planBeside(repo, repo.objects, result.disk, { head: result.heads[0] ?? result.request[0]!, conflicts: open }),
    from,
    original: previous?.original ?? from,
    ...(previous ? { previous } : {}),
  }
}

function openConflict({ path, reason, base, ours, theirs }: Conflict): OpenConflict {
  return { path, reason, ...(base && { base: sideOf(base) }), ...(ours && { ours: sideOf(ours) }), ...(theirs && { theirs: sideOf(theirs) }) }
}

function sideOf({ path, entry: { name: _, ...entry } }: PathEntry): ConflictSide {
  return { path, ...entry }
}
