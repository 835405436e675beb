import { DitsError, hasCode } from '../errors.ts'
import { chunkBytesMax } from '../limits.ts'
import { hashObject, kindCodes, type Id, idFromBytes, type ObjectKind } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { decompress } from './compress.ts'
import { checkPackHeader, packDamaged, packHeaderBytes, readRecordHeader, recordCheckHolds, recordHeaderBytes, type RecordHeader } from './pack-format.ts'
import { PackIndex, PackIndexBuilder } from './pack-index.ts'
import { indexKey, packKey } from './pack-writer.ts'

/** Reading whole packs: to verify every byte, and to make a lost index again. */

const readAtOnce = 1024 * 1024

/** Something that is wrong with a pack. */
export interface PackProblem {
  pack: string
  code: 'pack-missing' | 'pack-damaged' | 'index-damaged' | 'object-damaged'
  message: string
  /** The object that cannot be read, where it is known which. */
  object?: { kind: ObjectKind; id: Id }
}

export interface PackReport {
  pack: string
  objects: number
  bytes: number
  problems: PackProblem[]
}

/**
 * Verifies a pack against its index, reading every byte of both: the index's
 * own hash, every record's check, every object against its id, and that the
 * records fill the pack without gaps.
 */
export async function verifyPack(store: ByteStore, pack: string, onBytes: (bytes: number) => void): Promise<PackReport> {
  const report: PackReport = { pack, objects: 0, bytes: 0, problems: [] }
  const index = await loadIndex(store, pack, report)
  if (!index) return report
  const stat = await store.stat(packKey(pack))
  if (!stat) {
    report.problems.push({ pack, code: 'pack-missing', message: `pack '${pack}' is missing` })
    return report
  }
  if (stat.size !== index.packBytes) {
    report.problems.push(damaged(pack, `it has ${stat.size} bytes where its index says ${index.packBytes}`))
  }
  const reader = new SequentialReader(store, pack, stat.size)
  await verifyHeader(reader, report)
  let expected = packHeaderBytes
  for (const rank of index.ranksByOffset()) {
    const row = index.row(rank)
    const length = recordHeaderBytes + row.stored
    if (row.offset !== expected) report.problems.push(damaged(pack, `its records do not follow each other at ${expected}`))
    expected = row.offset + length
    const record = reader.readNow(row.offset, length) ?? (await reader.read(row.offset, length))
    report.objects++
    onBytes(length)
    const message = record ? recordProblem(record, pack, index.idBytes(rank), row.kind) : 'the pack ends before it'
    if (message) {
      const object = { kind: row.kind, id: index.id(rank) }
      report.problems.push({ pack, code: 'object-damaged', message: `${row.kind} '${object.id}' is damaged in pack '${pack}': ${message}`, object })
    }
  }
  if (expected !== index.packBytes) report.problems.push(damaged(pack, 'its index does not speak of all of it'))
  report.bytes = stat.size
  return report
}

/**
 * Makes the index of a pack again from the pack. Records that are damaged are
 * left out and counted; a damaged header counts as one. The index is written
 * last and whole. Throws `pack-damaged` where nothing in the pack can be read,
 * and `unsupported-version`.
 */
export async function rebuildIndex(store: ByteStore, pack: string): Promise<{ objects: number; skipped: number }> {
  const stat = await store.stat(packKey(pack))
  if (!stat) throw new DitsError('pack-missing', `pack '${pack}' is missing`)
  const builder = new PackIndexBuilder()
  let skipped = 0
  for await (const found of scanRecords(store, pack, stat.size)) {
    if (found.damaged) skipped++
    else builder.add(found.header.id, kindCodes[found.header.kind], found.header.codec, found.offset, found.header.stored, found.header.raw)
  }
  if (builder.count === 0 && skipped > 0) throw packDamaged(pack, 'nothing in it can be read')
  await store.put(indexKey(pack), builder.encode(stat.size))
  return { objects: builder.count, skipped }
}

/** Where compressed chunks are unpacked, one after another. */
let unpacked: Uint8Array | undefined

type Scanned = { damaged: true } | { damaged: false; header: RecordHeader; offset: number }

/** Walks a pack record by record. After damage it looks for the next header that proves itself by its check and its object. */
async function* scanRecords(store: ByteStore, pack: string, size: number): AsyncGenerator<Scanned> {
  const reader = new SequentialReader(store, pack, size)
  try {
    checkPackHeader((await reader.read(0, packHeaderBytes)) ?? new Uint8Array(0), pack)
  } catch (error) {
    if (!hasCode(error, 'pack-damaged')) throw error
    yield { damaged: true }
  }
  let lost = false
  for (let offset = packHeaderBytes; offset < size; ) {
    const header = await soundRecord(reader, pack, offset)
    if (header) {
      yield { damaged: false, header, offset }
      offset += recordHeaderBytes + header.stored
      lost = false
      continue
    }
    if (!lost) yield { damaged: true }
    lost = true
    offset++
  }
}

