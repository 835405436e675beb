import { constants, fstatSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { DitsError, isErrno } from '../errors.ts'

interface OpenFile {
  opening: Promise<FileHandle | undefined>
  /** The same, once it is there. */
  handle: FileHandle | undefined
  /** Reads under way. A file that was dropped is closed when the last has ended. */
  readers: number
  dropped: boolean
}

const removedAtOnce = 4

/**
 * Files kept open between reads, at most `filesMax` besides those being read,
 * the least recently read closed first: a pack is read thousands of times by
 * range, and opening costs more than reading.
 */
export class OpenFiles {
  readonly #files = new Map<string, OpenFile>()
  readonly #filesMax: number

  constructor(filesMax: number) {
    this.#filesMax = filesMax
  }

  /**
   * Calls `read` with the file at `path` open and its size; `undefined` where
   * no file is there. A file that was replaced or removed since it was opened,
   * by whichever process, is opened afresh.
   */
  async use<T>(path: string, read: (handle: FileHandle, size: number) => Promise<T>): Promise<T | undefined> {
    for (;;) {
      const file = this.#take(path)
      try {
        const handle = await file.opening
        if (!handle) return undefined
        const size = currentSize(handle)
        if (size !== undefined) return await read(handle, size)
        this.drop(path, file)
      } finally {
        file.readers--
        this.#closeUnused(file)
      }
    }
  }

  /** Forgets the file at `path` (only if it still is `only`, where that is given); it is closed once nobody reads it. */
  drop(path: string, only?: OpenFile): void {
    const file = this.#files.get(path)
    if (!file || (only && file !== only)) return
    this.#files.delete(path)
    file.dropped = true
    this.#closeUnused(file)
  }

  /** Forgets all files. */
  close(): void {
    for (const path of [...this.#files.keys()]) this.drop(path)
  }

  #take(path: string): OpenFile {
    const file = this.#files.get(path) ?? this.#open(path)
    // Moves it to the end: a Map keeps the order of insertion, so the first is the one not read for longest.
    this.#files.delete(path)
    this.#files.set(path, file)
    file.readers++
    const [oldest] = this.#files.keys()
    if (this.#files.size > this.#filesMax && oldest !== undefined) this.drop(oldest)
    return file
  }

  #open(path: string): OpenFile {
    this.#dropRemoved()
    const file: OpenFile = { opening: openRegular(path), handle: undefined, readers: 0, dropped: false }
    const forget = (): void => this.drop(path, file)
    // Neither absence nor an error is remembered: the next read asks again.
    file.opening.then((handle) => (file.handle = handle) ?? forget(), forget)
    return file
  }

  /**
   * Lets go of files that somebody removed: they take up the disk as long as
   * they are open. Nobody reads them any more, so they are those not read for
   * longest, and looking at a few of these each time finds them all.
   */
  #dropRemoved(): void {
    for (const [path, { handle, readers }] of [...this.#files].slice(0, removedAtOnce)) {
      if (handle && readers === 0 && currentSize(handle) === undefined) this.drop(path)
    }
  }

  #closeUnused(file: OpenFile): void {
    if (!file.dropped || file.readers > 0) return
    // Nothing was written, so closing has nothing to tell.
    void file.opening.then((handle) => handle?.close()).catch(() => undefined)
  }
}

/**
 * Opens a regular file for reading; `undefined` where nothing, or a folder, is
 * at `path`. Throws `store-damaged` for a pipe, a device or a socket.
 */
export async function openRegular(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle
  try {
    // Nobody may come to write to a pipe.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    if (isErrno(error, 'ENXIO')) throw noFile(path)
    throw error
  }
  const stats = fstatSync(handle.fd)
  if (stats.isFile()) return handle
  await handle.close()
  if (stats.isDirectory()) return undefined
  throw noFile(path)
}

/** The error for something else where the repository keeps a file. */
export function noFile(path: string): DitsError {
  return new DitsError('store-damaged', `'${path}' is not a file`, { hint: 'move it away, put the file back from a copy if there is one, then run: dits fsck' })
}

/**
 * The size of an open file, or `undefined` where no name leads to it any more.
 * Synchronous on purpose: it reads no disk and takes 3 µs, where a turn
 * through the thread pool before each read would double the read's cost.
 */
function currentSize(handle: FileHandle): number | undefined {
  const { nlink, size } = fstatSync(handle.fd)
  return nlink === 0 ? undefined : size
}
