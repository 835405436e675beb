import { crc32 } from 'node:zlib'
import { blake3 } from '../hash.ts'
import { lookupPacksMax, lookupRowsMax, packRecordsMax } from '../limits.ts'
import type { ByteStore } from '../store/byte-store.ts'

/** One look-up table (FORMAT.md, "Look-up tables"): which of some packs may hold an object. */

export const lookupRowBytes = 6
const magic = 'DITSLOOK'
const fixedBytes = 32
const hashBytes = 32
const bitsMax = 12
/** Blocks hold half of this to all of it, on average. */
const blockRowsAim = 4096
/** Most heads come with the first read. */
const firstReadBytes = 64 * 1024
/** Blocks of a table that stay in memory, of 12 to 24 KB each. */
const blocksKeptMax = 256
const packName = /^[0-9a-z-]{1,64}$/

/** A pack that a table speaks of. */
export interface ListedPack {
  name: string
  /** How many records the index had that the rows were made of. */
  objects: number
}

/**
 * A row as a number below 2^48: the first four bytes of an id, big-endian, and
 * the pack's number in the table. Numbers in ascending order are rows in order.
 */
export function lookupKey(prefix: number, pack: number): number {
  return prefix * lookupPacksMax + pack
}

/** The bytes of a table. `keys` ascend, and no two are equal. */
export function encodeLookupTable(packs: readonly ListedPack[], keys: Float64Array): Buffer {
  const bits = Math.min(bitsMax, Math.max(0, Math.ceil(Math.log2(keys.length / blockRowsAim))))
  const names = Buffer.from(packs.map(({ name }) => `${name}\n`).join(''), 'latin1')
  const blocks = 2 ** bits
  const headBytes = fixedBytes + blocks * 8 + packs.length * 4 + names.length + hashBytes
  const out = Buffer.alloc(headBytes + keys.length * lookupRowBytes)
  out.write(magic, 0, 'latin1')
  for (const [i, field] of [1, headBytes, packs.length, keys.length, bits, 0].entries()) out.writeUInt32LE(field, 8 + i * 4)
  for (let i = 0; i < keys.length; i++) out.writeUIntBE(keys[i]!, headBytes + i * lookupRowBytes, lookupRowBytes)
  for (let block = 0, row = 0; block < blocks; block++) {
    const from = row
    while (row < keys.length && blockOf(Math.floor(keys[row]! / lookupPacksMax), bits) === block) row++
    out.writeUInt32LE(row, fixedBytes + block * 4)
    out.writeUInt32LE(crc32(out.subarray(headBytes + from * lookupRowBytes, headBytes + row * lookupRowBytes)), fixedBytes + (blocks + block) * 4)
  }
  packs.forEach(({ objects }, i) => out.writeUInt32LE(objects, fixedBytes + blocks * 8 + i * 4))
  names.copy(out, fixedBytes + blocks * 8 + packs.length * 4)
  out.set(blake3(out.subarray(0, headBytes - hashBytes)), headBytes - hashBytes)
  return out
}

/**
 * A table of which the head is in memory; rows are read a block at a time, each
 * verified by its check. An answer is `undefined` where the table cannot give
 * one: it was removed since, because others made a better one, or is damaged.
 */
export class LookupTable {
  readonly key: string
  readonly packs: readonly ListedPack[]
  readonly rows: number
  private readonly store: ByteStore
  private readonly head: Head
  private readonly blocks = new Map<number, Buffer>()
  private all: Buffer | undefined

  private constructor(store: ByteStore, key: string, head: Head) {
    this.store = store
    this.key = key
    this.head = head
    this.packs = head.packs
    this.rows = head.ends.at(-1)!
  }

