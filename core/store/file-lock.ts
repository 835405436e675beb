import { setTimeout as delay } from 'node:timers/promises'
import type { DatabaseSync } from 'node:sqlite'
import { DitsError } from '../errors.ts'

/**
 * Locks between processes, and between threads of one. A lock is an exclusive
 * transaction on an empty SQLite database, because SQLite takes the operating
 * system's file locks, the right kind on each system: they end with the process
 * however it ends, so a lock is never stale and needs no owner, lease or clean-up.
 *
 * The file stays behind, empty: removing it would let two processes each hold
 * the lock on a file of the same name. It must not be opened by other means
 * while it is held, because POSIX drops a process's locks on a file when the
 * process closes any descriptor of it.
 */
export interface FileLock {
  /** Frees the lock. Calling it again does nothing. */
  release(): void
}

export interface FileLockOptions {
  /** How long to try, in milliseconds; 0 tries once. */
  waitMs: number
  /** Called once, where the lock is held by someone else and waiting begins. */
  onWait?: () => void
  /** Ends the waiting; the call then throws the signal's reason. */
  signal?: AbortSignal
}

const firstDelayMs = 5
const lastDelayMs = 100
const sqliteBusy = 5

/** The locks that are held. SQLite would close a database that the garbage collector finds unused, and so free its lock. */
const held = new Set<DatabaseSync>()

/**
 * Takes the lock on `file` (created where it is missing; its folder must exist). Throws `repository-busy` where someone else still holds
 * it after `waitMs`, and `store-io` where the file cannot be opened.
 */
export async function acquireFileLock(file: string, options: FileLockOptions): Promise<FileLock> {
  // Loaded here, so that commands that take no lock do not pay for SQLite.
  const sqlite = await import('node:sqlite')
  let waitedMs = 0
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, lastDelayMs)) {
    options.signal?.throwIfAborted()
    const database = tryLock(sqlite.DatabaseSync, file)
    if (database) return createLock(database)
    if (waitedMs === 0) options.onWait?.()
    if (waitedMs >= options.waitMs) throw busy(file)
    // Counting the delays instead of reading a clock errs towards waiting longer.
    const stepMs = Math.max(1, Math.min(delayMs, options.waitMs - waitedMs))
    await wait(stepMs, options.signal)
    waitedMs += stepMs
  }
}

/** The open database that holds the lock, or `undefined` where someone else does. */
function tryLock(Database: typeof DatabaseSync, file: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new Database(file, { timeout: 0 })
    // A journal in memory: nothing is ever written, so no second file is needed.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    if (isBusy(error)) return undefined
    throw cannotLock(file, error)
  }
}

function createLock(database: DatabaseSync): FileLock {
  held.add(database)
  return {
    // Closing rolls the empty transaction back.
    release: () => {
      if (held.delete(database)) database.close()
    },
  }
}

async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal ? { signal } : {})
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy
}

function busy(file: string): DitsError {
  return new DitsError('repository-busy', `'${file}' is held by another process`, {
    hint: 'wait until the other dits command has ended, then run this one again',
  })
}

function cannotLock(file: string, cause: unknown): DitsError {
  return new DitsError('store-io', `cannot lock '${file}'`, {
    cause,
    hint: 'check that its folder exists and that you may write there',
  })
}
