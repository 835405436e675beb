import { DitsError } from '../errors.ts'
import type { Id } from './id.ts'

/** What the packed encodings share: how a column's integers and ids lie in a buffer, and how damage is reported. */

const two32 = 0x1_0000_0000

/** The error for bytes that are not the one encoding of an object; `what` is its kind, `why` the reason. */
export function damaged(what: string, why: string): DitsError {
  return new DitsError('object-damaged', `${what} is damaged: ${why}`, { hint: 'run: dits fsck' })
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A u64 as a number. Answers Infinity above 2^53-1, which the caller refuses with its sums. */
export function readU64(buffer: Buffer, offset: number): number {
  const high = buffer.readUInt32LE(offset + 4)
  return high > 0x1f_ffff ? Infinity : high * two32 + buffer.readUInt32LE(offset)
}

/** Writes a safe integer of at least 0 as u64. */
export function writeU64(buffer: Buffer, value: number, offset: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a size`)
  buffer.writeUInt32LE(value % two32, offset)
  buffer.writeUInt32LE(Math.floor(value / two32), offset + 4)
}

/** Writes the 32 bytes of an id. */
export function writeId(buffer: Buffer, id: Id, offset: number): void {
  if (id.length !== 64 || buffer.write(id, offset, 'hex') !== 32) throw new RangeError(`'${id}' is not an object id`)
}

/**
 * The id whose 32 bytes start at `offset`. Reading a whole column as one text
 * and slicing it would be faster, but each slice would keep the column alive.
 */
export function readId(buffer: Buffer, offset: number): Id {
  return buffer.toString('hex', offset, offset + 32) as Id
}
