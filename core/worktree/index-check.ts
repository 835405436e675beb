import { blake3 } from '../hash.ts'
import { nameBytesMax, treeDepthMax } from '../limits.ts'
import {
  checksumBytes,
  entryBits,
  ghostBit,
  indexDamaged,
  kindMask,
  manifestBit,
  mtimeBit,
  statBit,
  type IndexCounts,
  type IndexLayout,
} from './index-layout.ts'

/**
 * Checks everything in an index that a reader relies on: the checksum, the
 * entries' flags and sizes, the names, and that entries and folders stand in
 * path order. Throws `index-damaged`.
 */
export function checkIndex(buffer: Buffer, counts: IndexCounts, layout: IndexLayout): void {
  const body = buffer.subarray(0, buffer.length - checksumBytes)
  if (buffer.compare(blake3(body), 0, checksumBytes, layout.checksum) !== 0) {
    throw indexDamaged('its checksum does not match')
  }
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  checkEntries(view, counts, layout)
  checkFolders(view, counts, layout)
  checkNames(buffer.subarray(layout.entryNames, layout.checksum))
  new OrderCheck(buffer, view, counts, layout).run()
}

function checkEntries(view: DataView, counts: IndexCounts, layout: IndexLayout): void {
  let hashes = 0
  let mtimes = 0
  let ghosts = 0
  let nameStart = 0
  for (let i = 0; i < counts.entries; i++) {
    const flags = view.getUint8(layout.flags + i)
    const kind = flags & kindMask
    if (flags & ~entryBits || (kind > 1 && flags & (manifestBit | mtimeBit))) throw indexDamaged(`entry ${i} has bad flags`)
    if (flags & manifestBit) hashes++
    if (flags & mtimeBit) mtimes++
    if (flags & ghostBit) ghosts++
    const isFolder = kind === 3
    if ((isFolder && flags & statBit) || (kind > 1 && flags & ghostBit)) throw indexDamaged(`entry ${i} has bad flags`)
    checkSize(view, layout.size + 8 * i, isFolder ? 0 : sizeMax)
    const nameEnd = view.getUint32(layout.nameEnd + 4 * i, true)
    checkNameEnd(nameStart, nameEnd)
    nameStart = nameEnd
  }
  if (hashes !== counts.hashes || mtimes !== counts.mtimes || ghosts > 0 !== counts.hasGhosts || nameStart !== counts.entryNameBytes) {
    throw indexDamaged('its counts do not match its entries')
  }
}

function checkFolders(view: DataView, counts: IndexCounts, layout: IndexLayout): void {
  if (counts.folders === 0) throw indexDamaged('it has no root')
  const root = [layout.folderParent, layout.folderFirst, layout.folderNameEnd]
  if (root.some((column) => view.getUint32(column, true) !== 0)) throw indexDamaged('its root is not the first folder')
  let nameStart = 0
  for (let f = 0; f < counts.folders; f++) {
    if (view.getUint8(layout.treeKnown + f) > 1) throw indexDamaged(`folder ${f} has bad flags`)
    checkSize(view, layout.folderSize + 8 * f, sizeMax)
    const nameEnd = view.getUint32(layout.folderNameEnd + 4 * f, true)
    if (f > 0) checkNameEnd(nameStart, nameEnd)
    nameStart = nameEnd
  }
  if (nameStart !== counts.folderNameBytes) throw indexDamaged('its counts do not match its folders')
}

function checkSize(view: DataView, at: number, max: number): void {
  const high = view.getUint32(at + 4, true)
  if (high > 0x1fffff || high * 2 ** 32 + view.getUint32(at, true) > max) throw indexDamaged('a size is out of range')
}

function checkNameEnd(start: number, end: number): void {
  if (end <= start || end - start > nameBytesMax) throw indexDamaged('a name has a bad length')
}

function checkNames(names: Buffer): void {
  if (names.includes(slash) || names.includes(0)) throw indexDamaged('a name has a forbidden byte')
}

