import { idFromBytes, idToBytes, kindCodes, kindOfCode, type Id, type ObjectKind, type ObjectRef, type RecordValue } from '#core'
import { violation } from './frames.ts'
import { textBytesMax } from './limits.ts'

/** The fields of messages, checked as they are read; `what` names them in errors. All readers throw `protocol-violation`. */

const idBytes = 32
const refBytes = 1 + idBytes

/** A text of at most so many bytes of UTF-8. */
export function readText(value: RecordValue | undefined, what: string, bytesMax: number): string {
  if (typeof value !== 'string' || Buffer.byteLength(value) > bytesMax) throw violation(`${what} is not a text of at most ${bytesMax} bytes`)
  return value
}

/**
 * A text of the other side for people. It may reach a terminal, so control
 * characters, and those that turn the direction of text, become question marks.
 * Throws `protocol-violation`.
 */
export function readWords(value: RecordValue | undefined, what: string): string {
  return readText(value, what, textBytesMax).replace(unprintable, '?')
}

const unprintable = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** A text for people as a message may carry it: cut where it is too long. */
export function clipText(text: string, bytesMax = textBytesMax): string {
  const whole = text.toWellFormed()
  if (Buffer.byteLength(whole) <= bytesMax) return whole
  return new TextDecoder().decode(Buffer.from(whole).subarray(0, bytesMax - 8), { stream: true })
}

/** A whole number from 0 to `max`. */
export function readCount(value: RecordValue | undefined, what: string, max: number): number {
  if (typeof value !== 'number' || value < 0 || value > max) throw violation(`${what} is not a number up to ${max}`)
  return value
}

/** A byte string of at most so many bytes; a view of the message. */
export function readBytes(value: RecordValue | undefined, what: string, bytesMax: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > bytesMax) throw violation(`${what} is not a byte string of at most ${bytesMax}`)
  return value
}

/** A list of at most so many items. */
export function readArray(value: RecordValue | undefined, what: string, itemsMax: number): RecordValue[] {
  if (!Array.isArray(value) || value.length > itemsMax) throw violation(`${what} is not a list of at most ${itemsMax}`)
  return value
}

/** An id, or nothing where the field is nil. Throws `protocol-violation`. */
export function readOptionalId(value: RecordValue | undefined, what: string): Id | undefined {
  return value === null ? undefined : readId(value, what)
}

/** An id. Throws `protocol-violation`. */
export function readId(value: RecordValue | undefined, what: string): Id {
  const bytes = readBytes(value, what, idBytes)
  if (bytes.length !== idBytes) throw violation(`${what} is not an id`)
  return idFromBytes(bytes)
}

/** Ids, one after another. */
export function packIds(ids: readonly Id[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(ids.length * idBytes)
  ids.forEach((id, i) => bytes.write(id, i * idBytes, 'hex'))
  return bytes
}

/** At most `max` ids, as `packIds` writes them. */
export function unpackIds(value: RecordValue | undefined, what: string, max: number): Id[] {
  const bytes = readBytes(value, what, max * idBytes)
  if (bytes.length % idBytes !== 0) throw violation(`${what} are not ids`)
  return Array.from({ length: bytes.length / idBytes }, (_, i) => idFromBytes(bytes.subarray(i * idBytes, (i + 1) * idBytes)))
}

/** Objects, each its kind's code and its id. */
export function packRefs(refs: readonly ObjectRef[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(refs.length * refBytes)
  refs.forEach(({ kind, id }, i) => {
    bytes[i * refBytes] = kindCodes[kind]
    bytes.set(idToBytes(id), i * refBytes + 1)
  })
  return bytes
}

/** At most `max` objects, as `packRefs` writes them. */
export function unpackRefs(value: RecordValue | undefined, what: string, max: number): ObjectRef[] {
  const bytes = readBytes(value, what, max * refBytes)
  if (bytes.length % refBytes !== 0) throw violation(`${what} are not objects`)
  return Array.from({ length: bytes.length / refBytes }, (_, i) => ({
    kind: readKind(bytes[i * refBytes]!),
    id: idFromBytes(bytes.subarray(i * refBytes + 1, (i + 1) * refBytes)),
  }))
}

function readKind(code: number): ObjectKind {
  const kind = kindOfCode(code)
  if (!kind) throw violation(`an object of kind ${code}`)
  return kind
}
