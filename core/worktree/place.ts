import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { joinPath, parentPath, pathFromBytes, pathFromText, pathToFs, rootPath, type BytePath } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { diskPath, isRepositoryName, lookAt, readKinds, temporaryPrefix } from './disk.ts'
import { fileStatOf, isFolderMode, type FileStat } from './file-stat.ts'
import { FolderGuard } from './folder-guard.ts'
import { checkSafePath, unsafePath, type Platform } from './safe-name.ts'

export interface PlacerOptions {
  /** Names that differ only in case are the same on the file system (see `foldsCase` of this module). */
  foldsCase?: boolean
  /** Whose rules for names hold; default: this system's. */
  platform?: Platform
}

/** A file that is being written beside its place. One of `commit` and `abandon` ends it. */
export interface PendingFile {
  /** Open for writing. */
  readonly fd: number
  /** Where the file is until `commit`, for whoever fills it by path. */
  readonly temporaryPath: string | Buffer
  /** Sets the times where asked, closes the file and puts it in its place at once; answers what lstat says of it there. */
  commit(options?: { mtimeNs?: bigint; isReadOnly?: boolean }): FileStat
  /** Closes and removes the file. */
  abandon(): void
}

/**
 * Puts things into a working tree. Every path is checked first: nothing is
 * written or removed outside the root, through a symlink, in the repository,
 * or under a name that this system takes for another (`unsafe-path`). A file
 * or symlink appears whole, by a rename from a temporary name in its folder;
 * a crash leaves at worst that temporary file, which no scan tracks and
 * `removeLeftovers` removes. Whether something may be overwritten is the
 * caller's question (see checkUnchanged); a folder is never replaced by a file.
 * Remove what has to go before placing what is new, or a name that changes
 * only in case would be taken for a clash.
 */
export class Placer {
  readonly guard: FolderGuard
  readonly #platform: Platform
  readonly #emptied = new Set<BytePath>()

  constructor(root: string, options: PlacerOptions = {}) {
    this.guard = new FolderGuard(root, options)
    this.#platform = options.platform ?? process.platform
  }

  /** Opens a file to be placed at `path`, making the folders that lead there. Throws `unsafe-path`. */
  openFile(path: BytePath, options: { isExecutable?: boolean } = {}): PendingFile {
    this.#prepare(path)
    const temporaryPath = this.#temporaryPath(path)
    const fd = openSync(temporaryPath, 'wx', options.isExecutable ? 0o777 : 0o666)
    return {
      fd,
      temporaryPath,
      commit: ({ mtimeNs, isReadOnly = false } = {}) => {
        this.#finishFile(fd, temporaryPath, mtimeNs, isReadOnly)
        return this.#rename(temporaryPath, path)
      },
      abandon: () => {
        closeSync(fd)
        rmSync(temporaryPath, { force: true })
      },
    }
  }

  /** Places a symlink; nothing is said about where it leads. Throws `unsafe-path`. */
  placeSymlink(path: BytePath, target: Uint8Array): FileStat {
    if (target.length === 0 || target.includes(0)) throw unsafePath(path, 'it is a link whose target is no path')
    this.#prepare(path)
    const temporaryPath = this.#temporaryPath(path)
    symlinkSync(pathToFs(pathFromBytes(target)), temporaryPath)
    return this.#rename(temporaryPath, path)
  }

