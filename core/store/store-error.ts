import { DitsError } from '../errors.ts'
import { smallValueBytesMax } from '../limits.ts'

const remedies: Record<string, string> = {
  ENOSPC: 'the disk is full: free some space, then run the command again',
  EDQUOT: 'your quota on this disk is used up: free some space, then run the command again',
  EACCES: 'check the permissions and the owner of the repository',
  EPERM: 'check the permissions and the owner of the repository',
  EROFS: 'the file system is mounted read-only: mount it writable, or work on a copy',
  EIO: 'the disk reports errors: copy the repository to another disk, then run: dits fsck',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
  ENFILE: 'too many files are open on this machine: close other programs, then run the command again',
  ENAMETOOLONG: 'use a shorter name, or a folder that is less deep',
  ENOTDIR: 'a file is where a folder should be: check the path of the repository',
}

/**
 * What to throw for `error`, met while `action` ("write", "read" …) was done to
 * `subject` (a key or a path): the operating system's errors
 * become `store-io`, with a remedy by errno; every other error stays as it is.
 */
export function storeError(action: string, subject: string, error: unknown): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const hint = remedies[errno]
  const options = hint === undefined ? { cause: error } : { cause: error, hint }
  return new DitsError('store-io', `cannot ${action} '${subject}': ${errno}`, options)
}

/** Waits for `work`; what it rejects with becomes a `store-io` error. */
export async function withStoreErrors<T>(action: string, subject: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw storeError(action, subject, error)
  }
}

/** `put` found a folder where the value should go, or a value where a folder should. */
export function keyConflict(key: string): DitsError {
  return new DitsError('key-conflict', `'${key}' cannot be stored beside a key that has it as a folder, or is one of its folders`)
}

/** Throws `value-too-large` where a value is too large to be read whole. */
export function checkWholeRead(key: string, size: number): void {
  if (size <= smallValueBytesMax) return
  throw new DitsError('value-too-large', `'${key}' has ${size} bytes, more than may be read at once`, {
    hint: 'the file was not written by dits as it stands; run: dits fsck',
  })
}

/** The name of a system error; Node's own codes start with 'ERR_', and DitsError's are lower case. */
function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return /^E[A-Z0-9]+$/.test(String(error.code)) ? String(error.code) : undefined
}
