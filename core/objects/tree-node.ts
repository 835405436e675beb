import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { chunkBytesMax, nameBytesMax, nodeLevelsMax, nodeRowsMax } from '../limits.ts'
import { asBuffer, damaged, readId, readU64, writeId, writeU64 } from './columns.ts'
import type { Id } from './id.ts'
import type { EntryKind, TreeEntry } from './tree-entry.ts'

/** A node of a directory, decoded (FORMAT.md, "Tree node"). */
export interface TreeNode {
  level: number
  /** Bytes of everything below. */
  size: number
  /** Entries of the directory below this node. */
  count: number
  /** The entries of a leaf, sorted by name; empty above level 0. */
  entries: TreeEntry[]
  /** The rows of an inner node, sorted by name; empty at level 0. */
  children: TreeChild[]
}

/** What an inner node says about one node below it. */
export interface TreeChild {
  /** The last name below. */
  name: BytePath
  size: number
  count: number
  id: Id
}

const what = 'tree node'
const kinds: readonly EntryKind[] = ['file', 'executable', 'symlink', 'directory']
const kindMask = 3
const manifestBit = 4
const mtimeBit = 8
const headBytes = 4
const leafRowBytes = 1 + 8 + 2
const innerRowBytes = 8 + 4 + 2
const idBytes = 32
const mtimeBytes = 8
const badCharacter = /[\0/\u0100-\uffff]/
const slash = 0x2f
const reservedName = '.dits'

/** Refuses what cannot be a name in a tree. Throws `bad-name`. */
export function checkName(name: BytePath): void {
  const problem = badCharacter.test(name) ? "it has a '/' or a zero byte" : nameProblem(name)
  if (problem) throw new DitsError('bad-name', `'${pathToText(name)}' cannot be a name in a tree: ${problem}`)
}

/** Encodes entries, at most 256, sorted and with checked names, as a leaf. */
export function encodeTreeLeaf(entries: readonly TreeEntry[]): Uint8Array {
  const n = entries.length
  const names = entries.map((entry) => entry.name).join('')
  const hashed = entries.filter((entry) => entry.content === 'manifest')
  const timed = entries.filter((entry) => entry.mtimeNs !== undefined)
  const ids = headBytes + n * leafRowBytes + names.length
  const hashes = ids + n * idBytes
  const mtimes = hashes + hashed.length * idBytes
  const buffer = startNode(mtimes + timed.length * mtimeBytes, 0, n)
  entries.forEach((entry, i) => {
    buffer[headBytes + i] = flagsOf(entry)
    writeU64(buffer, entry.size, headBytes + n + i * 8)
    writeId(buffer, entry.id, ids + i * idBytes)
  })
  writeNames(buffer, headBytes + n * 9, entries, names)
  hashed.forEach((entry, i) => writeId(buffer, entry.hash, hashes + i * idBytes))
  timed.forEach((entry, i) => buffer.writeBigInt64LE(entry.mtimeNs ?? 0n, mtimes + i * mtimeBytes))
  return buffer
}

/** Encodes rows, 1 to 256, in order, as an inner node of `level`. */
export function encodeTreeInner(level: number, children: readonly TreeChild[]): Uint8Array {
  const n = children.length
  const names = children.map((child) => child.name).join('')
  const ids = headBytes + n * innerRowBytes + names.length
  const buffer = startNode(ids + n * idBytes, level, n)
  children.forEach((child, i) => {
    writeU64(buffer, child.size, headBytes + i * 8)
    buffer.writeUInt32LE(child.count, headBytes + n * 8 + i * 4)
    writeId(buffer, child.id, ids + i * idBytes)
  })
  writeNames(buffer, headBytes + n * 12, children, names)
  return buffer
}

/**
 * Decodes one node. Throws `object-damaged` for anything but the canonical
 * encoding; what only the parent knows (level, totals, where names may lie) is
 * checked on descent, by `readTreeNode`.
 */
export function decodeTreeNode(bytes: Uint8Array): TreeNode {
  const buffer = asBuffer(bytes)
  if (buffer.length < headBytes) throw damaged(what, 'it is too short')
  const level = buffer.readUInt8(1)
  const rows = buffer.readUInt16LE(2)
  if (buffer[0] !== 1) throw damaged(what, `format ${buffer[0]} is unknown`)
  if (level >= nodeLevelsMax) throw damaged(what, `level ${level} is above the limit`)
  if (rows > nodeRowsMax || (level > 0 && rows === 0)) throw damaged(what, `it has ${rows} rows`)
  const rowBytes = (level === 0 ? leafRowBytes : innerRowBytes) + idBytes
  if (buffer.length < headBytes + rows * rowBytes) throw damaged(what, 'its length does not match its rows')
  return level === 0 ? decodeLeaf(buffer, rows) : decodeInner(buffer, level, rows)
}

function decodeLeaf(buffer: Buffer, n: number): TreeNode {
  const { names, end } = readNames(buffer, headBytes + n * 9, n)
  const hashes = end + n * idBytes
  const layout = { n, ids: end, hashes, mtimes: hashes + countFlag(buffer, n, manifestBit) * idBytes }
  if (buffer.length !== layout.mtimes + countFlag(buffer, n, mtimeBit) * mtimeBytes) {
    throw damaged(what, 'its length does not match its rows')
  }
  const entries = readEntries(buffer, names, layout)
  let size = 0
  for (const entry of entries) size += entry.size
  if (!Number.isSafeInteger(size)) throw damaged(what, 'its sizes are too large')
  return { level: 0, size, count: n, entries, children: [] }
}

