import { DitsError } from '../errors.ts'

/**
 * Where everything lies in the bytes of a working-tree index (FORMAT.md,
 * "Working-tree index"). Reader, builder and patcher share it, so the offsets
 * are computed in this one place.
 */
export const indexMagic = 'DITSINDX'
/** Version 2 is an index that has ghosts; everything else is version 1. */
export const indexVersion = 1
export const ghostIndexVersion = 2
export const headerBytes = 64
export const checksumBytes = 32

/** Bits of an entry's flags. */
export const kindMask = 3
export const manifestBit = 4
export const mtimeBit = 8
export const statBit = 16
export const ghostBit = 32
export const entryBits = 63

/** Numbers of things that an index holds; together they settle its length. */
export interface IndexCounts {
  /** Whether any entry has the ghost bit. */
  hasGhosts: boolean
  entries: number
  folders: number
  /** Entries whose whole-file hash is not their id. */
  hashes: number
  /** Entries with a recorded modification time for the tree. */
  mtimes: number
  entryNameBytes: number
  folderNameBytes: number
}

/** Offsets of the columns from the start of the index. */
export interface IndexLayout {
  flags: number
  folder: number
  nameEnd: number
  size: number
  id: number
  hash: number
  mtimeNs: number
  statMtime: number
  statCtime: number
  statIno: number
  statMode: number
  treeKnown: number
  folderParent: number
  folderFirst: number
  folderNameEnd: number
  folderSize: number
  folderTree: number
  entryNames: number
  folderNames: number
  checksum: number
  end: number
}

/** The columns of an index with these counts, one after another behind the header. */
export function layoutIndex(counts: IndexCounts): IndexLayout {
  const { entries: n, folders: f } = counts
  let at = headerBytes
  const column = (bytes: number): number => (at += bytes) - bytes
  return {
    flags: column(n),
    folder: column(4 * n),
    nameEnd: column(4 * n),
    size: column(8 * n),
    id: column(32 * n),
    hash: column(32 * counts.hashes),
    mtimeNs: column(8 * counts.mtimes),
    statMtime: column(8 * n),
    statCtime: column(8 * n),
    statIno: column(8 * n),
    statMode: column(4 * n),
    treeKnown: column(f),
    folderParent: column(4 * f),
    folderFirst: column(4 * f),
    folderNameEnd: column(4 * f),
    folderSize: column(8 * f),
    folderTree: column(32 * f),
    entryNames: column(counts.entryNameBytes),
    folderNames: column(counts.folderNameBytes),
    checksum: column(checksumBytes),
    end: at,
  }
}

/** Writes the header of an index into the first 64 bytes of `out`. */
export function writeHeader(out: Buffer, counts: IndexCounts, writtenMs: number): void {
  out.write(indexMagic, 0, 'latin1')
  out.writeUInt32LE(counts.hasGhosts ? ghostIndexVersion : indexVersion, 8)
  out.writeUInt32LE(counts.entries, 12)
  out.writeUInt32LE(counts.folders, 16)
  out.writeUInt32LE(counts.hashes, 20)
  out.writeUInt32LE(counts.mtimes, 24)
  out.writeUInt32LE(0, 28)
  out.writeUInt32LE(counts.entryNameBytes, 32)
  out.writeUInt32LE(counts.folderNameBytes, 36)
  out.writeDoubleLE(writtenMs, 40)
  out.fill(0, 48, headerBytes)
}

/** Reads the header. Throws `index-damaged` where it is not one of this version, or its counts do not make the length. */
export function readHeader(bytes: Buffer): { counts: IndexCounts; layout: IndexLayout; writtenMs: number } {
  if (bytes.length < headerBytes + checksumBytes || bytes.toString('latin1', 0, 8) !== indexMagic) {
    throw indexDamaged('it does not start as an index does')
  }
  const version = bytes.readUInt32LE(8)
  if (version !== indexVersion && version !== ghostIndexVersion) throw indexDamaged(`its version is ${version}`)
  const counts = {
    hasGhosts: version === ghostIndexVersion,
    entries: bytes.readUInt32LE(12),
    folders: bytes.readUInt32LE(16),
    hashes: bytes.readUInt32LE(20),
    mtimes: bytes.readUInt32LE(24),
    entryNameBytes: bytes.readUInt32LE(32),
    folderNameBytes: bytes.readUInt32LE(36),
  }
  const layout = layoutIndex(counts)
  if (layout.end !== bytes.length) throw indexDamaged('its length is not what its counts say')
  return { counts, layout, writtenMs: bytes.readDoubleLE(40) }
}

/** The one error of a damaged index; the remedy rebuilds it from the last commit. */
export function indexDamaged(reason: string): DitsError {
  return new DitsError('index-damaged', `the working-tree index 'index' is damaged: ${reason}`, {
    hint: 'run: dits reset',
  })
}