/**
 * Follows the entries through the folders as a walk would, and makes sure that
 * in each folder the names of entries and folders ascend. This also rules out
 * two entries at one path, and an entry below another.
 */
class OrderCheck {
  readonly #buffer: Buffer
  readonly #view: DataView
  readonly #counts: IndexCounts
  readonly #layout: IndexLayout
  /** Start and end of the name that came last in each folder. */
  readonly #lastStart: Uint32Array
  readonly #lastEnd: Uint32Array
  readonly #depth: Uint16Array

  constructor(buffer: Buffer, view: DataView, counts: IndexCounts, layout: IndexLayout) {
    this.#buffer = buffer
    this.#view = view
    this.#counts = counts
    this.#layout = layout
    this.#lastStart = new Uint32Array(counts.folders)
    this.#lastEnd = new Uint32Array(counts.folders)
    this.#depth = new Uint16Array(counts.folders)
  }

  run(): void {
    const { entries, folders } = this.#counts
    const { folder, nameEnd, entryNames, folderFirst } = this.#layout
    const view = this.#view
    let at = 0
    let opened = 1
    let nameStart = entryNames
    for (let i = 0; i < entries; i++) {
      const holder = view.getUint32(folder + 4 * i, true)
      while (opened < folders && view.getUint32(folderFirst + 4 * opened, true) === i) at = this.#open(opened++, at)
      if (view.getUint32(folderFirst + 4 * at, true) === i && at !== holder) throw outOfOrder()
      at = this.#climb(at, holder)
      const end = entryNames + view.getUint32(nameEnd + 4 * i, true)
      this.#follow(holder, nameStart, end)
      nameStart = end
    }
    if (opened !== folders) throw outOfOrder()
  }

  /** Goes into folder `opened` from somewhere at or below its parent. */
  #open(opened: number, at: number): number {
    const { folderNameEnd, folderNames, folderParent, folderFirst } = this.#layout
    const parent = this.#view.getUint32(folderParent + 4 * opened, true)
    const first = this.#view.getUint32(folderFirst + 4 * opened, true)
    if (parent !== at && this.#view.getUint32(folderFirst + 4 * at, true) === first) throw outOfOrder()
    const start = this.#view.getUint32(folderNameEnd + 4 * opened - 4, true)
    const end = this.#view.getUint32(folderNameEnd + 4 * opened, true)
    const depth = (this.#depth[this.#climb(at, parent)] ?? 0) + 1
    if (depth >= treeDepthMax) throw indexDamaged('its folders are nested too deep')
    this.#depth[opened] = depth
    this.#follow(parent, folderNames + start, folderNames + end)
    return opened
  }

  /** Goes up from `at` to `target`. */
  #climb(at: number, target: number): number {
    while (at !== target) {
      if (at === 0) throw outOfOrder()
      at = this.#view.getUint32(this.#layout.folderParent + 4 * at, true)
    }
    return at
  }

  /** The name between `start` and `end` comes next in `folder`. */
  #follow(folder: number, start: number, end: number): void {
    const lastStart = this.#lastStart[folder] ?? 0
    const lastEnd = this.#lastEnd[folder] ?? 0
    if (compareRanges(this.#buffer, lastStart, lastEnd, start, end) >= 0) throw outOfOrder()
    this.#lastStart[folder] = start
    this.#lastEnd[folder] = end
  }
}

function compareRanges(buffer: Buffer, aStart: number, aEnd: number, bStart: number, bEnd: number): number {
  const shared = Math.min(aEnd - aStart, bEnd - bStart)
  for (let k = 0; k < shared; k++) {
    const difference = (buffer[aStart + k] ?? 0) - (buffer[bStart + k] ?? 0)
    if (difference !== 0) return difference
  }
  return aEnd - aStart - (bEnd - bStart)
}

function outOfOrder(): Error {
  return indexDamaged('its entries are not in path order')
}

const sizeMax = Number.MAX_SAFE_INTEGER
const slash = 47
