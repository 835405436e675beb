import { hasHighBytes, isUtf8Name, modeOf, type ArchiveEntry } from './archive-entry.ts'

/**
 * The bytes of zip archives (PKWARE APPNOTE 6.3.10; section numbers below).
 * Names are the bytes that they are, marked as UTF-8 where they are that and
 * not ASCII. Sizes and offsets from 4 GiB are written as zip64.
 */

export const zipMethods = { stored: 0, deflated: 8 } as const
export type ZipMethod = (typeof zipMethods)[keyof typeof zipMethods]

/** What is known of an entry's content once it has been written. */
export interface ZipContent {
  method: ZipMethod
  crc: number
  /** Bytes of the content. */
  size: number
  /** Bytes that it takes in the archive. */
  packed: number
}

const typeBits = { file: 0o100000, executable: 0o100000, symlink: 0o120000, directory: 0o040000 } as const
const versionNeeded = { plain: 20, zip64: 45 }
/** The high byte says that the permissions are those of Unix. */
const versionMadeBy = (3 << 8) | 45
const flagDescriptor = 1 << 3
const flagUtf8 = 1 << 11
const u32Max = 0xffffffff
const u16Max = 0xffff
const zip64Id = 0x0001
/** "Extended timestamp", third-party id of section 4.6.1: modification time as seconds since 1970. */
const timestampId = 0x5455

/**
 * The local file header (4.3.7). Where `content` is not known yet, checksum
 * and sizes follow in a descriptor; `mayBeLarge` says that they may need zip64.
 */
export function zipLocalHeader(entry: ArchiveEntry, content: ZipContent | undefined, method: ZipMethod, mayBeLarge: boolean): Uint8Array {
  const name = nameOf(entry)
  const extra = Buffer.concat([...(mayBeLarge ? [extraField(zip64Id, u64s([content?.size ?? 0, content?.packed ?? 0]))] : []), timestamp(entry)])
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(mayBeLarge ? versionNeeded.zip64 : versionNeeded.plain, 4)
  header.writeUInt16LE(flagsOf(entry, content === undefined), 6)
  header.writeUInt16LE(method, 8)
  writeDosTime(header, entry, 10)
  header.writeUInt32LE(content?.crc ?? 0, 14)
  header.writeUInt32LE(mayBeLarge ? u32Max : (content?.packed ?? 0), 18)
  header.writeUInt32LE(mayBeLarge ? u32Max : (content?.size ?? 0), 22)
  header.writeUInt16LE(name.length, 26)
  header.writeUInt16LE(extra.length, 28)
  return Buffer.concat([header, name, extra])
}

/** The descriptor (4.3.9) behind content that was not known before. */
export function zipDescriptor({ crc, size, packed }: ZipContent, mayBeLarge: boolean): Uint8Array {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(0x08074b50, 0)
  head.writeUInt32LE(crc, 4)
  return Buffer.concat([head, mayBeLarge ? u64s([packed, size]) : u32s([packed, size])])
}

/** The entry's row in the central directory (4.3.12). */
export function zipCentralHeader(entry: ArchiveEntry, content: ZipContent, place: { offset: number; descriptor: boolean }): Uint8Array {
  const name = nameOf(entry)
  const large = [content.size, content.packed, place.offset].filter((value) => value >= u32Max)
  const extra = Buffer.concat([...(large.length > 0 ? [extraField(zip64Id, u64s(large))] : []), timestamp(entry)])
  const header = Buffer.alloc(46)
  header.writeUInt32LE(0x02014b50, 0)
  header.writeUInt16LE(versionMadeBy, 4)
  header.writeUInt16LE(large.length > 0 ? versionNeeded.zip64 : versionNeeded.plain, 6)
  header.writeUInt16LE(flagsOf(entry, place.descriptor), 8)
  header.writeUInt16LE(content.method, 10)
  writeDosTime(header, entry, 12)
  header.writeUInt32LE(content.crc, 16)
  header.writeUInt32LE(Math.min(content.packed, u32Max), 20)
  header.writeUInt32LE(Math.min(content.size, u32Max), 24)
  header.writeUInt16LE(name.length, 28)
  header.writeUInt16LE(extra.length, 30)
  const mode = typeBits[entry.kind] | modeOf(entry.kind)
  header.writeUInt32LE(((mode << 16) | (entry.kind === 'directory' ? 0x10 : 0)) >>> 0, 38)
  header.writeUInt32LE(Math.min(place.offset, u32Max), 42)
  return Buffer.concat([header, name, extra])
}

/** What ends an archive: the zip64 records (4.3.14, 4.3.15) where they are needed, and the end record (4.3.16). */
export function zipEnd(directory: { entries: number; offset: number; bytes: number }, comment: string): Uint8Array {
  const { entries, offset, bytes } = directory
  const note = Buffer.from(comment, 'latin1')
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Math.min(entries, u16Max), 8)
  end.writeUInt16LE(Math.min(entries, u16Max), 10)
  end.writeUInt32LE(Math.min(bytes, u32Max), 12)
  end.writeUInt32LE(Math.min(offset, u32Max), 16)
  end.writeUInt16LE(note.length, 20)
  const isLarge = entries >= u16Max || bytes >= u32Max || offset >= u32Max
  return Buffer.concat([...(isLarge ? [zip64End(directory)] : []), end, note])
}

function zip64End({ entries, offset, bytes }: { entries: number; offset: number; bytes: number }): Buffer {
  const head = Buffer.alloc(24)
  head.writeUInt32LE(0x06064b50, 0)
  head.writeBigUInt64LE(44n, 4)
  head.writeUInt16LE(versionMadeBy, 12)
  head.writeUInt16LE(versionNeeded.zip64, 14)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(BigInt(offset + bytes), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([head, u64s([entries, entries, bytes, offset]), locator])
}

function nameOf({ path, kind }: ArchiveEntry): Buffer {
  return Buffer.from(kind === 'directory' ? `${path}/` : path, 'latin1')
}

function flagsOf({ path }: ArchiveEntry, descriptor: boolean): number {
  return (descriptor ? flagDescriptor : 0) | (hasHighBytes(path) && isUtf8Name(path) ? flagUtf8 : 0)
}

function timestamp({ mtimeNs }: ArchiveEntry): Buffer {
  const seconds = mtimeNs / 1_000_000_000n
  if (seconds < -(2n ** 31n) || seconds >= 2n ** 31n) return Buffer.alloc(0)
  const fields = Buffer.alloc(5)
  fields[0] = 1
  fields.writeInt32LE(Number(seconds), 1)
  return extraField(timestampId, fields)
}

/** The time of MS-DOS (4.4.6), which has no zone and two seconds to a tick: UTC here, from 1980 to 2107. */
function writeDosTime(header: Buffer, { mtimeNs }: ArchiveEntry, at: number): void {
  const date = new Date(Number(mtimeNs / 1_000_000n))
  const year = date.getUTCFullYear()
  const inRange = year >= 1980 && year <= 2107
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1)
  const day = ((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate()
  header.writeUInt16LE(inRange ? time : 0, at)
  header.writeUInt16LE(inRange ? day : (1 << 5) | 1, at + 2)
}

function extraField(id: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(id, 0)
  head.writeUInt16LE(body.length, 2)
  return Buffer.concat([head, body])
}

function u64s(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length)
  for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * i)
  return bytes
}

function u32s(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value, 4 * i)
  return bytes
}
