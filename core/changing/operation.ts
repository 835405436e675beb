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
  /**
   * The new working-tree index, encoded, and the trees staged before and after.
   * Where `bytes` is a function, it is called once the refs have moved: for
   * what may be changed on disk only when a ref keeps what was there.
   */
  index?: { bytes: Uint8Array | (() => Promise<Uint8Array>); before: Id | undefined; after: Id | undefined }
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
 * it refers to is durable already. Order: the record first, so that a crash
 * cannot leave a change that undo knows nothing of; then the refs, each by
 * compare-and-set; then the index; then HEAD, because it says what the index
 * is compared with; the state of a merge last, because until then it tells how
 * to go on or back. A crash in between leaves old and new names side by side,
 * each of them whole. Throws `ref-moved` where another process moved a ref.
 */
export async function applyChange(repo: Repo, change: Change): Promise<void> {
  const { refs = [], head, index, merge } = change
  await recordChange(repo, change)
  for (const { name, before, after } of refs) await repo.refs.move(name, before, after)
  if (index) await repo.store.put(indexKey, typeof index.bytes === 'function' ? await index.bytes() : index.bytes)
  if (head) await repo.refs.writeHead(head.after)
  if (merge) await moveMerge(repo, merge)
}

/** Where the working-tree index lies in the store. */
export const indexKey = 'index'

async function recordChange(repo: Repo, change: Change): Promise<void> {
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
