import type { EntryKind } from '../objects/tree-entry.ts'

/**
 * What lstat said of a file when its content was known. Times are milliseconds
 * since 1970 with fractions, and everything is a double exactly as node:fs
 * gives it, so that equal means unchanged.
 */
export interface FileStat {
  mtimeMs: number
  ctimeMs: number
  ino: number
  size: number
  mode: number
}

/** What lies at a path on disk; `unsupported` is a socket, a pipe or a device. */
export type DiskKind = EntryKind | 'unsupported'

/** What the mode bits of lstat stand for. A file is executable where its owner may execute it, as in git. */
export function kindOfMode(mode: number): DiskKind {
  switch (mode & typeMask) {
    case typeFile:
      return mode & ownerExecutes ? 'executable' : 'file'
    case typeFolder:
      return 'directory'
    case typeLink:
      return 'symlink'
    default:
      return 'unsupported'
  }
}

export function isFolderMode(mode: number): boolean {
  return (mode & typeMask) === typeFolder
}

/** The five fields alone, of something that has more. */
export function fileStatOf(stats: FileStat): FileStat {
  const { mtimeMs, ctimeMs, ino, size, mode } = stats
  return { mtimeMs, ctimeMs, ino, size, mode }
}

/**
 * True where a file with this modification time may have changed after its
 * stat data was taken without the time showing it ("racily clean"), for stat
 * data taken at `takenMs` or later, by the clock of the same file system.
 * Clocks of file systems tick every 10 ms or finer (Linux), or every one or
 * two seconds (FAT, HFS+), which shows as a time without a fraction.
 */
export function isRacilyClean(mtimeMs: number, takenMs: number): boolean {
  return mtimeMs >= takenMs - (mtimeMs % 1000 === 0 ? coarseTickMs : fineTickMs)
}

const coarseTickMs = 2000
/** See `isRacilyClean`. */
export const fineTickMs = 20

const typeMask = 0o170000
const typeFile = 0o100000
const typeFolder = 0o040000
const typeLink = 0o120000
const ownerExecutes = 0o100
