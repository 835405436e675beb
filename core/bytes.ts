/**
 * Names and paths as byte strings. File names are bytes on Linux and need not
 * be UTF-8, so dits keeps them as JavaScript strings in which every character
 * code is one byte (0 to 255). Such strings compare in byte order, work as map
 * keys, and lose nothing. Convert with `pathFromText` and `pathToText` at the
 * terminal, and with `pathToBuffer` at the file system.
 */
declare const bytePathBrand: unique symbol
/** One name, or names joined by '/', one character a byte; '' is the root. */
export type BytePath = string & { readonly [bytePathBrand]: true }

export const rootPath = '' as BytePath

/** The byte string of a JavaScript string, encoded as UTF-8. */
export function pathFromText(text: string): BytePath {
  return (isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')) as BytePath
}

/** The byte string of raw bytes. */
export function pathFromBytes(bytes: Uint8Array): BytePath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as BytePath
}

/** The text to show a person; bytes that are not UTF-8 appear as U+FFFD. */
export function pathToText(path: BytePath): string {
  return isAscii(path) ? path : Buffer.from(path, 'latin1').toString('utf8')
}

/** The bytes of a path, as the file system takes them. */
export function pathToBuffer(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1')
}

/** What to hand to a function of node:fs: the string itself where it is ASCII, its bytes where it is not. */
export function pathToFs(path: string): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, 'latin1')
}

export function joinPath(folder: BytePath, name: BytePath): BytePath {
  return (folder === '' ? name : `${folder}/${name}`) as BytePath
}

/** The folder of a path ('' for a top-level name). */
export function parentPath(path: BytePath): BytePath {
  const slash = path.lastIndexOf('/')
  return (slash < 0 ? '' : path.slice(0, slash)) as BytePath
}

/** The last name of a path. */
export function baseName(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf('/') + 1) as BytePath
}

/** Byte order; for sorting names and paths. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

export function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex')
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
