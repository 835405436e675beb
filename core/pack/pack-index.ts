import { DitsError } from '../errors.ts'
import { blake3 } from '../hash.ts'
import { packRecordsMax } from '../limits.ts'
import { idFromBytes, kindOfCode, type Id, type ObjectKind } from '../objects/id.ts'

/** A pack's index (FORMAT.md, "Packs"): where each object of the pack is, sorted by id. */

const magic = 'DITSPIDX'
const headBytes = 24
const fanoutBytes = 1024
const rowBytes = 46
const hashBytes = 32

export interface PackRow {
  kind: ObjectKind
  codec: number
  offset: number
  stored: number
  raw: number
}

/** Collects the rows of a pack while it is written; `encode` sorts them. */
export class PackIndexBuilder {
  private ids = Buffer.allocUnsafe(1024 * 32)
  private numbers = new Uint32Array(1024 * 4)
  count = 0

  add(id: Uint8Array, kindCode: number, codec: number, offset: number, stored: number, raw: number): void {
    if ((this.count + 1) * 32 > this.ids.length) this.grow()
    this.ids.set(id, this.count * 32)
    const at = this.count * 4
    this.numbers[at] = offset
    this.numbers[at + 1] = stored
    this.numbers[at + 2] = raw
    this.numbers[at + 3] = kindCode | (codec << 8)
    this.count++
  }

  encode(packBytes: number): Uint8Array {
    const order = this.sortedOrder()
    const n = this.count
    const out = Buffer.alloc(headBytes + fanoutBytes + n * rowBytes + hashBytes)
    out.write(magic, 0, 'latin1')
    out.writeUInt32LE(1, 8)
    out.writeUInt32LE(n, 12)
    out.writeBigUInt64LE(BigInt(packBytes), 16)
    const columns = columnsOf(n)
    for (let rank = 0; rank < n; rank++) this.writeRow(out, columns, rank, order[rank]!)
    writeFanout(out, columns.ids, n)
    out.set(blake3(out.subarray(0, out.length - hashBytes)), out.length - hashBytes)
    return out
  }

  private writeRow(out: Buffer, columns: Columns, rank: number, row: number): void {
    this.ids.copy(out, columns.ids + rank * 32, row * 32, row * 32 + 32)
    const at = row * 4
    out.writeUInt32LE(this.numbers[at]!, columns.offsets + rank * 4)
    out.writeUInt32LE(this.numbers[at + 1]!, columns.stored + rank * 4)
    out.writeUInt32LE(this.numbers[at + 2]!, columns.raw + rank * 4)
    out[columns.kinds + rank] = this.numbers[at + 3]! & 0xff
    out[columns.codecs + rank] = this.numbers[at + 3]! >>> 8
  }

  /** Rows by id: by the first six bytes as a number, and by the rest only where those agree. */
  private sortedOrder(): Uint32Array {
    const keys = new Float64Array(this.count)
    const order = new Uint32Array(this.count)
    for (let i = 0; i < this.count; i++) {
      keys[i] = this.ids.readUIntBE(i * 32, 6)
      order[i] = i
    }
    return order.sort((a, b) => keys[a]! - keys[b]! || this.ids.compare(this.ids, b * 32, b * 32 + 32, a * 32, a * 32 + 32))
  }

  private grow(): void {
    const ids = Buffer.allocUnsafe(this.ids.length * 2)
    this.ids.copy(ids)
    this.ids = ids
    const numbers = new Uint32Array(this.numbers.length * 2)
    numbers.set(this.numbers)
    this.numbers = numbers
  }
}

/** An index in memory. */
export class PackIndex {
  readonly name: string
  readonly count: number
  /** Length of the pack that the index speaks of. */
  readonly packBytes: number
  private readonly bytes: Buffer
  private readonly columns: Columns

  private constructor(name: string, bytes: Buffer) {
    this.name = name
    this.bytes = bytes
    this.count = bytes.readUInt32LE(12)
    this.packBytes = Number(bytes.readBigUInt64LE(16))
    this.columns = columnsOf(this.count)
  }

