import type { BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { blake3Text } from '../hash.ts'
import { smallValueBytesMax } from '../limits.ts'
import type { Person } from '../objects/commit.ts'
import type { Id, ObjectKind } from '../objects/id.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import type { ConflictReason } from '../history/merge-trees.ts'
import type { ByteStore } from '../store/byte-store.ts'
import type { FileStat } from '../worktree/file-stat.ts'
import { parseMergeState, stateToJson } from './merge-record.ts'

/** One side of a conflict: what its tree says, and at which path. */
export interface ConflictSide extends Omit<TreeEntry, 'name'> {
  path: BytePath
}

/** A path that could not be merged. Ours is what is staged and in the working tree until it is resolved. */
export interface OpenConflict {
  path: BytePath
  reason: ConflictReason
  base?: ConflictSide
  ours?: ConflictSide
  theirs?: ConflictSide
  /** Where their version lies in the working tree, beside ours, until the conflict is resolved. */
  beside?: BytePath
  /** What lstat said of the file beside when it was written: how dits knows that nobody worked in it. */
  besideStat?: FileStat
}

export type MergeCommand = 'merge' | 'cherry-pick' | 'revert' | 'stash'

/**
 * A merge, cherry-pick, revert or stash that is being put in place, or that
 * waits for its conflicts to be resolved and for a commit.
 */
export interface MergeState {
  command: MergeCommand
  /**
   * `open`: it waits for a person. Before that, while the working tree, the
   * index and HEAD are brought to the result, `opening` where it will be open
   * afterwards and `closing` where it will be over. Who finds one of these two
   * has come upon a crash: the same command goes on, `--abort` goes back.
   */
  phase: 'opening' | 'closing' | 'open'
  /** The commits that the command was asked to merge, pick, revert or apply. */
  request: Id[]
  /** Commits that the next commit also has as parents (a merge, unless only its changes are wanted), or that it takes the change from. */
  heads: Id[]
  /** Commits that are still to be picked or reverted, in order. */
  todo: Id[]
  /** How they are to be picked. */
  pick?: PickOptions
  /** What ends it once no conflict is left: a commit, or nothing else. */
  endsWith: 'commit' | 'resolution'
  /** What the other side is called, for people. */
  theirName: string
  message: string
  /** Who the next commit is by, where it is not who makes it. */
  author?: Person
  conflicts: OpenConflict[]
  /** The commit that HEAD stands on while this is open; before, where HEAD goes. Absent where there is none. */
  head?: Id
  /** The trees that the working tree and the index are brought to. */
  disk: Id
  staged: Id
  /** HEAD and the staged tree just before, for going on after a crash. */
  from: MergeStart
  /** HEAD and the staged tree that `--abort` goes back to. */
  original: MergeStart
  /** While this is put in place: the merge that was open until now, and goes on with this. */
  previous?: MergeState
  /** The ref of the stash entry that goes when everything is in place. */
  drops?: string
}

export interface MergeStart {
  head?: Id
  staged?: Id
}

export interface PickOptions {
  /** Which parent of a merge commit counts as what it changed, from 1. */
  mainline?: number
  /** Say in the message which commit was picked. */
  noteOrigin?: boolean
  /** Stage the changes, and commit nothing. */
  noCommit?: boolean
}

/** How an operation moved the state of the merge in progress; inverted by undo. */
export interface MergeMove {
  /** The state as a whole, where a merge began, ended or went on. */
  before?: MergeState | undefined
  after?: MergeState | undefined
  /** Conflicts that were resolved, or are open again, in the merge that stays in progress. */
  settled?: OpenConflict[] | undefined
  reopened?: OpenConflict[] | undefined
}

const key = 'merge'

/** The merge that is in progress, or was; `undefined` where none is. Throws `merge-state-damaged`. */
export async function readMergeState(repo: { store: ByteStore }): Promise<MergeState | undefined> {
  const stored = await repo.store.get(key)
  if (!stored) return undefined
  const text = Buffer.from(stored.bytes).toString('utf8')
  const end = text.indexOf('\n')
  const body = text.slice(end + 1)
  if (end !== 64 || text.slice(0, end) !== blake3Text(Buffer.from(body))) throw stateDamaged()
  try {
    return parseMergeState(JSON.parse(body))
  } catch (cause) {
    throw stateDamaged(cause)
  }
}

/**
 * The merge that is in progress, given the commit that HEAD stands on. A state
 * that speaks of another commit is what a crash left behind after the merge
 * had ended, and counts as none. Throws `merge-state-damaged`.
 */
export async function readLiveMerge(repo: { store: ByteStore }, head: Id | undefined): Promise<MergeState | undefined> {
  const state = await readMergeState(repo)
  if (!state) return undefined
  const isLive = head === state.head || (state.phase !== 'open' && head === state.from.head)
  return isLive ? state : undefined
}

/** Replaces the state of the merge in progress, durably. Throws `too-many-conflicts`. */
export async function writeMergeState(repo: { store: ByteStore }, state: MergeState): Promise<void> {
  const body = JSON.stringify(stateToJson(state))
  const bytes = Buffer.from(`${blake3Text(Buffer.from(body))}\n${body}`)
  if (bytes.length > smallValueBytesMax) {
    throw new DitsError('too-many-conflicts', `${state.conflicts.length} conflicts are more than dits can keep at hand`, {
      hint: 'merge in smaller steps, or settle most of the files on one of the branches first',
    })
  }
  await repo.store.put(key, bytes)
}

export async function clearMergeState(repo: { store: ByteStore }): Promise<void> {
  if (await repo.store.stat(key)) await repo.store.delete(key)
}

/** Everything that a state refers to, for whoever asks what must be kept. */
export function* objectsOfState(state: MergeState): Iterable<{ kind: ObjectKind; id: Id }> {
  for (const id of [...state.request, ...state.heads, ...state.todo, state.head, state.from.head, state.original.head]) {
    if (id) yield { kind: 'commit', id }
  }
  for (const id of [state.disk, state.staged, state.from.staged, state.original.staged]) if (id) yield { kind: 'tree', id }
  yield* objectsOfConflicts(state.conflicts)
  if (state.previous) yield* objectsOfState(state.previous)
}

/** The same for a move. */
export function* objectsOfMove({ before, after, settled = [], reopened = [] }: MergeMove): Iterable<{ kind: ObjectKind; id: Id }> {
  for (const state of [before, after]) if (state) yield* objectsOfState(state)
  yield* objectsOfConflicts([...settled, ...reopened])
}

function* objectsOfConflicts(conflicts: readonly OpenConflict[]): Iterable<{ kind: ObjectKind; id: Id }> {
  for (const { base, ours, theirs } of conflicts) {
    for (const side of [base, ours, theirs]) if (side) yield { kind: side.content, id: side.id }
  }
}

/** The same move, taken back. */
export function invertMove({ before, after, settled, reopened }: MergeMove): MergeMove {
  return { before: after, after: before, settled: reopened, reopened: settled }
}

function stateDamaged(cause?: unknown): DitsError {
  return new DitsError('merge-state-damaged', "the state of the merge in progress, '.dits/merge', is damaged", {
    hint: 'remove that file; what was staged stays',
    ...(cause === undefined ? {} : { cause }),
  })
}
