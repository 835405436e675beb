import type { Stats } from 'node:fs'
import { baseName, joinPath, parentPath, pathFromText, rootPath, type BytePath } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { isPrivateName, isRepositoryName, lookAt, readNames } from './disk.ts'
import { isFolderMode, kindOfMode, type DiskKind } from './file-stat.ts'
import { isRubbish, type IgnoreRules } from './ignore.ts'
import { IndexChildren } from './index-children.ts'
import type { Index } from './index-file.ts'
import { foldersAbove } from './path-order.ts'

/**
 * What the scan came upon: something that can be tracked (`directory` is an
 * empty folder, or a whole one where folders are not entered), something that
 * cannot (`unsupported`), a folder with a repository of its own (`repository`,
 * which is not entered), or a folder that may not be read (`unreadable`).
 */
export type FoundKind = DiskKind | 'repository' | 'unreadable'

/** Who is told what a scan finds, in path order. */
export interface ScanVisitor {
  /** Entry `i` of the index has something at its place: a file or symlink, or a folder for a kept empty folder. */
  present(i: number, folder: string, name: string, stats: Stats): void
  /** Entry `i` of the index has nothing of its sort at its place. */
  missing(i: number): void
  /** Nothing of the index is at this path, and the rules do not ignore it. */
  untracked(path: BytePath, kind: FoundKind, stats: Stats | undefined): void
}

export interface ScanOptions {
  /** The working tree's folder. */
  root: string
  /** The rules before the root's own ignore files; `undefined`: nothing is ignored, and no ignore file is read. */
  rules: IgnoreRules | undefined
  /** What is tracked; without it everything counts as untracked. */
  index?: Index | undefined
  /** The only path to look at and below, instead of the whole tree. */
  under?: BytePath | undefined
  /** `all`: every untracked file; `folders`: an untracked folder is reported itself and not entered; `none`. */
  untracked: 'all' | 'folders' | 'none'
}

/**
 * One walk over a working tree, in path order, side by side with an index.
 * Symlinks are never followed, ignored folders are entered only for what is
 * tracked in them, and names that belong to dits are passed over. An untracked
 * folder is reported where it holds something that is not ignored, or where it
 * is empty but for system rubbish; one that holds only ignored things is not.
 */
export class Scan {
  readonly #root: BytePath
  readonly #options: ScanOptions
  readonly #index: Index | undefined
  readonly #visitor: ScanVisitor
  /** The folders that the walk is in, outermost first. */
  readonly #open: OpenFolder[] = []

  constructor(options: ScanOptions, visitor: ScanVisitor) {
    this.#root = pathFromText(options.root)
    this.#options = options
    this.#index = options.index
    this.#visitor = visitor
    this.#start(options.under ?? rootPath)
  }

  /**
   * Goes on in one folder, up to the next folder in it, its end, or some
   * hundred names, and answers false when the walk is over. Throws `rules-too-large`, and what the system
   * throws except for missing permissions.
   */
  step(): boolean {
    const folder = this.#open[this.#open.length - 1]
    if (!folder) return false
    try {
      this.#goOn(folder)
    } catch (error) {
      if (!isErrno(error, ...deniedErrors)) throw error
      this.#open.pop()
      this.#visitor.untracked(folder.path, 'unreadable', undefined)
    }
    return true
  }