function readEntries(
  buffer: Buffer,
  names: BytePath[],
  layout: { n: number; ids: number; hashes: number; mtimes: number },
): TreeEntry[] {
  const { n } = layout
  let hashOffset = layout.hashes
  let mtimeOffset = layout.mtimes
  return names.map((name, i) => {
    const flags = buffer.readUInt8(headBytes + i)
    const size = readU64(buffer, headBytes + n + i * 8)
    const problem = flagsProblem(flags, size)
    if (problem) throw damaged(what, `'${pathToText(name)}' ${problem}`)
    const kind = kinds[flags & kindMask] as EntryKind
    const id = readId(buffer, layout.ids + i * idBytes)
    const isManifest = (flags & manifestBit) !== 0
    const content = kind === 'directory' ? 'tree' : isManifest ? 'manifest' : 'chunk'
    const entry: TreeEntry = { name, kind, content, size, id, hash: id }
    if (isManifest) {
      entry.hash = readId(buffer, hashOffset)
      hashOffset += idBytes
    }
    if (flags & mtimeBit) {
      entry.mtimeNs = buffer.readBigInt64LE(mtimeOffset)
      mtimeOffset += mtimeBytes
    }
    return entry
  })
}

/** What is wrong with the flags of an entry of this size; `undefined` where nothing is. */
function flagsProblem(flags: number, size: number): string | undefined {
  const kind = flags & kindMask
  if (flags > (kindMask | manifestBit | mtimeBit)) return 'has unknown flags'
  if (kind > 1 && flags !== kind) return 'has flags that only a file may have'
  if (kind < 3 && !(flags & manifestBit) && size > chunkBytesMax) return 'is larger than a chunk may be'
  return undefined
}

function decodeInner(buffer: Buffer, level: number, n: number): TreeNode {
  const { names, end } = readNames(buffer, headBytes + n * 12, n)
  if (buffer.length !== end + n * idBytes) throw damaged(what, 'its length does not match its rows')
  let size = 0
  let total = 0
  const children = names.map((name, i): TreeChild => {
    const count = buffer.readUInt32LE(headBytes + n * 8 + i * 4)
    const child = { name, size: readU64(buffer, headBytes + i * 8), count, id: readId(buffer, end + i * idBytes) }
    if (count === 0) throw damaged(what, 'it has an empty node below it')
    size += child.size
    total += count
    return child
  })
  if (!Number.isSafeInteger(size) || total > 0xffff_ffff) throw damaged(what, 'its totals are too large')
  return { level, size, count: total, entries: [], children }
}

/** Reads n lengths at `offset` and the names behind them; `end` is where the names end. */
function readNames(buffer: Buffer, offset: number, n: number): { names: BytePath[]; end: number } {
  const start = offset + n * 2
  let end = start
  for (let i = 0; i < n; i++) end += buffer.readUInt16LE(offset + i * 2)
  if (end > buffer.length) throw damaged(what, 'its length does not match its rows')
  const all = buffer.subarray(start, end)
  if (all.includes(0) || all.includes(slash)) throw damaged(what, "it has a name with '/' or a zero byte")
  const names: BytePath[] = []
  let at = start
  let previous = ''
  for (let i = 0; i < n; i++) {
    // A string of its own: a slice of one long string would keep the whole node's names alive.
    const name = buffer.toString('latin1', at, (at += buffer.readUInt16LE(offset + i * 2))) as BytePath
    const problem = nameProblem(name)
    if (problem) throw damaged(what, `it has a bad name: ${problem}`)
    // No name is empty, so the first one is greater than '' as well.
    if (name <= previous) throw damaged(what, 'its names are not sorted')
    names.push((previous = name) as BytePath)
  }
  return { names, end }
}

/** What is wrong with a name that has neither '/' nor a zero byte; `undefined` where nothing is. */
function nameProblem(name: string): string | undefined {
  if (name.length === 0) return 'it is empty'
  if (name.length > nameBytesMax) return `it is longer than ${nameBytesMax} bytes`
  if (name === '.' || name === '..') return 'it stands for a directory'
  if (name.length === reservedName.length && name.toLowerCase() === reservedName) return 'it is reserved'
  return undefined
}

function countFlag(buffer: Buffer, n: number, flag: number): number {
  let count = 0
  for (let i = 0; i < n; i++) if (buffer.readUInt8(headBytes + i) & flag) count++
  return count
}

function startNode(bytes: number, level: number, n: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes)
  buffer[0] = 1
  buffer[1] = level
  buffer.writeUInt16LE(n, 2)
  return buffer
}

function writeNames(buffer: Buffer, offset: number, rows: readonly { name: BytePath }[], names: string): void {
  rows.forEach((row, i) => buffer.writeUInt16LE(row.name.length, offset + i * 2))
  buffer.write(names, offset + rows.length * 2, 'latin1')
}

/** The flags of an entry. An entry that contradicts itself is our own mistake, so this throws a plain RangeError. */
function flagsOf(entry: TreeEntry): number {
  const { kind, content, size, mtimeNs } = entry
  const isFile = kind === 'file' || kind === 'executable'
  const fits =
    (content === 'tree') === (kind === 'directory') &&
    (content === 'manifest' || entry.hash === entry.id) &&
    (content !== 'manifest' || isFile) &&
    (content !== 'chunk' || size <= chunkBytesMax) &&
    (mtimeNs === undefined || isFile)
  if (!fits) throw new RangeError(`'${pathToText(entry.name)}' (${kind}, ${content}, ${size} bytes) contradicts itself`)
  return kinds.indexOf(kind) | (content === 'manifest' ? manifestBit : 0) | (mtimeNs === undefined ? 0 : mtimeBit)
}