/** The header at an offset where a whole, verified record starts there. */
async function soundRecord(reader: SequentialReader, pack: string, offset: number): Promise<RecordHeader | undefined> {
  const read = await reader.read(offset, recordHeaderBytes)
  if (!read) return undefined
  // The next reading fills the same memory.
  const head = Buffer.from(read)
  try {
    const header = readRecordHeader(head, 0, pack)
    // A plain record's check covers its header alone, so a chance match is told apart before the payload is read.
    if (header.codec === 0 && !recordCheckHolds(head, 0, header)) return undefined
    const record = await reader.read(offset, recordHeaderBytes + header.stored)
    if (!record || recordProblem(record, pack, header.id, header.kind)) return undefined
    return header
  } catch (error) {
    if (hasCode(error, 'pack-damaged') || hasCode(error, 'unsupported-codec')) return undefined
    throw error
  }
}

/** What is wrong with a record; `undefined` where it is sound. */
function recordProblem(record: Uint8Array, pack: string, id: Uint8Array, kind: ObjectKind): string | undefined {
  let header: RecordHeader
  try {
    header = readRecordHeader(record, 0, pack)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  if (recordHeaderBytes + header.stored !== record.length) return 'its length is not what the index says'
  if (header.kind !== kind || Buffer.compare(header.id, id) !== 0) return 'it is not the object that the index names'
  if (!recordCheckHolds(record, 0, header)) return 'its bytes are not what was written'
  try {
    const bytes = decompress(header.codec, record.subarray(recordHeaderBytes), header.raw, (unpacked ??= Buffer.allocUnsafeSlow(chunkBytesMax + 1)))
    const hash = hashObject(kind, bytes)
    if (bytes.length === header.raw && Buffer.compare(hash, id) === 0) return undefined
    return `its bytes hash to ${idFromBytes(hash)}`
  } catch {
    return 'it cannot be decompressed'
  }
}

async function loadIndex(store: ByteStore, pack: string, report: PackReport): Promise<PackIndex | undefined> {
  const stored = await store.get(indexKey(pack), { offset: 0, length: 64 * 1024 * 1024 })
  try {
    return PackIndex.decode(pack, stored?.bytes ?? new Uint8Array(0))
  } catch (error) {
    if (!(error instanceof DitsError)) throw error
    report.problems.push({ pack, code: 'index-damaged', message: error.message })
    return undefined
  }
}

async function verifyHeader(reader: SequentialReader, report: PackReport): Promise<void> {
  try {
    checkPackHeader((await reader.read(0, packHeaderBytes)) ?? new Uint8Array(0), report.pack)
  } catch (error) {
    if (!(error instanceof DitsError)) throw error
    report.problems.push({ pack: report.pack, code: 'pack-damaged', message: error.message })
  }
}

function damaged(pack: string, what: string): PackProblem {
  return { pack, code: 'pack-damaged', message: `pack '${pack}' is damaged: ${what}` }
}

/** Reads a pack mostly forwards, a megabyte at a time, into the same memory again and again. */
class SequentialReader {
  private readonly store: ByteStore
  private readonly pack: string
  private readonly size: number
  private readonly memory = Buffer.allocUnsafeSlow(readAtOnce)
  private buffer: Uint8Array = new Uint8Array(0)
  private start = 0

  constructor(store: ByteStore, pack: string, size: number) {
    this.store = store
    this.pack = pack
    this.size = size
  }

  /** Bytes of the pack, valid until the next call; `undefined` where it ends before. */
  async read(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (offset + length > this.size) return undefined
    const known = this.readNow(offset, length)
    if (known) return known
    const range = { offset, length: Math.max(length, Math.min(readAtOnce, this.size - offset)), into: this.memory }
    const stored = await this.store.get(packKey(this.pack), range)
    if (!stored) throw new DitsError('pack-missing', `pack '${this.pack}' is missing`)
    this.buffer = stored.bytes
    this.start = offset
    return this.readNow(offset, length)
  }

  /** As `read`, where the bytes are in memory already. */
  readNow(offset: number, length: number): Uint8Array | undefined {
    const at = offset - this.start
    return at >= 0 && at + length <= this.buffer.length ? this.buffer.subarray(at, at + length) : undefined
  }
}
