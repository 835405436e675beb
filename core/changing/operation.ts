import { moveMerge } from '../merging/move-merge.ts'
import type { MergeMove } from '../merging/merge-state.ts'
import type { Id } from '../objects/id.ts'
import type { RefMove } from '../oplog.ts'
import type { Head } from '../refs/refs.ts'
import type { Repo } from '../repo.ts'

/** What a command is about to change besides files of the working tree. */
export interface Change {
  refs?: RefMove[]
  head?: { before: Head; after: Head }
  /** The new working-tree index, encoded, and the trees staged before and after. */
  index?: { bytes: Uint8Array; before: Id | undefined; after: Id | undefined } | undefined
  /** A tree of uncommitted files that the command replaced or removed, so that undo can bring them back. */
  saved?: Id | undefined
  /** True where files of the working tree were changed with the index. */
  worktree?: boolean
  /** The trees that the working tree was brought from and to, where these are not what was staged. */
  disk?: { before: Id; after: Id } | undefined
  /** How the merge in progress moves; `{}` ends it without a trace in the log. */
  merge?: MergeMove | undefined
  /** The operation that this one undoes. */
  undoes?: number
}

/**
 * Records a change in the operation log and then makes it. Every object that
 * it refers to is durable already. A command that replaces files of the working
 * tree does the two by itself, with the files between them (`changeWorktree`).
 * What moves nothing is not recorded: there is nothing to undo. Throws
 * `ref-moved` where another process moved a ref.
 */
export async function applyChange(repo: Repo, change: Change): Promise<void> {
  if (change.worktree || !movesNothing(change)) await recordChange(repo, change)
  await makeChange(repo, change)
}

/** True where a change leaves refs, HEAD, what is staged and the merge in progress as they are, and keeps nothing for undo. */
export function movesNothing({ refs = [], head, index, saved, merge, undoes }: PlannedChange): boolean {
  if (undoes !== undefined || saved !== undefined || (merge && Object.values(merge).some((value) => value !== undefined))) return false
  const movesHead = head && JSON.stringify(head.before) !== JSON.stringify(head.after)
  return !movesHead && index?.before === index?.after && refs.every(({ before, after }) => before === after)
}

/** A change as it can be known before the files are in place. */
export type PlannedChange = Omit<Change, 'index'> & { index?: Omit<NonNullable<Change['index']>, 'bytes'> | undefined }

/**
 * Records a change that is about to be made. The record comes before the first
 * file is replaced, because it is what keeps the uncommitted work that was
 * saved, and so that a crash cannot leave a change that undo knows nothing of.
 */
export async function recordChange(repo: Repo, change: PlannedChange): Promise<void> {
  const { refs = [], head, index, saved, undoes, worktree, disk, merge } = change
  const movesMerge = merge && Object.values(merge).some((value) => value !== undefined)
  await repo.oplog.append({
    timeMs: repo.env.now(),
    command: repo.env.command,
    refs,
    head: head ?? {},
    staged: index ? { ...(index.before ? { before: index.before } : {}), ...(index.after ? { after: index.after } : {}) } : {},
    ...(worktree ? { worktree } : {}),
    ...(disk ? { disk } : {}),
    ...(movesMerge ? { merge } : {}),
    ...(saved ? { saved } : {}),
    ...(undoes === undefined ? {} : { undoes }),
  })
}

/**
 * Makes a change that was recorded. Order: the index, so that a crash leaves
 * what was about to become the branch's next commit staged, and not its reverse
 * staged on top of it; then the refs, each by compare-and-set, which a command
 * run again finds where it found them first; then HEAD; the state of a merge
 * last, because until then it tells how to go on or back. A crash in between
 * leaves old and new names side by side, each of them whole. Throws `ref-moved`.
 */
export async function makeChange(repo: Repo, change: Change): Promise<void> {
  const { refs = [], head, index, merge } = change
  if (index) await repo.store.put(indexKey, index.bytes)
  for (const { name, before, after } of refs) await repo.refs.move(name, before, after)
  if (head) await repo.refs.writeHead(head.after)
  if (merge) await moveMerge(repo, merge)
}

/** Where the working-tree index lies in the store. */
export const indexKey = 'index'
