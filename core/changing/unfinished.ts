import { hasCode } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import type { Operation } from '../oplog.ts'
import { withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'

/**
 * The last operation, where it was going to replace files of the working tree
 * and ended before the index or HEAD had moved: a killed switch, for one. What
 * another process is doing at this moment looks the same: only for who holds
 * the repository's lock. A merge has a state of its own that says so, and an
 * undo is recorded once its files are in place; neither is found here.
 */
export async function findUnfinished(repo: Repo): Promise<Operation | undefined> {
  return unfinishedBeside(repo, async () => (await readIndex(repo))?.tree)
}

async function unfinishedBeside(repo: Repo, readStaged: () => Promise<Id | undefined>): Promise<Operation | undefined> {
  const last = await readLast(repo)
  if (!last?.worktree || last.undoes !== undefined) return undefined
  const { head, staged } = last
  // An index that is not there, as before a first checkout, may also have been lost since.
  if (staged.before !== undefined && staged.before !== staged.after && (await readStaged()) === staged.before) return last
  const before = JSON.stringify(head.before)
  if (before === JSON.stringify(head.after)) return undefined
  return before === JSON.stringify(await repo.refs.readHead()) ? last : undefined
}

/** The same for who does not hold the lock, has read what is staged, and waits for nobody: `undefined` where another command is at work, or where the repository may not be written. */
export async function lookForUnfinished(repo: Repo, staged: Id | undefined): Promise<Operation | undefined> {
  if (!(await unfinishedBeside(repo, async () => staged))) return undefined
  try {
    return await withLock(repo, () => findUnfinished(repo), { waitMs: 0 })
  } catch (error) {
    if (hasCode(error, 'repository-busy') || hasCode(error, 'store-io')) return undefined
    throw error
  }
}

/** A damaged log is for undo and fsck to tell: it keeps nobody from working on. */
async function readLast(repo: Repo): Promise<Operation | undefined> {
  try {
    return await repo.oplog.latest()
  } catch (error) {
    if (hasCode(error, 'oplog-damaged')) return undefined
    throw error
  }
}
