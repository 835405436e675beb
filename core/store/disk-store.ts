import { randomBytes } from 'node:crypto'
import { readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import { DitsError, isErrno } from '../errors.ts'
import { blake3Text } from '../hash.ts'
import type { ByteRange, ByteStore, PutCondition, Stored } from './byte-store.ts'
import { listKeys } from './disk-list.ts'
import { createFolder, linkIfAbsent, parentOf, removeEmptyFolder, syncFolder, writeDurably } from './durable-files.ts'
import { acquireFileLock } from './file-lock.ts'
import { checkKey, checkKeyPrefix, lockName, rangeLength, temporaryFolder } from './key.ts'
import type { KeepsLeftovers, Leftover } from './leftovers.ts'
import { openRegular, OpenFiles } from './open-files.ts'
import { checkWholeRead, keyConflict, storeError, withStoreErrors } from './store-error.ts'

const openFilesMax = 64
/** How long `put` and `delete` wait for another process that is changing a value. It needs milliseconds unless it is stopped. */
const lockWaitMs = 60_000
const temporaryAgeMs = 24 * 60 * 60 * 1000
/** How often a value's folder may vanish, or be in its way, between two steps of one `put`. */
const placeTriesMax = 100

export interface DiskStoreOptions {
  /** False where the file system has no hard links; found out by itself where it is not said. */
  hardLinks?: boolean
}

/** The files that this thread writes now. */
const beingWritten = new Set<string>()

/**
 * A ByteStore in a folder: a value is the file whose path is its key.
 *
 * A value is written to `tmp/`, forced to disk, given its name, and then the
 * name is forced to disk, so a crash leaves the old value or the new one and
 * at worst a file in `tmp/` (see `sweepTemporary`). `{ if: 'absent' }` is a
 * hard link, which fails where the name exists. The other changes take the
 * lock on the file `lock` for the instant in which they compare and rename.
 */
export class DiskStore implements ByteStore, KeepsLeftovers {
  readonly #folder: string
  readonly #files = new OpenFiles(openFilesMax)
  #hardLinks: boolean
  /** The end of the queue for the lock: within the process changes wait in line instead of trying again and again. */
  #lastChange: Promise<unknown> = Promise.resolve()

  /** The store in `folder`, without looking at it; for whoever knows that it is there. */
  constructor(folder: string, options: DiskStoreOptions = {}) {
    this.#folder = folder
    this.#hardLinks = options.hardLinks ?? true
  }

  /**
   * Opens the store in `folder`, which need not exist: nothing is created
   * before the first `put`. Throws `store-io` where something else than a
   * folder is there, or it cannot be reached.
   */
  static async open(folder: string, options: DiskStoreOptions = {}): Promise<DiskStore> {
    try {
      if (!(await stat(folder)).isDirectory()) throw systemError('ENOTDIR')
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw storeError('open', folder, error)
    }
    return new DiskStore(folder, options)
  }

  async get(key: string, range?: ByteRange): Promise<Stored | undefined> {
    checkKey(key)
    if (!range) return withStoreErrors('read', key, this.#getWhole(key))
    const reading = this.#files.use(this.#path(key), (handle, size) => readRange(handle, range.offset, rangeLength(range, size), range.into))
    const bytes = await withStoreErrors('read', key, reading)
    return bytes && { bytes, version: '' }
  }

  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: PutCondition): Promise<boolean> {
    checkKey(key)
    // Spares the writing where the answer is no already. What counts is the second look, in `#place`.
    if (condition && !(await withStoreErrors('read', key, this.#holds(key, condition)))) return false
    const temporary = await this.#writeTemporary(key, body)
    let stored = false
    try {
      stored = await this.#place(key, temporary, condition)
    } catch (error) {
      throw storeError('write', key, error)
    } finally {
      // A rename took the temporary name away; every other end leaves it.
      if (!stored || condition?.if === 'absent') await unlink(temporary).catch(() => undefined)
    }
    if (stored) await withStoreErrors('write', key, syncFolder(parentOf(this.#path(key))))
    return stored
  }

  async stat(key: string): Promise<{ size: number; modifiedMs: number } | undefined> {
    checkKey(key)
    try {
      const found = await stat(this.#path(key))
      return found.isFile() ? { size: found.size, modifiedMs: found.mtimeMs } : undefined
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw storeError('read', key, error)
    }
  }

  async *list(prefix: string): AsyncIterable<string> {
    checkKeyPrefix(prefix)
    yield* listKeys(this.#folder, prefix)
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    if (!(await this.stat(key))) return
    const path = this.#path(key)
    this.#files.drop(path)
    try {
      await this.#locked(() => unlink(path))
      await syncFolder(parentOf(path))
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw storeError('delete', key, error)
    }
  }

  /**
   * Removes what interrupted writes left in `tmp/` more than a day before
   * `nowMs` (milliseconds since 1970). Answers how many files went.
   */
  async sweepTemporary(nowMs: number): Promise<number> {
    let removed = 0
    for (const name of await this.#temporaryNames()) {
      const path = `${this.#folder}/${temporaryFolder}/${name}`
      try {
        if ((await stat(path)).mtimeMs >= nowMs - temporaryAgeMs) continue
        await unlink(path)
        removed++
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw storeError('delete', path, error)
      }
    }
    return removed
  }

  async leftovers(keyFolder: string): Promise<Leftover[]> {
    const found: Leftover[] = []
    for (const name of await this.#temporaryNames()) {
      const path = `${this.#folder}/${temporaryFolder}/${name}`
      const [pid, tag] = name.split('-')
      if (tag !== tagOf(keyFolder) || beingWritten.has(path) || isOfOther(Number(pid))) continue
      const size = await sizeOf(path)
      if (size !== undefined) found.push({ path, size, read: (offset, length) => readFileRange(path, offset, length) })
    }
    return found
  }

  /** Closes the files kept open for reading. The store is not used after that. */
  async close(): Promise<void> {
    await this.#lastChange
    this.#files.close()
  }

  async #getWhole(key: string): Promise<Stored | undefined> {
    const handle = await openRegular(this.#path(key))
    if (!handle) return undefined
    try {
      const { size } = await handle.stat()
      checkWholeRead(key, size)
      const bytes = await readRange(handle, 0, size)
      return { bytes, version: blake3Text(bytes) }
    } finally {
      await handle.close()
    }
  }

  async #holds(key: string, condition: PutCondition): Promise<boolean> {
    if (condition.if === 'absent') return !(await this.stat(key))
    return (await this.#getWhole(key))?.version === condition.if.version
  }

  async #writeTemporary(key: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<string> {
    const folder = `${this.#folder}/${temporaryFolder}`
    await withStoreErrors('create', folder, createFolder(folder))
    const path = `${folder}/${process.pid}-${tagOf(parentOf(key))}-${randomBytes(12).toString('hex')}`
    beingWritten.add(path)
    try {
      await writeDurably(path, body)
    } finally {
      beingWritten.delete(path)
    }
    return path
  }

  /** Gives the finished file its name where the condition holds. */
  async #place(key: string, temporary: string, condition: PutCondition | undefined): Promise<boolean> {
    const path = this.#path(key)
    for (let tries = 1; ; tries++) {
      try {
        if (condition?.if === 'absent' && this.#hardLinks) return await this.#placeByLink(key, temporary)
        return await this.#locked(() => this.#placeByRename(key, temporary, condition))
      } catch (error) {
        if (tries >= placeTriesMax) throw error
        await this.#makeWay(key, path, error)
      }
    }
  }

  async #placeByLink(key: string, temporary: string): Promise<boolean> {
    if (await linkIfAbsent(temporary, this.#path(key))) return true
    if (await this.stat(key)) return false
    // A folder has the name; or a value had it and is gone, and the link is worth another try.
    throw systemError('EISDIR')
  }

  async #placeByRename(key: string, temporary: string, condition: PutCondition | undefined): Promise<boolean> {
    if (condition && !(await this.#holds(key, condition))) return false
    await rename(temporary, this.#path(key))
    this.#files.drop(this.#path(key))
    return true
  }

  /** Puts right what `error` says stands in the way of a new name; throws what cannot be put right. */
  async #makeWay(key: string, path: string, error: unknown): Promise<void> {
    if (isErrno(error, 'ENOENT')) return createFolder(parentOf(path)).catch((problem) => this.#refuse(key, problem))
    if (isErrno(error, 'EISDIR', 'ENOTEMPTY')) {
      if (await removeEmptyFolder(path)) return
      throw keyConflict(key)
    }
    if (this.#hardLinks && isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) {
      this.#hardLinks = false
      return
    }
    this.#refuse(key, error)
  }

  #refuse(key: string, error: unknown): never {
    throw isErrno(error, 'ENOTDIR') ? keyConflict(key) : error
  }

  /** Runs `change` while no other process or caller compares, renames or removes. */
  async #locked<T>(change: () => Promise<T>): Promise<T> {
    const before = this.#lastChange
    const changing = before.then(async () => {
      const lock = await acquireFileLock(`${this.#folder}/${lockName}`, { waitMs: lockWaitMs })
      try {
        return await change()
      } finally {
        lock.release()
      }
    })
    this.#lastChange = changing.catch(() => undefined)
    return changing
  }

  async #temporaryNames(): Promise<string[]> {
    const folder = `${this.#folder}/${temporaryFolder}`
    try {
      return await readdir(folder)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []
      throw storeError('list', folder, error)
    }
  }

  #path(key: string): string {
    return `${this.#folder}/${key}`
  }
}

/** Tells in a temporary file's name which folder its value was meant for: several repositories may share a store, and keep secrets from each other. */
function tagOf(keyFolder: string): string {
  return blake3Text(Buffer.from(keyFolder)).slice(0, 16)
}

/** Whether this is the number of another process that runs. */
function isOfOther(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isErrno(error, 'EPERM')
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path)
    return found.isFile() ? found.size : undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw storeError('read', path, error)
  }
}

async function readFileRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  const handle = await openRegular(path)
  if (!handle) return new Uint8Array(0)
  try {
    const bytes = Buffer.allocUnsafe(length)
    const { bytesRead } = await handle.read(bytes, 0, length, offset)
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function readRange(handle: FileHandle, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
  const bytes = into && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafe(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    // Values are replaced whole, never cut: a file that ends early was changed by someone else.
    if (bytesRead === 0) throw new DitsError('store-io', 'a file became shorter while it was read', { hint: 'run: dits fsck' })
    done += bytesRead
  }
  return bytes
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
