import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { pathFromText, toHex, type BytePath } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { blake3Text, createBlake3 } from '../hash.ts'
import { readBytes } from '../limits.ts'
import type { Id } from '../objects/id.ts'
import { diskPath, lookAt } from './disk.ts'
import { fileStatOf, isFolderMode, kindOfMode, type FileStat } from './file-stat.ts'
import type { IndexEntry } from './index-file.ts'

/** The plain BLAKE3 of what lies on disk, and its stat data, which belongs to just this content. */
export interface DiskContent {
  hash: Id
  stat: FileStat
}

/**
 * Hashes a file or the target of a symlink. `undefined` where neither is
 * there, or where the file changed while it was read. Other work gets its turn
 * between buffers. Errors of the system are thrown as they are.
 */
export async function hashOnDisk(
  root: BytePath,
  path: BytePath,
  signal?: AbortSignal,
): Promise<DiskContent | undefined> {
  const before = lookAt(root, path)
  if (!before) return undefined
  const kind = kindOfMode(before.mode)
  if (kind !== 'symlink' && kind !== 'file' && kind !== 'executable') return undefined
  const hash = kind === 'symlink' ? hashLink(root, path) : await hashFile(root, path, before, signal)
  const after = lookAt(root, path)
  return hash !== undefined && after && sameStat(before, after) ? { hash, stat: fileStatOf(after) } : undefined
}

/**
 * Whether what is on disk still is what an entry stands for: `same`,
 * `different` (someone's work that must not be overwritten), or `missing`.
 * Hashes the content only where the entry's stat data cannot tell. The folders
 * on the way are not looked at (see FolderGuard).
 */
export async function checkUnchanged(
  root: string,
  entry: IndexEntry,
  options: { signal?: AbortSignal; hasExecutableBit?: boolean } = {},
): Promise<'same' | 'different' | 'missing'> {
  const rootBytes = pathFromText(root)
  const stats = lookAt(rootBytes, entry.path)
  if (!stats) return 'missing'
  if (entry.kind === 'directory') return isFolderMode(stats.mode) ? 'same' : 'different'
  const kind = kindOfMode(stats.mode)
  if (!sameKind(kind, entry.kind, options.hasExecutableBit ?? hasExecutableBit)) return 'different'
  if (entry.stat && sameStat(entry.stat, stats)) return 'same'
  if (kind !== 'symlink' && stats.size !== entry.size) return 'different'
  if (entry.isGhost && (await holdsOnlyZeros(rootBytes, entry.path, options.signal))) return 'same'
  const content = await hashOnDisk(rootBytes, entry.path, options.signal)
  return content?.hash === entry.hash ? 'same' : 'different'
}

/**
 * Whether a file has content and all of it is zeros, as that of a ghost is.
 * Reads up to the first byte that is none. False where there is no file, or it
 * may not be read.
 */
export async function holdsOnlyZeros(root: BytePath, path: BytePath, signal?: AbortSignal): Promise<boolean> {
  const fd = openIfAllowed(root, path)
  if (fd === undefined) return false
  try {
    if (!fstatSync(fd).isFile()) return false
    let buffer = Buffer.allocUnsafe(firstZerosBytes)
    for (let reads = 0; ; reads++) {
      const length = readSync(fd, buffer)
      if (length === 0) return reads > 0
      if (buffer.compare(zeros, 0, length, 0, length) !== 0) return false
      if (buffer.length < zeros.length) buffer = Buffer.allocUnsafe(zeros.length)
      if (reads % readsPerTurn === 0 && reads > 0) await setImmediate()
      signal?.throwIfAborted()
    }
  } finally {
    closeSync(fd)
  }
}

function openIfAllowed(root: BytePath, path: BytePath): number | undefined {
  try {
    return openFile(root, path)
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM')) return undefined
    throw error
  }
}

/** Whether this system's files say if they are executable. */
export const hasExecutableBit = process.platform !== 'win32'

/** True where two kinds are the same, as far as the file system can tell them apart. */
export function sameKind(onDisk: string, recorded: string, isExecutableKnown: boolean): boolean {
  if (onDisk === recorded) return true
  return !isExecutableKnown && isFileKind(onDisk) && isFileKind(recorded)
}

export function isFileKind(kind: string): boolean {
  return kind === 'file' || kind === 'executable'
}

/** True where nothing that a write would move differs. */
function sameStat(a: FileStat, b: FileStat): boolean {
  return a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.size === b.size
}

function hashLink(root: BytePath, path: BytePath): Id | undefined {
  try {
    return blake3Text(readlinkSync(diskPath(root, path), { encoding: 'buffer' })) as Id
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL', 'ENOTDIR')) return undefined
    throw error
  }
}

async function hashFile(root: BytePath, path: BytePath, stat: FileStat, signal?: AbortSignal): Promise<Id | undefined> {
  const fd = openFile(root, path)
  if (fd === undefined) return undefined
  try {
    if (fstatSync(fd).ino !== stat.ino) return undefined
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, stat.size + 1))
    let length = readSync(fd, buffer)
    if (length < buffer.length) return blake3Text(buffer.subarray(0, length)) as Id
    const hash = createBlake3()
    for (let reads = 1; length > 0; reads++) {
      hash.update(buffer.subarray(0, length))
      if (reads % readsPerTurn === 0) await setImmediate()
      signal?.throwIfAborted()
      length = readSync(fd, buffer)
    }
    return toHex(hash.digest()) as Id
  } finally {
    closeSync(fd)
  }
}

function openFile(root: BytePath, path: BytePath): number | undefined {
  try {
    return openSync(diskPath(root, path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'ENOTDIR')) return undefined
    throw error
  }
}

/** Nearly every file that is no ghost shows it within so much. */
const firstZerosBytes = 4096
const zeros = Buffer.alloc(1024 * 1024)

/** About 10 ms of reading and hashing between two turns of others. */
const readsPerTurn = 8
