import type { BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { blake3Text } from '../hash.ts'
import { parseId, type Id } from '../objects/id.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import type { ByteStore } from '../store/byte-store.ts'

/** One side of a conflict: what a tree says of the path, without its name. */
export type ConflictSide = Omit<TreeEntry, 'name'>

/** A path that could not be merged. Ours is what is staged and in the working tree until it is resolved. */
export interface OpenConflict {
  path: BytePath
  reason: string
  base?: ConflictSide
  ours?: ConflictSide
  theirs?: ConflictSide
  /** Where their version lies in the working tree, beside ours, until the conflict is resolved. */
  beside?: BytePath
}

/** A merge, cherry-pick, revert or stash that waits for its conflicts to be resolved and for a commit. */
export interface MergeState {
  command: 'merge' | 'cherry-pick' | 'revert' | 'stash'
  /** Commits that the next commit also has as parents (a merge), or that it takes the change from. */
  heads: Id[]
  /** What the other side is called, for people. */
  theirName: string
  message: string
  conflicts: OpenConflict[]
  /** The commit and staged tree that `--abort` goes back to. */
  original: { head: Id; staged: Id }
}

const key = 'merge'

/** The merge that is in progress; `undefined` where none is. Throws `merge-state-damaged`. */
export async function readMergeState(repo: { store: ByteStore }): Promise<MergeState | undefined> {
  const stored = await repo.store.get(key)
  if (!stored) return undefined
  const text = Buffer.from(stored.bytes).toString('utf8')
  const end = text.indexOf('\n')
  const body = text.slice(end + 1)
  if (end !== 64 || text.slice(0, end) !== blake3Text(Buffer.from(body))) throw stateDamaged()
  return parseState(body)
}

/** Replaces the state of the merge in progress, durably. */
export async function writeMergeState(repo: { store: ByteStore }, state: MergeState): Promise<void> {
  const body = JSON.stringify(state, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
  await repo.store.put(key, Buffer.from(`${blake3Text(Buffer.from(body))}\n${body}`))
}

export async function clearMergeState(repo: { store: ByteStore }): Promise<void> {
  await repo.store.delete(key)
}

function parseState(body: string): MergeState {
  try {
    const state = JSON.parse(body, (name, value: unknown) =>
      name === 'mtimeNs' && typeof value === 'string' ? BigInt(value.slice(0, -1)) : value,
    ) as MergeState
    state.heads.forEach((id) => parseId(id))
    parseId(state.original.head)
    return state
  } catch (cause) {
    throw stateDamaged(cause)
  }
}

function stateDamaged(cause?: unknown): DitsError {
  return new DitsError('merge-state-damaged', "the state of the merge in progress, '.dits/merge', is damaged", {
    hint: 'remove that file; what was staged stays',
    cause,
  })
}
