import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { createChunker, type Chunker } from '@dits/fastcdc'
import { joinPath, pathToFs, type BytePath } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { blake3, createBlake3 } from '../hash.ts'
import { ChunkListBuilder } from '../objects/chunk-list.ts'
import { idFromBytes, type Id } from '../objects/id.ts'
import { encodeManifest, type ProfileName } from '../objects/manifest.ts'
import type { PackedWriter } from '../pack/packed-writer.ts'
import { profileFor } from '../worktree/profiles.ts'
import { fileStatOf, type FileStat } from '../worktree/file-stat.ts'
import { profileSizes } from './profile-sizes.ts'

/** One file or link to store. */
export interface IngestJob {
  path: BytePath
  /** Where the attributes say so; otherwise the name and the first bytes decide. */
  profile?: ProfileName
}

/** What was stored for a job. */
export interface IngestedFile {
  path: BytePath
  kind: 'file' | 'executable' | 'symlink'
  content: 'chunk' | 'manifest'
  size: number
  id: Id
  hash: Id
  stat: FileStat
  /** Nanoseconds; exact where the caller asked for times. */
  mtimeNs?: bigint
}

/** Why a job's file could not be stored; the other jobs go on. */
export interface IngestFailure {
  path: BytePath
  code: 'file-unreadable' | 'file-missing' | 'file-changing' | 'file-unsupported'
  message: string
}

/** Where the pieces of files go: to packs, or to whoever only wants to know what they are. */
export type ChunkWriter = Pick<PackedWriter, 'write' | 'add' | 'append' | 'ready'>

export type IngestResult = IngestedFile | IngestFailure

/** What an ingest added to the store. */
export interface Added {
  objects: number
  rawBytes: number
  storedBytes: number
}

const attemptsMax = 3
const firstBytes = 4096

export interface FileIngesterOptions {
  onBytes: (bytes: number) => void
  withTimes: boolean
  /**
   * A moment before the first file is read, by the clock that the files' times
   * come from (see readDiskClock): a file that is as new as that may change
   * again while it is read and show no other time. `Infinity` where what is
   * read is not stored.
   */
  startedMs: number
}

/** Reads, cuts, hashes and stores files, one after another, in the memory of one read buffer a profile. */
export class FileIngester {
  private readonly root: BytePath
  private readonly writer: ChunkWriter
  private readonly chunkers = new Map<ProfileName, Chunker>()
  private readonly wholeHash = createBlake3()
  private readonly first = Buffer.allocUnsafeSlow(firstBytes)
  private readonly onBytes: (bytes: number) => void
  private readonly withTimes: boolean
  private readonly startedMs: number

  constructor(root: BytePath, writer: ChunkWriter, options: FileIngesterOptions) {
    this.root = root
    this.writer = writer
    this.onBytes = options.onBytes
    this.withTimes = options.withTimes
    this.startedMs = options.startedMs
  }

  /** Stores one file. What is wrong with the file is an answer; what is wrong with the store throws. */
  async ingest(job: IngestJob): Promise<IngestResult> {
    const target = pathToFs(joinPath(this.root, job.path))
    for (let attempt = 1; ; attempt++) {
      const result = await this.attempt(job, target)
      if (result !== 'changed') return result
      if (attempt === attemptsMax) return failure(job, 'file-changing', 'changes while it is read')
    }
  }

