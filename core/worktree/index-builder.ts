import { baseName, parentPath, rootPath, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { blake3 } from '../hash.ts'
import { treeDepthMax } from '../limits.ts'
import type { Id } from '../objects/id.ts'
import { treeTooDeep } from '../objects/tree.ts'
import { ByteColumn } from './byte-column.ts'
import type { FileStat } from './file-stat.ts'
import { entryKinds, type Index, type IndexEntry } from './index-file.ts'
import { checksumBytes, ghostBit, layoutIndex, manifestBit, mtimeBit, statBit, writeHeader } from './index-layout.ts'
import { comparePathOrder, foldersAbove, isBelow } from './path-order.ts'

/** Builds an index in one pass over its entries in path order (see path-order.ts). */
export class IndexBuilder {
  readonly #flags = new ByteColumn()
  readonly #folder = new ByteColumn()
  readonly #nameEnd = new ByteColumn()
  readonly #size = new ByteColumn()
  readonly #id = new ByteColumn()
  readonly #hash = new ByteColumn()
  readonly #mtimeNs = new ByteColumn()
  readonly #statMtime = new ByteColumn()
  readonly #statCtime = new ByteColumn()
  readonly #statIno = new ByteColumn()
  readonly #statMode = new ByteColumn()
  readonly #names = new ByteColumn()
  readonly #folders: FolderRow[] = [{ parent: 0, first: 0, name: rootPath, tree: undefined, size: 0 }]
  /** The folders that hold the entry added last, from the root down. */
  #open: OpenFolder[] = [{ path: rootPath, folder: 0 }]
  #last: BytePath | undefined
  /** The folder that was last added whole. */
  #whole: BytePath | undefined
  #count = 0
  #hasGhosts = false

  get count(): number {
    return this.#count
  }

  /** Adds an entry that comes after all others and is not below one. Throws `tree-too-deep`. */
  add(entry: IndexEntry): void {
    const { path, content } = entry
    this.#follow(path)
    const stat = usableStat(entry)
    const hasHash = content === 'manifest'
    this.#addRow(
      entryKinds.indexOf(entry.kind) |
        (hasHash ? manifestBit : 0) |
        (entry.mtimeNs === undefined ? 0 : mtimeBit) |
        (stat ? statBit : 0) |
        (entry.isGhost ? ghostBit : 0),
      this.#enter(parentPath(path)),
      baseName(path),
    )
    if (entry.kind === 'directory' && this.#open.length >= treeDepthMax) throw treeTooDeep(path)
    this.#size.u64(entry.size)
    this.#id.hex32(entry.id)
    if (hasHash) this.#hash.hex32(entry.hash)
    if (entry.mtimeNs !== undefined) this.#mtimeNs.i64(entry.mtimeNs)
    this.#addStat(stat)
  }

  /**
   * Adds everything that `index` has below its folder `folder`, with the known
   * trees, without making an object of any of it. Nothing else may be added
   * below the folder.
   */
  addFolder(index: Index, folder: number): void {
    const from = index.firstEntry(folder)
    const to = index.entryEnd(folder)
    if (from === to) return
    this.#follow(index.pathAt(from))
    const renumber = this.#copyFolders(index, folder)
    for (let i = from; i < to; i++) {
      const stat = index.statAt(i)
      this.#addRow(index.flagsAt(i) & ~statBit | (stat ? statBit : 0), index.folderOf(i) + renumber, index.nameAt(i))
      this.#addStat(stat)
    }
    const rows = index.rows(from, to)
    this.#size.bytes(rows.size)
    this.#id.bytes(rows.id)
    this.#hash.bytes(rows.hash)
    this.#mtimeNs.bytes(rows.mtimeNs)
    this.#last = index.pathAt(to - 1)
    this.#whole = index.folderPath(folder)
  }

  /**
   * Records the tree of a folder that holds the entry added last (or of the
   * root), and the bytes below it. Call it when the folder is complete: adding
   * to the folder afterwards forgets the tree.
   */
  setFolderTree(folder: BytePath, id: Id, size: number): void {
    const open = this.#open.find((one) => one.path === folder)
    const row = open && this.#folders[open.folder]
    if (!row) throw new Error(`folder '${folder}' does not hold the entry added last`)
    row.tree = id
    row.size = size
  }

  /**
   * The encoded index. `writtenMs` is the clock of the working tree's file
   * system before the first of the added stat data was taken (see
   * `readDiskClock`): files as new as that are hashed by `status`. Throws
   * `index-too-large` where the names together pass 512 MB.
   */
  finish(meta: { writtenMs: number }): Uint8Array {
    const counts = {
      hasGhosts: this.#hasGhosts,
      entries: this.#count,
      folders: this.#folders.length,
      hashes: this.#hash.length / 32,
      mtimes: this.#mtimeNs.length / 8,
      entryNameBytes: this.#names.length,
      folderNameBytes: this.#folders.reduce((sum, { name }) => sum + name.length, 0),
    }
    if (Math.max(counts.entryNameBytes, counts.folderNameBytes) > namesBytesMax) {
      throw new DitsError('index-too-large', `the working-tree index of ${this.#count} entries is too large`)
    }
    const layout = layoutIndex(counts)
    const out = Buffer.allocUnsafeSlow(layout.end)
    writeHeader(out, counts, meta.writtenMs)
    this.#flags.copyTo(out, layout.flags)
    this.#folder.copyTo(out, layout.folder)
    this.#nameEnd.copyTo(out, layout.nameEnd)
    this.#size.copyTo(out, layout.size)
    this.#id.copyTo(out, layout.id)
    this.#hash.copyTo(out, layout.hash)
    this.#mtimeNs.copyTo(out, layout.mtimeNs)
    this.#statMtime.copyTo(out, layout.statMtime)
    this.#statCtime.copyTo(out, layout.statCtime)
    this.#statIno.copyTo(out, layout.statIno)
    this.#statMode.copyTo(out, layout.statMode)
    this.#writeFolders(out, layout.treeKnown)
    this.#names.copyTo(out, layout.entryNames)
    for (let f = 0, at = layout.folderNames; f < this.#folders.length; f++) {
      at += out.write(this.#folders[f]?.name ?? '', at, 'latin1')
    }
    sealIndex(out)
    return out
  }

  #addRow(flags: number, folder: number, name: BytePath): void {
    this.#flags.u8(flags)
    this.#hasGhosts ||= (flags & ghostBit) !== 0
    this.#folder.u32(folder)
    this.#names.latin1(name)
    this.#nameEnd.u32(this.#names.length)
    this.#count++
  }

  #addStat(stat: FileStat | undefined): void {
    this.#statMtime.f64(stat?.mtimeMs ?? 0)
    this.#statCtime.f64(stat?.ctimeMs ?? 0)
    this.#statIno.f64(stat?.ino ?? 0)
    this.#statMode.u32(stat?.mode ?? 0)
  }

  #follow(path: BytePath): void {
    const last = this.#last
    if (last !== undefined && (comparePathOrder(last, path) >= 0 || isBelow(path, last))) {
      throw new Error(`entry '${path}' cannot follow '${last}'`)
    }
    if (this.#whole !== undefined && isBelow(path, this.#whole)) throw new Error(`'${this.#whole}' was added whole`)
    this.#last = path
  }

  /** Makes `path` the innermost open folder and answers its number. */
  #enter(path: BytePath): number {
    let top = this.#open[this.#open.length - 1] as OpenFolder
    if (top.path !== path) {
      while (top.path !== path && !isBelow(path, top.path)) {
        this.#open.pop()
        top = this.#open[this.#open.length - 1] as OpenFolder
      }
      for (const folder of [...foldersAbove(path), path]) {
        if (isBelow(folder, top.path)) top = this.#openFolder(folder, top.folder)
      }
    }
    for (const { folder } of this.#open) (this.#folders[folder] as FolderRow).tree = undefined
    return top.folder
  }

  #openFolder(path: BytePath, parent: number): OpenFolder {
    if (this.#open.length >= treeDepthMax) throw treeTooDeep(path)
    this.#folders.push({ parent, first: this.#count, name: baseName(path), tree: undefined, size: 0 })
    const opened = { path, folder: this.#folders.length - 1 }
    this.#open.push(opened)
    return opened
  }

  /** Takes over `folder` and the folders below it, and answers what to add to their numbers. */
  #copyFolders(index: Index, folder: number): number {
    const top = this.#enter(index.folderPath(folder))
    if (top !== this.#folders.length - 1) throw new Error(`folder '${index.folderPath(folder)}' has been added to`)
    const renumber = top - folder
    const moveFirst = this.#count - index.firstEntry(folder)
    for (let f = folder; f < index.folderEnd(folder); f++) {
      const known = index.folderTree(f)
      const row = { tree: known?.id, size: known?.size ?? 0 }
      if (f === folder) Object.assign(this.#folders[top] as FolderRow, row)
      else {
        const parent = index.parentOf(f) + renumber
        this.#folders.push({ parent, first: index.firstEntry(f) + moveFirst, name: index.folderName(f), ...row })
      }
    }
    return renumber
  }

  #writeFolders(out: Buffer, at: number): void {
    const count = this.#folders.length
    const sizes = at + 13 * count
    const trees = sizes + 8 * count
    let nameEnd = 0
    this.#folders.forEach((row, f) => {
      nameEnd += row.name.length
      out.writeUInt8(row.tree === undefined ? 0 : 1, at + f)
      out.writeUInt32LE(row.parent, at + count + 4 * f)
      out.writeUInt32LE(row.first, at + 5 * count + 4 * f)
      out.writeUInt32LE(nameEnd, at + 9 * count + 4 * f)
      out.writeUInt32LE(row.tree === undefined ? 0 : row.size >>> 0, sizes + 8 * f)
      out.writeUInt32LE(row.tree === undefined ? 0 : Math.floor(row.size / 2 ** 32), sizes + 8 * f + 4)
      out.fill(0, trees + 32 * f, trees + 32 * f + 32)
      if (row.tree !== undefined) out.write(row.tree, trees + 32 * f, 32, 'hex')
    })
  }
}

/** Writes the checksum at the end of an index that is otherwise complete. */
export function sealIndex(out: Buffer): void {
  const end = out.length - checksumBytes
  out.set(blake3(out.subarray(0, end)), end)
}

interface FolderRow {
  parent: number
  first: number
  name: BytePath
  tree: Id | undefined
  size: number
}

interface OpenFolder {
  path: BytePath
  folder: number
}

/** Stat data that disagrees with the size of the content is worth nothing; a folder needs none. */
function usableStat(entry: IndexEntry): FileStat | undefined {
  return entry.kind !== 'directory' && entry.stat?.size === entry.size ? entry.stat : undefined
}

const namesBytesMax = 2 ** 29 - 64
