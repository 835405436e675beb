import path from 'node:path'
import { DitsError, hasCode } from './errors.ts'
import type { Repo } from './repo.ts'
import { acquireFileLock, type FileLock } from './store/file-lock.ts'

/** A collection is over soon; a transfer may take hours, and nobody waits for that. */
const lockWaitMs = 60_000

/**
 * Runs a transfer of objects into this repository, while no other one runs and
 * nothing is collected: what was found to be here stays until something refers
 * to it. Working goes on beside it: only what moves refs in the end takes the
 * working tree's lock as well. Throws `transfer-running` where another command
 * goes on transferring for a minute.
 */
export async function withTransfer<T>(repo: Repo, work: () => Promise<T>): Promise<T> {
  const lock = await holdTransfer(repo)
  try {
    return await work()
  } finally {
    lock.release()
  }
}

/** The same for work that ends elsewhere: releasing the lock ends the transfer. Throws `transfer-running`. */
export async function holdTransfer(repo: Repo): Promise<FileLock> {
  try {
    return await acquireFileLock(path.join(repo.folder, 'transfer.lock'), {
      waitMs: lockWaitMs,
      onWait: () => repo.env.onWarning?.('waiting for another dits command that transfers or collects objects here'),
      ...(repo.env.signal && { signal: repo.env.signal }),
    })
  } catch (cause) {
    if (!hasCode(cause, 'repository-busy')) throw cause
    throw new DitsError('transfer-running', 'another dits command transfers objects into this repository', {
      hint: 'wait for it to finish, then do this again',
      cause,
    })
  }
}
