import { fromHex, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { EntryContent, EntryKind } from '../objects/tree-entry.ts'
import { checkIndex } from './index-check.ts'
import {
  ghostBit,
  kindMask,
  manifestBit,
  mtimeBit,
  readHeader,
  statBit,
  type IndexCounts,
  type IndexLayout,
} from './index-layout.ts'
import { isRacilyClean, type FileStat } from './file-stat.ts'
import { comparePathOrder, isBelow } from './path-order.ts'

/** One staged thing. */
export interface IndexEntry {
  path: BytePath
  /** `directory` is a folder that is kept although it is empty. */
  kind: EntryKind
  content: EntryContent
  size: number
  id: Id
  /** The plain BLAKE3 of the whole file or link target; the id for an empty folder. */
  hash: Id
  mtimeNs?: bigint
  /** What the file looked like on disk when its content was this. Absent: unknown, so the content must be hashed. */
  stat?: FileStat
  /** A file that was put there without its content. */
  isGhost?: true
}

export const entryKinds = ['file', 'executable', 'symlink', 'directory'] as const satisfies readonly EntryKind[]

/**
 * Reads an index as IndexBuilder made it. Nothing is copied: `bytes` must not
 * change afterwards. Throws `index-damaged` on anything wrong.
 */
export function decodeIndex(bytes: Uint8Array): Index {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { counts, layout, writtenMs } = readHeader(buffer)
  checkIndex(buffer, counts, layout)
  return new Index(buffer, counts, layout, writtenMs)
}

/**
 * The working-tree index: what is staged, in path order (see path-order.ts).
 * It answers from the columns of its encoded form; entries become objects only
 * where they are asked for. Entries and folders are numbered from 0; folder 0
 * is the root. A folder is here when something staged lies below it.
 */
export class Index {
  readonly bytes: Uint8Array
  readonly count: number
  readonly folderCount: number
  /** Whether any entry is a ghost. */
  readonly hasGhosts: boolean
  /** The file system's clock before the first of the stat data was taken. */
  readonly writtenMs: number
  readonly layout: IndexLayout
  readonly #view: DataView
  readonly #buffer: Buffer
  readonly #names: string
  readonly #folderNames: string
  readonly #entryEnds: Uint32Array
  readonly #folderEnds: Uint32Array
  readonly #hashRanks: Uint32Array
  readonly #mtimeRanks: Uint32Array
  #pathFolder = 0
  #pathPrefix = ''

  /** For decodeIndex, which has checked the bytes. */
  constructor(buffer: Buffer, counts: IndexCounts, layout: IndexLayout, writtenMs: number) {
    this.bytes = buffer
    this.count = counts.entries
    this.folderCount = counts.folders
    this.hasGhosts = counts.hasGhosts
    this.writtenMs = writtenMs
    this.layout = layout
    this.#buffer = buffer
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    this.#names = buffer.toString('latin1', layout.entryNames, layout.folderNames)
    this.#folderNames = buffer.toString('latin1', layout.folderNames, layout.checksum)
    this.#hashRanks = this.#ranks(manifestBit, counts.hashes)
    this.#mtimeRanks = this.#ranks(mtimeBit, counts.mtimes)
    this.#folderEnds = this.#findFolderEnds()
    this.#entryEnds = this.#findEntryEnds()
  }

  /** The id of the root tree of what is staged, where it is known. */
  get tree(): Id | undefined {
    return this.folderTree(0)?.id
  }

  get(path: BytePath): IndexEntry | undefined {
    const i = this.find(path)
    return i === undefined ? undefined : this.entry(i)
  }

  /** The number of the entry at `path`. */
  find(path: BytePath): number | undefined {
    const i = this.lowerBound(path)
    return i < this.count && this.pathAt(i) === path ? i : undefined
  }

  /** The number of the first entry that does not come before `path`; `count` where there is none. */
  lowerBound(path: string): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comparePathOrder(this.pathAt(middle), path) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * Entry `i` as an object. Its stat data is left out where the file is racily
   * clean, so whoever copies entries into an index written later cannot make
   * such a file look clean.
   */
  entry(i: number): IndexEntry {
    const entry: IndexEntry = {
      path: this.pathAt(i),
      kind: this.kindAt(i),
      content: this.contentAt(i),
      size: this.sizeAt(i),
      id: this.idAt(i),
      hash: this.hashAt(i),
    }
    const mtimeNs = this.mtimeNsAt(i)
    const stat = this.statAt(i)
    if (mtimeNs !== undefined) entry.mtimeNs = mtimeNs
    if (stat) entry.stat = stat
    if (this.isGhostAt(i)) entry.isGhost = true
    return entry
  }

  /** The entries from number `from` up to and without `to`. */
  *entries(from = 0, to = this.count): Generator<IndexEntry> {
    for (let i = from; i < to; i++) yield this.entry(i)
  }

  pathAt(i: number): BytePath {
    const folder = this.folderOf(i)
    if (folder !== this.#pathFolder) {
      this.#pathPrefix = `${this.folderPath(folder)}/`
      this.#pathFolder = folder
    }
    return (folder === 0 ? this.nameAt(i) : this.#pathPrefix + this.nameAt(i)) as BytePath
  }

  /** The last name of entry `i`'s path. */
  nameAt(i: number): BytePath {
    const ends = this.layout.nameEnd
    const start = i === 0 ? 0 : this.#view.getUint32(ends + 4 * i - 4, true)
    return this.#names.slice(start, this.#view.getUint32(ends + 4 * i, true)) as BytePath
  }

  kindAt(i: number): EntryKind {
    return entryKinds[this.flagsAt(i) & kindMask] as EntryKind
  }

  contentAt(i: number): EntryContent {
    if (this.flagsAt(i) & manifestBit) return 'manifest'
    return this.kindAt(i) === 'directory' ? 'tree' : 'chunk'
  }

  /** True where the file was put into the working tree without its content. */
  isGhostAt(i: number): boolean {
    return (this.flagsAt(i) & ghostBit) !== 0
  }

  sizeAt(i: number): number {
    return readSize(this.#view, this.layout.size + 8 * i)
  }

  idAt(i: number): Id {
    return this.#id(this.layout.id + 32 * i)
  }

  hashAt(i: number): Id {
    if (!(this.flagsAt(i) & manifestBit)) return this.idAt(i)
    return this.#id(this.layout.hash + 32 * rankOf(this.#hashRanks, i))
  }

  mtimeNsAt(i: number): bigint | undefined {
    if (!(this.flagsAt(i) & mtimeBit)) return undefined
    return this.#view.getBigInt64(this.layout.mtimeNs + 8 * rankOf(this.#mtimeRanks, i), true)
  }

  /** The stat data of entry `i`, where it is known and the file is not racily clean. */
  statAt(i: number): FileStat | undefined {
    if (!(this.flagsAt(i) & statBit)) return undefined
    const { statMtime, statCtime, statIno, statMode } = this.layout
    const mtimeMs = this.#view.getFloat64(statMtime + 8 * i, true)
    if (isRacilyClean(mtimeMs, this.writtenMs)) return undefined
    return {
      mtimeMs,
      ctimeMs: this.#view.getFloat64(statCtime + 8 * i, true),
      ino: this.#view.getFloat64(statIno + 8 * i, true),
      size: this.sizeAt(i),
      mode: this.#view.getUint32(statMode + 4 * i, true),
    }
  }

  /**
   * True where `stat` shows that the content is still what was staged. With
   * `timeOnly`, the change time and the inode number are not looked at, for
   * file systems that do not keep them steady.
   */
  isUnchanged(i: number, stat: FileStat, timeOnly = false): boolean {
    const view = this.#view
    const { statMtime, statCtime, statIno } = this.layout
    return (
      (this.flagsAt(i) & statBit) !== 0 &&
      view.getFloat64(statMtime + 8 * i, true) === stat.mtimeMs &&
      this.sizeAt(i) === stat.size &&
      (timeOnly ||
        (view.getFloat64(statCtime + 8 * i, true) === stat.ctimeMs &&
          view.getFloat64(statIno + 8 * i, true) === stat.ino)) &&
      !isRacilyClean(stat.mtimeMs, this.writtenMs)
    )
  }

  /** The number of the folder that holds entry `i`. */
  folderOf(i: number): number {
    return this.#view.getUint32(this.layout.folder + 4 * i, true)
  }

  /** The number of the folder at `path`. */
  findFolder(path: BytePath): number | undefined {
    if (path === '') return 0
    const i = this.lowerBound(path)
    if (i === this.count || !isBelow(this.pathAt(i), path)) return undefined
    let folder = this.folderOf(i)
    while (this.folderPath(folder).length > path.length) folder = this.parentOf(folder)
    return folder
  }

  folderPath(folder: number): BytePath {
    let path = this.folderName(folder) as string
    for (let f = this.parentOf(folder); f > 0; f = this.parentOf(f)) path = `${this.folderName(f)}/${path}`
    return path as BytePath
  }

  folderName(folder: number): BytePath {
    const ends = this.layout.folderNameEnd
    const start = folder === 0 ? 0 : this.#view.getUint32(ends + 4 * folder - 4, true)
    return this.#folderNames.slice(start, this.#view.getUint32(ends + 4 * folder, true)) as BytePath
  }

  /** The folder that holds `folder`; 0 for the root itself. */
  parentOf(folder: number): number {
    return this.#view.getUint32(this.layout.folderParent + 4 * folder, true)
  }

  /** The number of the first entry below `folder`. */
  firstEntry(folder: number): number {
    return this.#view.getUint32(this.layout.folderFirst + 4 * folder, true)
  }

  /** The number after the last entry below `folder`. */
  entryEnd(folder: number): number {
    return this.#entryEnds[folder] ?? 0
  }

  /** The number after the last folder below `folder`; the folders between are those below it. */
  folderEnd(folder: number): number {
    return this.#folderEnds[folder] ?? 0
  }

  /** The tree of `folder` as it is staged and the bytes below it, where they are known. */
  folderTree(folder: number): { id: Id; size: number } | undefined {
    if (this.#view.getUint8(this.layout.treeKnown + folder) === 0) return undefined
    return {
      id: this.#id(this.layout.folderTree + 32 * folder),
      size: readSize(this.#view, this.layout.folderSize + 8 * folder),
    }
  }

  /** The id of the tree of the folder at this path as it is staged, where it is known. */
  treeOf(folder: BytePath): Id | undefined {
    const f = this.findFolder(folder)
    return f === undefined ? undefined : this.folderTree(f)?.id
  }

  /** True where the id of entry `i` is `id`, without making a string. */
  hasId(i: number, id: Id): boolean {
    const at = this.layout.id + 32 * i
    return this.#buffer.compare(fromHex(id), 0, 32, at, at + 32) === 0
  }

  /** The flags of entry `i` as they are encoded. */
  flagsAt(i: number): number {
    return this.#view.getUint8(this.layout.flags + i)
  }

  /** The encoded rows from entry `from` up to and without `to`, of the columns that hold content. */
  rows(from: number, to: number): { size: Uint8Array; id: Uint8Array; hash: Uint8Array; mtimeNs: Uint8Array } {
    const cut = (column: number, width: number, first: number, end: number): Uint8Array =>
      this.#buffer.subarray(column + width * first, column + width * end)
    return {
      size: cut(this.layout.size, 8, from, to),
      id: cut(this.layout.id, 32, from, to),
      hash: cut(this.layout.hash, 32, rankOf(this.#hashRanks, from), rankOf(this.#hashRanks, to)),
      mtimeNs: cut(this.layout.mtimeNs, 8, rankOf(this.#mtimeRanks, from), rankOf(this.#mtimeRanks, to)),
    }
  }

  #id(at: number): Id {
    return this.#buffer.toString('hex', at, at + 32) as Id
  }

  /** The numbers of the entries that have `bit`, in order. */
  #ranks(bit: number, count: number): Uint32Array {
    const ranks = new Uint32Array(count)
    let at = 0
    if (count > 0) for (let i = 0; i < this.count; i++) if (this.flagsAt(i) & bit) ranks[at++] = i
    return ranks
  }

  #findFolderEnds(): Uint32Array {
    const ends = new Uint32Array(this.folderCount)
    for (let f = this.folderCount - 1; f >= 0; f--) {
      const end = Math.max(ends[f] ?? 0, f + 1)
      const parent = this.parentOf(f)
      ends[f] = end
      if ((ends[parent] ?? 0) < end) ends[parent] = end
    }
    return ends
  }

  #findEntryEnds(): Uint32Array {
    const ends = new Uint32Array(this.folderCount)
    for (let i = 0; i < this.count; i++) ends[this.folderOf(i)] = i + 1
    for (let f = this.folderCount - 1; f > 0; f--) {
      const end = ends[f] ?? 0
      const parent = this.parentOf(f)
      if ((ends[parent] ?? 0) < end) ends[parent] = end
    }
    return ends
  }
}

/** A size of 8 bytes; the check has made sure that it is a safe integer. */
function readSize(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}

/** Where `i` stands in a sorted list that has it. */
function rankOf(ranks: Uint32Array, i: number): number {
  let low = 0
  let high = ranks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranks[middle] ?? 0) < i) low = middle + 1
    else high = middle
  }
  return low
}
