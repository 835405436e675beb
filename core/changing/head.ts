import { readCommit as readFrom } from '../history/paint.ts'
import type { Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import type { RefMove } from '../oplog.ts'
import type { Head } from '../refs/refs.ts'
import type { Repo } from '../repo.ts'

export { shortRefName } from '../refs/ref-name.ts'

/** Where HEAD stands: on a branch, which may have no commit yet, or on a commit. */
export interface CurrentHead {
  head: Head
  /** The full name of the branch, where HEAD is on one. */
  branch: string | undefined
  id: Id | undefined
  commit: Commit | undefined
}

/** Reads HEAD and the commit that it stands on. */
export async function readCurrentHead(repo: Repo): Promise<CurrentHead> {
  const head = await repo.refs.readHead()
  const branch = 'branch' in head ? head.branch : undefined
  const id = 'branch' in head ? await repo.refs.read(head.branch) : head.id
  return { head, branch, id, commit: id ? await readCommit(repo, id) : undefined }
}

export interface HeadMove {
  refs?: RefMove[]
  head?: { before: Head; after: Head }
}

/** What moves when HEAD goes to a commit: the branch that it is on, or HEAD itself where it is detached. */
export function headMove(current: CurrentHead, id: Id): HeadMove {
  if (!current.branch) return { head: { before: current.head, after: { id } } }
  return { refs: [{ name: current.branch, after: id, ...(current.id ? { before: current.id } : {}) }] }
}

/** Reads a commit, without its parents where these were left behind. Throws `object-missing` and `object-damaged`. */
export async function readCommit(repo: Repo, id: Id): Promise<Commit> {
  return readFrom(repo.objects, id)
}