  /** `undefined` where no sound table is under the key. */
  static async open(store: ByteStore, key: string): Promise<LookupTable | undefined> {
    const stat = await store.stat(key)
    let bytes = stat && (await readRange(store, key, 0, Math.min(stat.size, firstReadBytes)))
    const headBytes = bytes && measureHead(bytes)
    if (!bytes || headBytes === undefined || headBytes > stat!.size) return undefined
    if (headBytes > bytes.length) bytes = await readRange(store, key, 0, headBytes)
    const head = bytes && decodeHead(bytes.subarray(0, headBytes))
    if (!head || headBytes + head.ends.at(-1)! * lookupRowBytes !== stat!.size) return undefined
    return new LookupTable(store, key, head)
  }

  /** The packs that may hold an object, where that part of the table is in memory. */
  findNow(id: Uint8Array): string[] | undefined {
    const prefix = prefixOf(id)
    const block = this.blockNow(blockOf(prefix, this.head.bits))
    return block && this.packsIn(block, prefix, prefix)
  }

  /** The packs that may hold an object. */
  async find(id: Uint8Array): Promise<string[] | undefined> {
    const prefix = prefixOf(id)
    const number = blockOf(prefix, this.head.bits)
    const block = this.blockNow(number) ?? (await this.readBlock(number))
    return block && this.packsIn(block, prefix, prefix)
  }

  /** The packs that may hold objects whose ids start with the given hex digits. */
  async findByPrefix(digits: string): Promise<string[] | undefined> {
    const low = parseInt(digits.slice(0, 8).padEnd(8, '0'), 16)
    const high = parseInt(digits.slice(0, 8).padEnd(8, 'f'), 16)
    const packs = new Set<string>()
    for (let number = blockOf(low, this.head.bits); number <= blockOf(high, this.head.bits); number++) {
      const block = this.blockNow(number) ?? (await this.readBlock(number))
      if (!block) return undefined
      for (const pack of this.packsIn(block, low, high)) packs.add(pack)
    }
    return [...packs]
  }

  /** All rows, verified, in memory that threads can share. */
  async share(): Promise<SharedArrayBuffer | undefined> {
    const rows = await readRange(this.store, this.key, this.head.bytes, this.rows * lookupRowBytes)
    if (!rows) return undefined
    for (let block = 0; block < this.head.ends.length; block++) {
      if (!this.checkHolds(block, rows.subarray(this.offsetOf(block), this.offsetOf(block + 1)))) return undefined
    }
    const shared = new SharedArrayBuffer(rows.length)
    Buffer.from(shared).set(rows)
    return shared
  }

  /** Takes over all rows, as `share` gave them. */
  adopt(rows: SharedArrayBuffer): void {
    this.all = Buffer.from(rows)
    this.blocks.clear()
  }

  private blockNow(number: number): Buffer | undefined {
    if (!this.all) return this.blocks.get(number)
    return this.all.subarray(this.offsetOf(number), this.offsetOf(number + 1))
  }

  private async readBlock(number: number): Promise<Buffer | undefined> {
    const from = this.offsetOf(number)
    const block = await readRange(this.store, this.key, this.head.bytes + from, this.offsetOf(number + 1) - from)
    if (!block || !this.checkHolds(number, block)) return undefined
    // The one that came first goes first: which block is asked next is chance.
    if (this.blocks.size >= blocksKeptMax) this.blocks.delete(this.blocks.keys().next().value!)
    this.blocks.set(number, block)
    return block
  }

  private checkHolds(number: number, block: Buffer): boolean {
    return crc32(block) === this.head.checks[number]
  }

  /** Where a block begins, in bytes from the first row. */
  private offsetOf(block: number): number {
    return block === 0 ? 0 : this.head.ends[block - 1]! * lookupRowBytes
  }

  private packsIn(block: Buffer, low: number, high: number): string[] {
    const packs: string[] = []
    for (let at = firstRowAt(block, low); at < block.length && block.readUInt32BE(at) <= high; at += lookupRowBytes) {
      const pack = this.packs[block.readUInt16BE(at + 4)]
      if (pack) packs.push(pack.name)
    }
    return packs
  }
}

