import { statBit } from './index-layout.ts'
import type { FileStat } from './file-stat.ts'
import { sealIndex } from './index-builder.ts'
import type { Index } from './index-file.ts'

/**
 * A copy of an index in which the stat data of some entries is renewed and
 * nothing else changes: after a checkout wrote the files, or after `status`
 * found by hashing that touched files are still the same.
 */
export class StatPatch {
  readonly #index: Index
  readonly #bytes: Buffer

  constructor(index: Index) {
    this.#index = index
    this.#bytes = Buffer.from(index.bytes)
    // What is racily clean now must not look clean under the new clock.
    for (let i = 0; i < index.count; i++) if (!index.statAt(i)) this.#forget(i)
  }

  /** Records what entry `i` looks like on disk while its content is what is staged. A folder has no stat data. */
  set(i: number, stat: FileStat): void {
    if (this.#index.kindAt(i) === 'directory') return
    if (stat.size !== this.#index.sizeAt(i)) return this.#forget(i)
    const { flags, statMtime, statCtime, statIno, statMode } = this.#index.layout
    this.#bytes.writeDoubleLE(stat.mtimeMs, statMtime + 8 * i)
    this.#bytes.writeDoubleLE(stat.ctimeMs, statCtime + 8 * i)
    this.#bytes.writeDoubleLE(stat.ino, statIno + 8 * i)
    this.#bytes.writeUInt32LE(stat.mode, statMode + 4 * i)
    this.#bytes.writeUInt8(this.#index.flagsAt(i) | statBit, flags + i)
  }

  /** The encoded index. For `writtenMs` see IndexBuilder.finish. */
  finish(meta: { writtenMs: number }): Uint8Array {
    this.#bytes.writeDoubleLE(meta.writtenMs, writtenMsAt)
    sealIndex(this.#bytes)
    return this.#bytes
  }

  #forget(i: number): void {
    const { flags } = this.#index.layout
    this.#bytes.writeUInt8(this.#index.flagsAt(i) & ~statBit, flags + i)
  }
}

const writtenMsAt = 40
