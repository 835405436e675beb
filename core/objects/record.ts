import { Packr, Unpackr } from 'msgpackr'
import { objectBytesMax, recordDepthMax, recordItemsMax } from '../limits.ts'
import { asBuffer, damaged } from './columns.ts'

/**
 * Small records as canonical MessagePack, of five types only: nil, integers,
 * strings, byte strings and arrays. The only file that imports msgpackr.
 */
export type RecordValue = null | number | string | Uint8Array | RecordValue[]

const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' })

/** Encodes a record. Numbers are safe integers and strings well-formed; the caller sees to both. */
export function encodeRecord(value: RecordValue): Uint8Array {
  return packr.pack(packable(value))
}

/**
 * Decodes a record; `what` names it in messages. The bytes are scanned before
 * msgpackr sees them (types, nesting, number of items, lengths that do not fit)
 * and must be what encoding the result gives. Byte strings are views into
 * `bytes`. Throws `object-damaged`.
 */
export function decodeRecord(what: string, bytes: Uint8Array): RecordValue {
  if (bytes.length > objectBytesMax) throw damaged(what, `it has ${bytes.length} bytes`)
  const buffer = asBuffer(bytes)
  if (scanRecord(what, buffer) !== buffer.length) throw damaged(what, 'bytes follow its end')
  const value = unpackr.unpack(buffer) as RecordValue
  if (!encodesAs(value, buffer)) throw damaged(what, 'its encoding is not canonical')
  return value
}

/** msgpackr would write integers beyond 32 bits as floating point, unless they are BigInts. */
function packable(value: RecordValue): unknown {
  if (Array.isArray(value)) return value.map(packable)
  if (value instanceof Uint8Array) return asBuffer(value)
  if (typeof value !== 'number') return value
  return value > 0xffff_ffff || value < -0x8000_0000 ? BigInt(value) : value
}

function encodesAs(value: RecordValue, buffer: Buffer): boolean {
  return isWellFormed(value) && buffer.equals(packr.pack(packable(value)))
}

/** msgpackr reads and writes lone surrogates, which UTF-8 does not have. */
function isWellFormed(value: RecordValue): boolean {
  if (Array.isArray(value)) return value.every(isWellFormed)
  if (typeof value === 'number') return Number.isSafeInteger(value)
  return typeof value !== 'string' || value.isWellFormed()
}

/** What follows a first byte: how many bytes of length or value, and what they mean. */
type Shape = { kind: 'value' | 'bytes' | 'array'; lengthBytes: number; length: number }

/**
 * Walks over one value without recursion and answers where it ends. Every
 * array's items are counted when it opens, so that the work is bounded by
 * `recordItemsMax` whatever the lengths claim.
 */
function scanRecord(what: string, buffer: Buffer): number {
  const open = [1]
  let items = 1
  let at = 0
  while (open.length > 0) {
    const left = open.pop() as number
    if (left === 0) continue
    open.push(left - 1)
    const shape = at < buffer.length ? shapeOf(buffer.readUInt8(at)) : undefined
    if (!shape) throw damaged(what, at < buffer.length ? `type ${buffer[at]} is unknown in a record` : 'it ends early')
    const body = at + 1 + shape.lengthBytes
    if (body > buffer.length) throw damaged(what, 'it ends early')
    const hasLength = shape.lengthBytes > 0 && shape.kind !== 'value'
    const length = hasLength ? buffer.readUIntBE(at + 1, shape.lengthBytes) : shape.length
    at = body
    if (shape.kind === 'array') {
      items += length
      if (open.push(length) > recordDepthMax + 1) throw damaged(what, 'it is nested too deep')
      if (items > recordItemsMax) throw damaged(what, 'it has too many items')
    } else if (shape.kind === 'bytes') {
      at += length
      if (at > buffer.length) throw damaged(what, 'it ends early')
    }
  }
  return at
}

/**
 * The shape of a value by its first byte (MessagePack specification,
 * "Overview"); `undefined` for types that no record has.
 */
function shapeOf(first: number): Shape | undefined {
  if (first < 0x80 || first >= 0xe0 || first === 0xc0) return { kind: 'value', lengthBytes: 0, length: 0 }
  if (first >= 0x90 && first < 0xa0) return { kind: 'array', lengthBytes: 0, length: first & 15 }
  if (first >= 0xa0 && first < 0xc0) return { kind: 'bytes', lengthBytes: 0, length: first & 31 }
  if (first >= 0xc4 && first <= 0xc6) return { kind: 'bytes', lengthBytes: 1 << (first - 0xc4), length: 0 }
  if (first >= 0xcc && first <= 0xcf) return { kind: 'value', lengthBytes: 1 << (first - 0xcc), length: 0 }
  if (first >= 0xd0 && first <= 0xd3) return { kind: 'value', lengthBytes: 1 << (first - 0xd0), length: 0 }
  if (first >= 0xd9 && first <= 0xdb) return { kind: 'bytes', lengthBytes: 1 << (first - 0xd9), length: 0 }
  if (first === 0xdc || first === 0xdd) return { kind: 'array', lengthBytes: first === 0xdc ? 2 : 4, length: 0 }
  return undefined
}
