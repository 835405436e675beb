import { ghostBit, ghostIndexVersion, indexVersion, statBit } from './index-layout.ts'
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

  /**
   * Records what entry `i` looks like on disk while its content is what is
   * staged, or while it is a ghost. A folder has no stat data.
   */
  set(i: number, stat: FileStat, isGhost = this.#index.isGhostAt(i)): void {
    if (this.#index.kindAt(i) === 'directory') return
    this.setGhost(i, isGhost)
    if (stat.size !== this.#index.sizeAt(i)) return this.#forget(i)
    const { flags, statMtime, statCtime, statIno, statMode } = this.#index.layout
    this.#bytes.writeDoubleLE(stat.mtimeMs, statMtime + 8 * i)
    this.#bytes.writeDoubleLE(stat.ctimeMs, statCtime + 8 * i)
    this.#bytes.writeDoubleLE(stat.ino, statIno + 8 * i)
    this.#bytes.writeUInt32LE(stat.mode, statMode + 4 * i)
    this.#bytes.writeUInt8(this.#bytes.readUInt8(flags + i) | statBit, flags + i)
  }

  /** Records whether entry `i` is a ghost on disk; and what it looks like is unknown until `set`. */
  setGhost(i: number, isGhost: boolean): void {
    this.#forget(i)
    const at = this.#index.layout.flags + i
    const flags = this.#bytes.readUInt8(at)
    this.#bytes.writeUInt8(isGhost ? flags | ghostBit : flags & ~ghostBit, at)
  }

  /** The encoded index. For `writtenMs` see IndexBuilder.finish. */
  finish(meta: { writtenMs: number }): Uint8Array {
    this.#bytes.writeDoubleLE(meta.writtenMs, writtenMsAt)
    this.#bytes.writeUInt32LE(this.#hasGhosts() ? ghostIndexVersion : indexVersion, versionAt)
    sealIndex(this.#bytes)
    return this.#bytes
  }

  #forget(i: number): void {
    const at = this.#index.layout.flags + i
    this.#bytes.writeUInt8(this.#bytes.readUInt8(at) & ~statBit, at)
  }

  #hasGhosts(): boolean {
    const { flags } = this.#index.layout
    return this.#bytes.subarray(flags, flags + this.#index.count).some((bits) => (bits & ghostBit) !== 0)
  }
}

const versionAt = 8
const writtenMsAt = 40
