import { crc32 } from 'node:zlib'
import { DitsError } from '../errors.ts'
import { chunkBytesMax, objectBytesMax, packBytesMax } from '../limits.ts'
import { kindCodes, kindOfCode, type ObjectKind } from '../objects/id.ts'

/** The bytes of packs (FORMAT.md, "Packs"): the file's header and the header of a record. */

export const packHeaderBytes = 16
export const recordHeaderBytes = 48
const packMagic = 'DITSPACK'

/** How a record's payload is stored. */
export const codecs = { plain: 0, zstd: 1 } as const
export type Codec = (typeof codecs)[keyof typeof codecs]

export interface RecordHeader {
  kind: ObjectKind
  codec: Codec
  /** Bytes of the payload as stored. */
  stored: number
  /** Bytes of the object. */
  raw: number
  check: number
  /** 32 bytes; a view of the buffer that was decoded. */
  id: Uint8Array
}

/** The first bytes of a pack, before its first record. */
export function encodePackHeader(): Uint8Array {
  const bytes = Buffer.alloc(packHeaderBytes)
  bytes.write(packMagic, 0, 'latin1')
  bytes.writeUInt32LE(1, 8)
  return bytes
}

/** Throws `pack-damaged` where the bytes do not start a pack of a version that this dits reads. */
export function checkPackHeader(bytes: Uint8Array, name: string): void {
  const head = asBuffer(bytes)
  if (head.length < packHeaderBytes || head.toString('latin1', 0, 8) !== packMagic) throw packDamaged(name, 'its header is not that of a pack')
  if (head.readUInt32LE(8) !== 1) {
    throw new DitsError('unsupported-version', `pack '${name}' has version ${head.readUInt32LE(8)}`, { hint: 'use a newer dits' })
  }
  if (head.readUInt32LE(12) !== 0) throw packDamaged(name, 'its header is not that of a pack')
}

/**
 * Writes a record header to `target` at `offset`. The check covers the header,
 * and the payload too unless it is stored as it stands, where the id covers it.
 */
export function writeRecordHeader(
  target: Buffer,
  offset: number,
  record: { kind: ObjectKind; codec: Codec; raw: number; id: Uint8Array; payload: Uint8Array },
): void {
  target[offset] = kindCodes[record.kind]
  target[offset + 1] = record.codec
  target.writeUInt16LE(0, offset + 2)
  target.writeUInt32LE(record.payload.length, offset + 4)
  target.writeUInt32LE(record.raw, offset + 8)
  target.set(record.id, offset + 16)
  target.writeUInt32LE(checkOf(target, offset, record.codec === codecs.plain ? undefined : record.payload), offset + 12)
}

/** Decodes the record header at `offset` of `bytes`. Throws `pack-damaged`; the check is not verified here. */
export function readRecordHeader(bytes: Uint8Array, offset: number, name: string): RecordHeader {
  const source = asBuffer(bytes)
  const kind = kindOfCode(source[offset] ?? 0)
  const codec = source[offset + 1]
  if (offset + recordHeaderBytes > source.length) throw packDamaged(name, 'a record is cut short')
  if (!kind || source.readUInt16LE(offset + 2) !== 0) throw packDamaged(name, 'a record has no known kind')
  if (codec !== codecs.plain && codec !== codecs.zstd) {
    throw new DitsError('unsupported-codec', `pack '${name}' holds a record with codec ${codec}`, { hint: 'use a newer dits' })
  }
  const stored = source.readUInt32LE(offset + 4)
  const raw = source.readUInt32LE(offset + 8)
  const rawMax = kind === 'chunk' ? chunkBytesMax : objectBytesMax
  if (raw > rawMax || stored > packBytesMax || (codec === codecs.plain ? stored !== raw : stored >= raw)) {
    throw packDamaged(name, 'the sizes of a record cannot be')
  }
  return { kind, codec, stored, raw, check: source.readUInt32LE(offset + 12), id: source.subarray(offset + 16, offset + 48) }
}

/** True where the check of the record at `offset` agrees with its header and, for a compressed record, its payload. */
export function recordCheckHolds(bytes: Uint8Array, offset: number, header: RecordHeader): boolean {
  const start = offset + recordHeaderBytes
  const payload = header.codec === codecs.plain ? undefined : bytes.subarray(start, start + header.stored)
  return checkOf(asBuffer(bytes), offset, payload) === header.check
}

export function packDamaged(name: string, what: string): DitsError {
  return new DitsError('pack-damaged', `pack '${name}' is damaged: ${what}`, { hint: 'run: dits fsck --full' })
}

function checkOf(bytes: Buffer, offset: number, payload: Uint8Array | undefined): number {
  let check = crc32(bytes.subarray(offset, offset + 12))
  check = crc32(bytes.subarray(offset + 16, offset + 48), check)
  return payload ? crc32(payload, check) : check
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