/** The rows of a table as `lookupKey` makes them. */
export function* lookupKeysOf(rows: Uint8Array): Generator<{ prefix: number; pack: number }> {
  const source = Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength)
  for (let at = 0; at < source.length; at += lookupRowBytes) yield { prefix: source.readUInt32BE(at), pack: source.readUInt16BE(at + 4) }
}

interface Head {
  /** Where the rows begin. */
  bytes: number
  packs: ListedPack[]
  /** A row belongs to the block that the first so many bits of its id name. */
  bits: number
  /** For each block, how many rows there are up to its end. */
  ends: Uint32Array
  /** For each block, the CRC-32 of its rows. */
  checks: Uint32Array
}

/** How long the head says that it is, as far as that can be. */
function measureHead(bytes: Buffer): number | undefined {
  if (bytes.length < fixedBytes || bytes.toString('latin1', 0, 8) !== magic || bytes.readUInt32LE(8) !== 1) return undefined
  const [headBytes, packs, rows, bits, zero] = [12, 16, 20, 24, 28].map((at) => bytes.readUInt32LE(at)) as [number, number, number, number, number]
  if (packs > lookupPacksMax || rows > lookupRowsMax || bits > bitsMax || zero !== 0) return undefined
  const least = fixedBytes + 2 ** bits * 8 + packs * 4 + hashBytes
  return headBytes < least || headBytes > least + packs * 65 ? undefined : headBytes
}

/** `undefined` where the head, as `measureHead` measured it, is not what was written. */
function decodeHead(bytes: Buffer): Head | undefined {
  const end = bytes.length - hashBytes
  if (!bytes.subarray(end).equals(blake3(bytes.subarray(0, end)))) return undefined
  const [count, rows, bits] = [16, 20, 24].map((at) => bytes.readUInt32LE(at)) as [number, number, number]
  const blocks = 2 ** bits
  const column = (start: number, length: number) => Uint32Array.from({ length }, (_, i) => bytes.readUInt32LE(start + i * 4))
  const ends = column(fixedBytes, blocks)
  const objects = column(fixedBytes + blocks * 8, count)
  const names = bytes.toString('latin1', fixedBytes + blocks * 8 + count * 4, end).split('\n')
  const sound =
    names.pop() === '' && names.length === count && names.every((name) => packName.test(name)) && objects.every((n) => n <= packRecordsMax) &&
    ends.every((row, block) => block === 0 || row >= ends[block - 1]!) && ends[blocks - 1] === rows
  if (!sound) return undefined
  const packs = names.map((name, i) => ({ name, objects: objects[i]! }))
  return { bytes: bytes.length, packs, bits, ends, checks: column(fixedBytes + blocks * 4, blocks) }
}

function blockOf(prefix: number, bits: number): number {
  return bits === 0 ? 0 : prefix >>> (32 - bits)
}

function prefixOf(id: Uint8Array): number {
  return ((id[0]! << 24) | (id[1]! << 16) | (id[2]! << 8) | id[3]!) >>> 0
}

/** Where the first row of a block is whose prefix is not below `prefix`. */
function firstRowAt(block: Buffer, prefix: number): number {
  let low = 0
  let high = block.length / lookupRowBytes
  while (low < high) {
    const middle = (low + high) >>> 1
    if (block.readUInt32BE(middle * lookupRowBytes) < prefix) low = middle + 1
    else high = middle
  }
  return low * lookupRowBytes
}

/** Exactly these bytes of a value; `undefined` where it is gone or ends before. */
async function readRange(store: ByteStore, key: string, offset: number, length: number): Promise<Buffer | undefined> {
  if (length === 0) return Buffer.alloc(0)
  const stored = await store.get(key, { offset, length })
  if (stored?.bytes.length !== length) return undefined
  return Buffer.from(stored.bytes.buffer, stored.bytes.byteOffset, stored.bytes.byteLength)
}