  /** Merges the names on disk with those of the index. */
  #goOn(folder: OpenFolder): void {
    const { names, children } = folder
    let entered = false
    for (let visited = 0; !entered && visited < namesPerStep; visited++) {
      const name = names[folder.next]
      const child = children?.name
      if (name === undefined && child === undefined) return this.#close(folder)
      if (name !== undefined && (child === undefined || name < child)) {
        folder.next++
        entered = this.#visitUntracked(folder, name)
      } else if (children && (name === undefined || name !== child)) {
        this.#reportMissing(children)
      } else if (children && name !== undefined) {
        folder.next++
        entered = this.#visitTracked(folder, name, children)
      }
    }
  }

  /** Answers whether a folder was entered. */
  #visitUntracked(folder: OpenFolder, name: string): boolean {
    if (folder.isHidden || this.#options.untracked === 'none' || isPrivateName(name)) return false
    const path = (folder.prefix + name) as BytePath
    const stats = lookAt(this.#root, path)
    if (!stats) return false
    const isFolder = isFolderMode(stats.mode)
    if (folder.rules?.ignores(path, isFolder)) {
      folder.hasIgnored ||= !isRubbish(name)
      return false
    }
    if (isFolder && this.#options.untracked === 'all') return this.#enter(folder, { path, stats, isTracked: false })
    const kind = isFolder ? this.#summarize(path, folder.rules) : kindOfMode(stats.mode)
    if (kind === 'ignored') folder.hasIgnored = true
    else {
      folder.hasShown = true
      this.#visitor.untracked(path, kind, stats)
    }
    return false
  }

  /** What the index has under this name is the cursor's current child. Answers whether a folder was entered. */
  #visitTracked(folder: OpenFolder, name: string, children: IndexChildren): boolean {
    const path = (folder.prefix + name) as BytePath
    const stats = lookAt(this.#root, path)
    if (!stats) {
      this.#reportMissing(children)
      return false
    }
    const isFolder = isFolderMode(stats.mode)
    const { folder: childFolder, entry } = children
    if (childFolder !== undefined) {
      if (!isFolder) this.#visitUntracked(folder, name)
      if (!isFolder) this.#reportMissing(children)
      else children.next()
      return isFolder && this.#enter(folder, { path, stats, isTracked: true, indexFolder: childFolder })
    }
    children.next()
    const belongsFolder = this.#index?.kindAt(entry) === 'directory'
    if (belongsFolder !== isFolder || kindOfMode(stats.mode) === 'unsupported') {
      this.#visitor.missing(entry)
      return this.#visitUntracked(folder, name)
    }
    this.#visitor.present(entry, folder.prefix, name, stats)
    return isFolder && this.#enter(folder, { path, stats, isTracked: true })
  }

  /** Reports the entry or all entries of the folder at the cursor, and moves the cursor on. */
  #reportMissing(children: IndexChildren): void {
    const from = children.entry
    children.next()
    for (let i = from; i < children.entry; i++) this.#visitor.missing(i)
  }

  /** Goes into a folder, unless it may not be read or has a repository of its own and nothing tracked. */
  #enter(parent: OpenFolder, folder: EnteredFolder): boolean {
    const { path, stats, isTracked, indexFolder } = folder
    const names = this.#namesOf(path)
    if (!names) {
      parent.hasShown = true
      return false
    }
    const isRepository = names.some(isRepositoryName)
    if (isRepository && !parent.isHidden) {
      parent.hasShown = true
      this.#visitor.untracked(path, 'repository', stats)
      if (!isTracked) return false
    }
    const isHidden = isRepository || parent.isHidden || (isTracked && parent.rules?.ignores(path, true) === true)
    if (indexFolder !== undefined && !isHidden && this.#isEmptied(path, names)) {
      this.#visitor.untracked(path, 'directory', stats)
    }
    this.#push({
      path,
      names,
      isHidden,
      rules: isHidden ? parent.rules : parent.rules?.enter(this.#root, path, names),
      children: this.#childrenOf(indexFolder),
      untracked: isTracked ? undefined : stats,
    })
    return true
  }

  #push(folder: Omit<OpenFolder, 'prefix' | 'next' | 'hasShown' | 'hasIgnored'>): void {
    const prefix = folder.path === rootPath ? '' : `${folder.path}/`
    this.#open.push({ ...folder, prefix, next: 0, hasShown: false, hasIgnored: false })
  }

  #childrenOf(indexFolder: number | undefined, only?: string): IndexChildren | undefined {
    return this.#index && indexFolder !== undefined ? new IndexChildren(this.#index, indexFolder, only) : undefined
  }

  #close(folder: OpenFolder): void {
    this.#open.pop()
    const parent = this.#open[this.#open.length - 1]
    if (folder.untracked && !folder.hasShown && !folder.hasIgnored) {
      folder.hasShown = true
      this.#visitor.untracked(folder.path, 'directory', folder.untracked)
    }
    if (!parent) return
    parent.hasShown ||= folder.hasShown
    parent.hasIgnored ||= folder.hasIgnored
  }

  /** The names in a folder; `undefined`, and reported, where it may not be read. */
  #namesOf(path: BytePath): string[] | undefined {
    try {
      return readNames(this.#root, path) ?? []
    } catch (error) {
      if (!isErrno(error, ...deniedErrors)) throw error
      this.#visitor.untracked(path, 'unreadable', undefined)
      return undefined
    }
  }

  /** True where a folder that the index knows is there but holds nothing any more. */
  #isEmptied(path: BytePath, names: readonly string[]): boolean {
    if (this.#options.untracked === 'none') return false
    return names.every(
      (name) => isPrivateName(name) || (isRubbish(name) && this.#index?.find(joinPath(path, name as BytePath)) === undefined),
    )
  }

  /** What an untracked folder counts as, without entering it: looks no further than the first thing worth showing. */
  #summarize(path: BytePath, outer: IgnoreRules | undefined): FoundKind | 'ignored' {
    const names = this.#namesOf(path)
    if (!names) return 'ignored'
    if (names.some(isRepositoryName)) return 'repository'
    const rules = outer?.enter(this.#root, path, names)
    let hasIgnored = false
    for (const name of names) {
      const child = joinPath(path, name as BytePath)
      const stats = isPrivateName(name) ? undefined : lookAt(this.#root, child)
      if (!stats) continue
      const isFolder = isFolderMode(stats.mode)
      if (rules?.ignores(child, isFolder)) hasIgnored ||= !isRubbish(name)
      else if (!isFolder || this.#summarize(child, rules) !== 'ignored') return 'directory'
      else hasIgnored = true
    }
    return hasIgnored ? 'ignored' : 'directory'
  }

  /** Opens the root, or the folder of the only path to look at, of which only that path counts. */
  #start(under: BytePath): void {
    const path = parentPath(under)
    const { rules, isHidden, names } = this.#goTo(path)
    const only = under === rootPath ? undefined : baseName(under)
    this.#push({
      path,
      names: only === undefined ? names : names.filter((name) => name === only),
      isHidden,
      rules,
      children: this.#childrenOf(this.#index?.findFolder(path), only),
      untracked: undefined,
    })
  }

  /** The names in a folder and the rules in force there; no names where it is not there or a symlink is on the way. */
  #goTo(target: BytePath): { rules: IgnoreRules | undefined; isHidden: boolean; names: string[] } {
    let names = readNames(this.#root, rootPath) ?? []
    let rules = this.#options.rules?.enter(this.#root, rootPath, names)
    let isHidden = false
    for (const folder of target === rootPath ? [] : [...foldersAbove(target), target]) {
      if (!isFolderMode(lookAt(this.#root, folder)?.mode ?? 0)) return { rules, isHidden, names: [] }
      names = readNames(this.#root, folder) ?? []
      isHidden ||= rules?.ignores(folder, true) === true || names.some(isRepositoryName)
      if (!isHidden) rules = rules?.enter(this.#root, folder, names)
    }
    return { rules, isHidden, names }
  }
}

interface EnteredFolder {
  path: BytePath
  stats: Stats
  /** Something in it is tracked, or it is itself as an empty folder. */
  isTracked: boolean
  /** Its number, where the index has entries below it. */
  indexFolder?: number
}

interface OpenFolder {
  path: BytePath
  /** What to put before a name in it to get a path. */
  prefix: string
  names: readonly string[]
  /** Which name comes next. */
  next: number
  children: IndexChildren | undefined
  rules: IgnoreRules | undefined
  /** Only what is tracked in it counts: it is ignored, or another repository. */
  isHidden: boolean
  /** What lstat said of it, where nothing in it is tracked. */
  untracked: Stats | undefined
  /** Something in it or below was reported. */
  hasShown: boolean
  /** Something in it or below is ignored, other than system rubbish. */
  hasIgnored: boolean
}

const namesPerStep = 512
const deniedErrors = ['EACCES', 'EPERM']