  private async attempt(job: IngestJob, target: string | Buffer): Promise<IngestResult | 'changed'> {
    let fd: number
    try {
      // O_NONBLOCK, so that a pipe that took the file's place cannot hang the command.
      fd = openSync(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      if (isErrno(error, 'ELOOP', 'EMLINK')) return this.ingestLink(job, target)
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return failure(job, 'file-missing', 'is not there any more')
      if (isErrno(error, 'EACCES', 'EPERM')) return failure(job, 'file-unreadable', 'may not be read')
      return failure(job, 'file-unreadable', error instanceof Error ? error.message : String(error))
    }
    try {
      const before = fstatSync(fd)
      if (!before.isFile()) return failure(job, 'file-unsupported', 'is no regular file')
      const stored = await this.ingestOpen(job, fd)
      const after = fstatSync(fd)
      if (!sameVersion(before, after) || after.size !== stored.size) return 'changed'
      if (Math.max(after.mtimeMs, after.ctimeMs) >= this.startedMs && !this.readsAgain(fd, after, stored.hash)) return 'changed'
      const kind = (after.mode & 0o100) !== 0 ? 'executable' : 'file'
      return this.finish({ path: job.path, kind, ...stored, stat: fileStatOf(after) }, () => fstatSync(fd, { bigint: true }).mtimeNs)
    } catch (error) {
      if (isErrno(error, 'EIO', 'EISDIR')) return failure(job, 'file-unreadable', error.message)
      throw error
    } finally {
      closeSync(fd)
    }
  }

  /**
   * Whether a file that is newer than its times can tell still holds what was
   * stored. A mixture of what it was before and after a change reads only once.
   */
  private readsAgain(fd: number, before: Stats, hash: Id): boolean {
    const { window } = this.chunkerFor('general')
    this.wholeHash.reset()
    for (let position = 0; ; ) {
      const count = readSync(fd, window, 0, window.length, position)
      if (count === 0) break
      this.wholeHash.update(window.subarray(0, count))
      this.onBytes(0)
      position += count
    }
    return idFromBytes(this.wholeHash.digest()) === hash && sameVersion(before, fstatSync(fd))
  }

  private ingestLink(job: IngestJob, target: string | Buffer): IngestResult | 'changed' {
    let bytes: Buffer
    let stat: Stats
    try {
      stat = lstatSync(target)
      bytes = readlinkSync(target, { encoding: 'buffer' })
    } catch (error) {
      return isErrno(error, 'EINVAL') ? 'changed' : failure(job, 'file-missing', 'is not there any more')
    }
    const id = this.writer.write('chunk', bytes)
    const link = { path: job.path, kind: 'symlink', content: 'chunk', size: bytes.length, id, hash: id, stat: fileStatOf(stat) } as const
    return link
  }

  private finish(file: IngestedFile, mtimeNs: () => bigint): IngestedFile {
    if (this.withTimes) file.mtimeNs = mtimeNs()
    return file
  }

  private async ingestOpen(job: IngestJob, fd: number): Promise<Pick<IngestedFile, 'content' | 'size' | 'id' | 'hash'>> {
    const firstRead = readFully(fd, this.first, 0, firstBytes)
    const profile = job.profile ?? profileFor(job.path, this.first.subarray(0, firstRead))
    const chunker = this.chunkerFor(profile)
    const { window } = chunker
    window.set(this.first.subarray(0, firstRead), 0)
    const list = new ChunkListBuilder((kind, bytes) => this.writer.write(kind, bytes))
    this.wholeHash.reset()
    let carried = 0
    let unread = firstRead
    let size = 0
    let onlyChunk: Uint8Array | undefined
    for (let round = 0; ; round++) {
      const had = carried + unread
      const filled = round === 0 && firstRead < firstBytes ? had : had + readFully(fd, window, had, window.length - had)
      const last = filled < window.length
      const fresh = window.subarray(carried, filled)
      size += fresh.length
      const count = chunker.cut(filled, last)
      if (round === 0 && last && count <= 1) onlyChunk = blake3(window.subarray(0, filled))
      if (onlyChunk) await this.storeChunk(onlyChunk, window.subarray(0, filled))
      else {
        this.wholeHash.update(fresh)
        await this.storeChunks(chunker, count, list)
      }
      this.onBytes(fresh.length)
      if (last) break
      carried = moveTail(chunker, count, filled)
      unread = 0
      // What was handed to the disk meanwhile gets its turn, and whoever wants to stop the work.
      await setImmediate()
      await this.writer.ready()
    }
    if (onlyChunk) {
      const id = idFromBytes(onlyChunk)
      return { content: 'chunk', size, id, hash: id }
    }
    const hash = idFromBytes(this.wholeHash.digest())
    const root = list.finish()
    const id = this.writer.write('manifest', encodeManifest({ profile, size, hash, segments: [], root: root.node }))
    return { content: 'manifest', size, id, hash }
  }

  private async storeChunks(chunker: Chunker, count: number, list: ChunkListBuilder): Promise<void> {
    const { window, lengths } = chunker
    let start = 0
    for (let i = 0; i < count; i++) {
      const length = lengths[i]!
      const bytes = window.subarray(start, start + length)
      const id = blake3(bytes)
      const unsettled = this.writer.add('chunk', id, bytes)
      if (unsettled && !(await unsettled)) this.writer.append('chunk', id, bytes)
      list.add(id, length)
      start += length
    }
  }

  private async storeChunk(id: Uint8Array, bytes: Uint8Array): Promise<void> {
    const unsettled = this.writer.add('chunk', id, bytes)
    if (unsettled && !(await unsettled)) this.writer.append('chunk', id, bytes)
  }

  private chunkerFor(profile: ProfileName): Chunker {
    let chunker = this.chunkers.get(profile)
    if (!chunker) this.chunkers.set(profile, (chunker = createChunker(profileSizes[profile])))
    return chunker
  }
}

/** Moves what is not cut yet to the front of the window; answers how much that is. */
function moveTail(chunker: Chunker, count: number, filled: number): number {
  let cut = 0
  for (let i = 0; i < count; i++) cut += chunker.lengths[i]!
  chunker.window.copyWithin(0, cut, filled)
  return filled - cut
}

/** Reads until `length` bytes are there or the file ends; answers how many came. */
function readFully(fd: number, target: Uint8Array, offset: number, length: number): number {
  let filled = 0
  while (filled < length) {
    const n = readSync(fd, target, offset + filled, length - filled, null)
    if (n === 0) break
    filled += n
  }
  return filled
}

function sameVersion(a: Stats, b: Stats): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs
}

function failure(job: IngestJob, code: IngestFailure['code'], message: string): IngestFailure {
  return { path: job.path, code, message }
}

/** True where a result is a failure. */
export function isFailure(result: IngestResult): result is IngestFailure {
  return 'code' in result
}
