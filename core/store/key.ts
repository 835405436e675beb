import { DitsError } from '../errors.ts'
import type { ByteRange } from './byte-store.ts'

/** Bytes of one name in a key: what the common file systems allow. */
export const keyNameBytesMax = 255

/** The folder for unfinished values and the lock's file, which stores keep for themselves at the top. */
export const temporaryFolder = 'tmp'
export const lockName = 'lock'

const namePattern = /^[A-Za-z0-9._%-]+$/
const partialPattern = /^[A-Za-z0-9._%-]*$/

/**
 * Throws `bad-key` unless `key` is one or more names joined by '/', each of 1
 * to 255 ASCII letters, digits, '.', '_', '-' or '%', none of them '.' or '..';
 * the first is not 'tmp' or 'lock', and the last does not end with '.lock',
 * which stores and file locks keep for themselves.
 */
export function checkKey(key: string): void {
  if (!isKey(key)) throw badKey(key)
}

/** True where a value can be stored under `key`, by the rule of `checkKey`. */
export function isKey(key: string): boolean {
  return key.split('/').every(isName) && !isReservedKey(key)
}

/** Throws `bad-key` unless some key could start with `prefix`. The last name may be cut short. */
export function checkKeyPrefix(prefix: string): void {
  const names = prefix.split('/')
  const partial = names.pop() ?? ''
  if (names.some((name) => !isName(name)) || !partialPattern.test(partial)) throw badKey(prefix)
}

/** True where `key` is kept for stores and locks, and so is no key of a value. */
export function isReservedKey(key: string): boolean {
  const slash = key.indexOf('/')
  return isReserved(slash < 0 ? key : key.slice(0, slash)) || key.endsWith('.lock')
}

/** True where `name` can be one name of a key. */
export function isName(name: string): boolean {
  return namePattern.test(name) && name !== '.' && name !== '..' && name.length <= keyNameBytesMax
}

/** How many bytes a range gives of a value of `size` bytes. Throws RangeError for what is no range. */
export function rangeLength(range: ByteRange, size: number): number {
  if (!Number.isSafeInteger(range.offset) || !Number.isSafeInteger(range.length) || range.offset < 0 || range.length < 0) {
    throw new RangeError(`no range of bytes: ${range.length} from ${range.offset}`)
  }
  return Math.max(0, Math.min(range.length, size - range.offset))
}

function isReserved(name: string): boolean {
  return name === temporaryFolder || name === lockName
}

function badKey(key: string): DitsError {
  return new DitsError('bad-key', `'${key}' is not a key of a byte store`)
}
