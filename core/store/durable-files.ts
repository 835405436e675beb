import { link, mkdir, open, readdir, rmdir, unlink, type FileHandle } from 'node:fs/promises'
import { isErrno } from '../errors.ts'
import { withStoreErrors } from './store-error.ts'

/** Pieces smaller than this are gathered into one write. */
const gatherBytes = 256 * 1024
/** While a body is written, the disk is set to work whenever this much waits in memory. */
const flushBytes = 8 * 1024 * 1024

/**
 * Writes `body` to a new file at `path` and forces it to disk. Throws
 * `store-io` where the file system fails, and what the body throws; the file
 * is removed then. `mode` says who may read it, where not everybody may.
 */
export async function writeDurably(path: string, body: Uint8Array | AsyncIterable<Uint8Array>, mode?: number): Promise<void> {
  const handle = await withStoreErrors('create', path, open(path, 'wx', mode))
  const file = new FileWriter(path, handle)
  try {
    if (body instanceof Uint8Array) await file.writeNow(body)
    else for await (const piece of body) await file.write(piece)
    await file.finish()
  } catch (error) {
    await file.abandon()
    throw error
  }
}

/**
 * A file being written. Large pieces go to the system as they are, small ones
 * together; what has been written is forced to disk in the background, so that
 * the last fsync finds little left to do (64 MiB: 32 ms instead of 48 ms).
 */
class FileWriter {
  readonly #path: string
  readonly #handle: FileHandle
  #gathered: Buffer | undefined
  #gatheredBytes = 0
  #unflushedBytes = 0
  #flushing: Promise<void> | undefined
  #flushError: unknown

  constructor(path: string, handle: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  /** Writes a piece, or keeps a copy of it until there is more to write. */
  async write(piece: Uint8Array): Promise<void> {
    if (this.#gatheredBytes + piece.length > gatherBytes) await this.#writeGathered()
    if (piece.length >= gatherBytes) return this.writeNow(piece)
    this.#gathered ??= Buffer.allocUnsafe(gatherBytes)
    this.#gathered.set(piece, this.#gatheredBytes)
    this.#gatheredBytes += piece.length
  }

  async finish(): Promise<void> {
    await this.#writeGathered()
    await this.#flushing
    // The system reports a failed write-back once: what an earlier flush met must not get lost.
    if (this.#flushError) throw this.#flushError
    await withStoreErrors('write', this.#path, this.#handle.datasync())
    await withStoreErrors('write', this.#path, this.#handle.close())
  }

  /** Gives up and removes the file. Never throws: the reason for giving up matters more. */
  async abandon(): Promise<void> {
    await this.#flushing
    await this.#handle.close().catch(() => undefined)
    await unlink(this.#path).catch(() => undefined)
  }

  async #writeGathered(): Promise<void> {
    if (this.#gathered && this.#gatheredBytes > 0) await this.writeNow(this.#gathered.subarray(0, this.#gatheredBytes))
    this.#gatheredBytes = 0
  }

  /** Writes without gathering. */
  async writeNow(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await withStoreErrors('write', this.#path, this.#handle.write(bytes, done))
      done += bytesWritten
    }
    this.#unflushedBytes += bytes.length
    if (this.#unflushedBytes < flushBytes || this.#flushing) return
    this.#unflushedBytes = 0
    this.#flushing = this.#flush()
  }

  async #flush(): Promise<void> {
    try {
      await withStoreErrors('write', this.#path, this.#handle.datasync())
    } catch (error) {
      this.#flushError ??= error
    } finally {
      this.#flushing = undefined
    }
  }
}

/** Forces a folder's names to disk. */
export async function syncFolder(path: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    await handle.sync()
  } catch (error) {
    // Systems that cannot open or flush a folder (Windows, some network file systems) write its names through.
    if (!isErrno(error, 'EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP')) throw error
  } finally {
    await handle?.close()
  }
}

/** Creates a folder and whichever of its parents are missing, all of them durable. */
export async function createFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return
    if (!isErrno(error, 'ENOENT') || parentOf(path) === path) throw error
    await createFolder(parentOf(path))
    return createFolder(path)
  }
  await syncFolder(parentOf(path))
}

/** Gives the file at `from` the second name `to`. False where `to` exists; throws the errno error otherwise. */
export async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  }
}

/** Removes a folder that holds nothing but empty folders. False where it holds a file (what was empty may be gone by then). */
export async function removeEmptyFolder(path: string): Promise<boolean> {
  try {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (!entry.isDirectory() || !(await removeEmptyFolder(`${path}/${entry.name}`))) return false
    }
    await rmdir(path)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) return false
    throw error
  }
}

/** The folder that holds `path`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash > 0 ? path.slice(0, slash) : slash === 0 ? '/' : '.'
}
