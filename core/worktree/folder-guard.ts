import { mkdirSync, type Stats } from 'node:fs'
import { baseName, joinPath, parentPath, pathFromText, rootPath, type BytePath } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { diskPath, lookAt, readNames } from './disk.ts'
import { isFolderMode } from './file-stat.ts'
import { isBelow } from './path-order.ts'
import { foldName, unsafePath } from './safe-name.ts'

/**
 * Knows which folders of a working tree are real: folders themselves, in
 * folders up to the root, with no symlink on the way. It remembers what it
 * found, so a symlink that someone else puts in place of a folder meanwhile is
 * not noticed; node:fs has no way to hold on to a folder.
 *
 * With `foldsCase` it also sees to it that no name comes to stand for another
 * that differs only in case or in the way accents are composed.
 */
export class FolderGuard {
  readonly root: BytePath
  readonly #foldsCase: boolean
  readonly #real = new Set<BytePath>([rootPath])
  /** For some folders, the names in them by what the file system makes of them. */
  readonly #names = new Map<BytePath, Map<string, string>>()

  constructor(root: string, options: { foldsCase?: boolean } = {}) {
    this.root = pathFromText(root)
    this.#foldsCase = options.foldsCase ?? false
  }

  /** True where `folder` is there, and real. */
  isReal(folder: BytePath): boolean {
    if (this.#real.has(folder)) return true
    if (!this.isReal(parentPath(folder)) || !isFolderMode(lookAt(this.root, folder)?.mode ?? 0)) return false
    this.#remember(folder)
    return true
  }

  /** What lies at `path` in a real folder, without following a symlink. */
  lookAt(path: BytePath): Stats | undefined {
    return this.isReal(parentPath(path)) ? lookAt(this.root, path) : undefined
  }

  /**
   * Makes `folder` and the folders above it where they are missing. Throws
   * `unsafe-path` where something on the way is not a folder, or has this name
   * but for case.
   */
  make(folder: BytePath): void {
    if (this.#real.has(folder)) return
    this.make(parentPath(folder))
    this.checkCase(folder)
    try {
      mkdirSync(diskPath(this.root, folder))
      this.added(folder)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
      if (!this.isReal(folder)) throw unsafePath(folder, 'something else than a folder is there')
    }
    this.#remember(folder)
  }

  /** Throws `unsafe-path` where the file system would take `path`, in a real folder, for a name that differs from it. */
  checkCase(path: BytePath): void {
    if (!this.#foldsCase) return
    const name = baseName(path)
    const other = this.#namesIn(parentPath(path)).get(foldName(name))
    if (other !== undefined && other !== name) {
      throw unsafePath(path, `'${joinPath(parentPath(path), other as BytePath)}' has the same name here`)
    }
  }

  /** To be told when something new is at `path`. */
  added(path: BytePath): void {
    this.#names.get(parentPath(path))?.set(foldName(path), baseName(path))
  }

  /** To be told when what was at `path` has gone. */
  removed(path: BytePath): void {
    this.#names.get(parentPath(path))?.delete(foldName(path))
    if (!this.#real.delete(path)) return
    for (const folder of this.#real) if (isBelow(folder, path)) this.#real.delete(folder)
  }

  #remember(folder: BytePath): void {
    if (this.#real.size >= foldersMax) {
      this.#real.clear()
      this.#real.add(rootPath)
    }
    this.#real.add(folder)
  }

  #namesIn(folder: BytePath): Map<string, string> {
    const known = this.#names.get(folder)
    if (known) return known
    const names = new Map((readNames(this.root, folder) ?? []).map((name) => [foldName(name), name]))
    if (this.#names.size >= listingsMax) this.#names.clear()
    this.#names.set(folder, names)
    return names
  }
}

/** Folders that are remembered as real. */
const foldersMax = 100_000
/** Folders whose names are remembered. */
const listingsMax = 64