  /** Makes a folder and those above it, where they are missing. Throws `unsafe-path`. */
  placeFolder(path: BytePath): void {
    checkSafePath(path, this.#platform)
    this.guard.make(path)
  }

  /** Sets whether the owner may write to a file, as locking and unlocking does. Throws `unsafe-path`. */
  setReadOnly(path: BytePath, isReadOnly: boolean): void {
    checkSafePath(path, this.#platform)
    const stats = this.guard.lookAt(path)
    if (!stats?.isFile()) return
    chmodSync(diskPath(this.guard.root, path), isReadOnly ? stats.mode & 0o555 : (stats.mode & 0o777) | 0o200)
  }

  /**
   * Removes the file or symlink at `path`, if there is one, and remembers that
   * its folder may be empty now. Throws `unsafe-path`.
   */
  removeFile(path: BytePath): void {
    checkSafePath(path, this.#platform)
    const stats = this.guard.lookAt(path)
    if (!stats) return
    if (isFolderMode(stats.mode)) throw unsafePath(path, 'a folder is there')
    unlinkSync(diskPath(this.guard.root, path))
    this.guard.removed(path)
    this.#emptied.add(parentPath(path))
  }

  /** Removes a folder where it is empty, at once; answers whether it is gone. Throws `unsafe-path`. */
  removeFolder(path: BytePath): boolean {
    checkSafePath(path, this.#platform)
    const stats = this.guard.lookAt(path)
    if (!stats) return true
    if (!isFolderMode(stats.mode)) throw unsafePath(path, 'it is not a folder')
    try {
      rmdirSync(diskPath(this.guard.root, path))
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES', 'EBUSY')) return false
      throw error
    }
    this.guard.removed(path)
    return true
  }

  /**
   * Removes the folders that `removeFile` has emptied, and those above them
   * that are empty then. Folders in `keep` stay (they are tracked as empty).
   */
  removeEmptiedFolders(keep: (folder: BytePath) => boolean = () => false): void {
    // The deepest first; a folder above is tried once all below it are through.
    const folders = [...this.#emptied].sort((a, b) => b.length - a.length)
    this.#emptied.clear()
    for (const start of folders) {
      let folder = start
      while (folder !== rootPath && !keep(folder) && this.removeFolder(folder)) folder = parentPath(folder)
    }
  }

  #prepare(path: BytePath): void {
    checkSafePath(path, this.#platform)
    this.guard.make(parentPath(path))
    this.guard.checkCase(path)
  }

  #temporaryPath(path: BytePath): string | Buffer {
    const name = `${temporaryPrefix}${randomBytes(8).toString('hex')}` as BytePath
    return diskPath(this.guard.root, joinPath(parentPath(path), name))
  }

  #finishFile(fd: number, temporaryPath: string | Buffer, mtimeNs: bigint | undefined, isReadOnly: boolean): void {
    try {
      if (isReadOnly) fchmodSync(fd, fstatSync(fd).mode & 0o555)
      if (mtimeNs !== undefined) setTime(fd, mtimeNs)
    } catch (error) {
      rmSync(temporaryPath, { force: true })
      throw error
    } finally {
      closeSync(fd)
    }
  }

  #rename(temporaryPath: string | Buffer, path: BytePath): FileStat {
    try {
      renameSync(temporaryPath, diskPath(this.guard.root, path))
    } catch (error) {
      rmSync(temporaryPath, { force: true })
      if (isErrno(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw unsafePath(path, 'a folder is there')
      throw error
    }
    this.guard.added(path)
    const stats = lookAt(this.guard.root, path)
    if (!stats) throw unsafePath(path, 'someone else removed it at once')
    return fileStatOf(stats)
  }
}

/**
 * Sets the times of an open file, exact to the microsecond: node takes seconds
 * as a double, which holds no more. The middle of the microsecond is asked
 * for, so that rounding down does not reach the one before.
 */
function setTime(fd: number, timeNs: bigint): void {
  const seconds = (Number(timeNs / 1000n) + 0.5) / 1e6
  futimesSync(fd, seconds, seconds)
}

/**
 * Removes the temporary files that a killed checkout left anywhere in a
 * working tree, and answers how many. Only for who holds the repository's
 * lock, or it takes another command's files away. Symlinks, other
 * repositories and folders that are named like temporary files are not entered;
 * what may not be removed stays.
 */
export function removeLeftovers(root: string): number {
  const rootBytes = pathFromText(root)
  const pending: BytePath[] = [rootPath]
  let removed = 0
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const found = readKinds(rootBytes, folder)
    if (folder !== rootPath && found.some(({ name }) => isRepositoryName(name))) continue
    for (const { name, isFolder } of found) {
      const path = joinPath(folder, name)
      if (name.startsWith(temporaryPrefix)) {
        // No checkout makes folders of such names: somebody has files of their own there.
        if (isFolder) continue
        if (removeLeftover(diskPath(rootBytes, path))) removed++
      } else if (isFolder && !isRepositoryName(name)) pending.push(path)
    }
  }
  return removed
}

function removeLeftover(file: string | Buffer): boolean {
  try {
    rmSync(file, { force: true })
    return true
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'EBUSY')) return false
    throw error
  }
}
