import { ftruncateSync, writeSync } from 'node:fs'
import type { BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { EntryContent } from '../objects/tree-entry.ts'
import type { FileStat } from '../worktree/file-stat.ts'
import type { Placer } from '../worktree/place.ts'
import type { ContentReader } from './content-reader.ts'

/** One file or link to write into the working tree. */
export interface CheckoutJob {
  path: BytePath
  kind: 'file' | 'executable' | 'symlink'
  content: EntryContent
  size: number
  id: Id
  /** Set on the file where the repository records times. */
  mtimeNs?: bigint
  /** To be a ghost: a file of this size without content. */
  isGhost?: true
  /** What lay there when it was looked at: where it is something else by now, that is left alone. */
  replaces?: FileStat
}

/** A file that was written, and what it looks like on disk now. */
export interface CheckedOut {
  path: BytePath
  stat: FileStat
  isGhost: boolean
  /** It was not written, because somebody has changed what it was to replace. */
  isLeft?: true
}

const outputBytes = 1024 * 1024
/** Runs of zeros at least this long become holes where the file system has them. */
const holeBytesMin = 16 * 1024
const zeros = Buffer.alloc(1024 * 1024)

/**
 * Writes files of the store into the working tree: to a temporary name beside
 * the target, whole, and then renamed, so that a crash leaves the old file or
 * the new one. Not forced to disk: what the store holds can be written again.
 * A ghost is a hole of the file's size that may not be written to, and costs
 * the same whatever that size is.
 */
export class FileWriter {
  private readonly placer: Placer
  private readonly content: ContentReader
  private readonly onBytes: (bytes: number) => void
  private readonly memory = Buffer.allocUnsafeSlow(outputBytes)

  constructor(placer: Placer, content: ContentReader, onBytes: (bytes: number) => void) {
    this.placer = placer
    this.content = content
    this.onBytes = onBytes
  }

  /** Throws what reading the content throws and `unsafe-path`; errors of the system as they are. */
  async write(job: CheckoutJob): Promise<CheckedOut> {
    if (job.kind === 'symlink') {
      const target: Uint8Array[] = []
      for await (const piece of this.content.stream(job)) target.push(piece)
      return { path: job.path, stat: this.placer.placeSymlink(job.path, Buffer.concat(target)), isGhost: false }
    }
    const pending = this.placer.openFile(job.path, { isExecutable: job.kind === 'executable' })
    try {
      if (job.isGhost) ftruncateSync(pending.fd, job.size)
      else await this.fill(pending.fd, job)
    } catch (error) {
      pending.abandon()
      throw error
    }
    const { path, mtimeNs, isGhost = false, replaces } = job
    if (replaces && !isSameFile(replaces, this.placer.guard.lookAt(path))) {
      pending.abandon()
      return { path, stat: replaces, isGhost: false, isLeft: true }
    }
    return { path, stat: pending.commit({ ...(mtimeNs === undefined ? {} : { mtimeNs }), isReadOnly: isGhost }), isGhost }
  }

  private async fill(fd: number, job: CheckoutJob): Promise<void> {
    const output = new SparseOutput(fd, this.memory)
    await this.content.give(job, (piece) => {
      output.write(piece)
      this.onBytes(piece.length)
    })
    output.end()
  }
}

function isSameFile(seen: FileStat, now: FileStat | undefined): boolean {
  return now !== undefined && now.ino === seen.ino && now.size === seen.size && now.mtimeMs === seen.mtimeMs && now.ctimeMs === seen.ctimeMs
}

/** Gathers pieces into few system calls, and leaves holes where long runs of zeros stand. */
class SparseOutput {
  private readonly fd: number
  private readonly memory: Uint8Array
  private filled = 0
  private position = 0
  private endsInHole = false

  constructor(fd: number, memory: Uint8Array) {
    this.fd = fd
    this.memory = memory
  }

  write(piece: Uint8Array): void {
    if (piece.length >= holeBytesMin && isZero(piece)) {
      this.flush()
      this.position += piece.length
      this.endsInHole = true
      return
    }
    for (let taken = 0; taken < piece.length; ) {
      const part = piece.subarray(taken, taken + this.memory.length - this.filled)
      this.memory.set(part, this.filled)
      this.filled += part.length
      taken += part.length
      if (this.filled === this.memory.length) this.flush()
    }
    if (piece.length > 0) this.endsInHole = false
  }

  end(): void {
    this.flush()
    if (this.endsInHole) ftruncateSync(this.fd, this.position)
  }

  private flush(): void {
    writeAll(this.fd, this.memory.subarray(0, this.filled), this.position)
    this.position += this.filled
    this.filled = 0
  }
}

/** A disk that fills up takes a part first, and fails on the rest when it is offered again. */
function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes.length <= zeros.length && Buffer.compare(bytes, zeros.subarray(0, bytes.length)) === 0
}