  /** Throws `index-damaged` where the bytes are not a whole, unchanged index. */
  static decode(name: string, source: Uint8Array): PackIndex {
    const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    if (bytes.length < headBytes + fanoutBytes + hashBytes || bytes.toString('latin1', 0, 8) !== magic) throw indexDamaged(name)
    if (bytes.readUInt32LE(8) !== 1) {
      throw new DitsError('unsupported-version', `the index of pack '${name}' has version ${bytes.readUInt32LE(8)}`, { hint: 'use a newer dits' })
    }
    const n = bytes.readUInt32LE(12)
    if (n > packRecordsMax || bytes.length !== headBytes + fanoutBytes + n * rowBytes + hashBytes) throw indexDamaged(name)
    if (!bytes.subarray(bytes.length - hashBytes).equals(blake3(bytes.subarray(0, bytes.length - hashBytes)))) throw indexDamaged(name)
    if (!fanoutHolds(bytes, n)) throw indexDamaged(name)
    return new PackIndex(name, bytes)
  }

  /** How many objects an index of so many bytes speaks of. */
  static countFor(bytes: number): number {
    return Math.max(0, Math.floor((bytes - headBytes - fanoutBytes - hashBytes) / rowBytes))
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.bytes.length
  }

  /** The rank of an id; -1 where the pack does not hold it. */
  find(id: Uint8Array): number {
    const first = id[0]!
    let low = first === 0 ? 0 : this.bytes.readUInt32LE(headBytes + (first - 1) * 4)
    let high = this.bytes.readUInt32LE(headBytes + first * 4)
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = this.columns.ids + middle * 32
      const order = this.bytes.compare(id, 0, 32, at, at + 32)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return -1
  }

  /**
   * The first rank, from `from` on, whose id is not below `prefix` (up to 32
   * bytes). Steps that grow from there, so that looking up sorted prefixes one
   * after another is a walk along the index.
   */
  lowerBound(prefix: Uint8Array, from = 0): number {
    let low = from
    let high = from
    for (let step = 1; high < this.count && this.isBelow(high, prefix); step *= 2) {
      low = high + 1
      high = Math.min(this.count, high + step)
    }
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.isBelow(middle, prefix)) low = middle + 1
      else high = middle
    }
    return low
  }

  private isBelow(rank: number, prefix: Uint8Array): boolean {
    const at = this.columns.ids + rank * 32
    return this.bytes.compare(prefix, 0, prefix.length, at, at + prefix.length) < 0
  }

  /** All ranks in the order in which their records lie in the pack. */
  ranksByOffset(): Uint32Array {
    const offsets = Uint32Array.from({ length: this.count }, (_, rank) => this.bytes.readUInt32LE(this.columns.offsets + rank * 4))
    return Uint32Array.from(offsets.keys()).sort((a, b) => offsets[a]! - offsets[b]!)
  }

  /** The first four bytes of an id as a number, big-endian. */
  prefix(rank: number): number {
    return this.bytes.readUInt32BE(this.columns.ids + rank * 32)
  }

  idBytes(rank: number): Uint8Array {
    const at = this.columns.ids + rank * 32
    return this.bytes.subarray(at, at + 32)
  }

  id(rank: number): Id {
    return idFromBytes(this.idBytes(rank))
  }

  row(rank: number): PackRow {
    const kind = kindOfCode(this.bytes[this.columns.kinds + rank]!)
    if (!kind) throw indexDamaged(this.name)
    return {
      kind,
      codec: this.bytes[this.columns.codecs + rank]!,
      offset: this.bytes.readUInt32LE(this.columns.offsets + rank * 4),
      stored: this.bytes.readUInt32LE(this.columns.stored + rank * 4),
      raw: this.bytes.readUInt32LE(this.columns.raw + rank * 4),
    }
  }
}

interface Columns {
  ids: number
  offsets: number
  stored: number
  raw: number
  kinds: number
  codecs: number
}

function columnsOf(n: number): Columns {
  const ids = headBytes + fanoutBytes
  const offsets = ids + n * 32
  return { ids, offsets, stored: offsets + n * 4, raw: offsets + n * 8, kinds: offsets + n * 12, codecs: offsets + n * 13 }
}

function writeFanout(out: Buffer, ids: number, n: number): void {
  let rank = 0
  for (let first = 0; first < 256; first++) {
    while (rank < n && out[ids + rank * 32]! <= first) rank++
    out.writeUInt32LE(rank, headBytes + first * 4)
  }
}

/** The checksum shows what changed since, not what was never right: the look-up must stay within the rows. */
function fanoutHolds(bytes: Buffer, n: number): boolean {
  let before = 0
  for (let first = 0; first < 256; first++) {
    const count = bytes.readUInt32LE(headBytes + first * 4)
    if (count < before) return false
    before = count
  }
  return before === n
}

function indexDamaged(name: string): DitsError {
  return new DitsError('index-damaged', `the index of pack '${name}' is damaged`, { hint: 'run: dits fsck --rebuild-index' })
}
