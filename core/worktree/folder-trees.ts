import { baseName, parentPath, rootPath, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { Emit } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { TreeBuilder } from '../objects/tree.ts'
import { foldersAbove, isBelow } from './path-order.ts'

export interface BuiltTree {
  id: Id
  /** Bytes of everything below. */
  size: number
  /** Names in the folder itself. */
  count: number
}

/**
 * Builds the trees of folders that lie in each other, from their entries in
 * path order. One folder a level is open; memory does not grow with the number
 * of entries. `closed` is told of each folder as soon as its tree is known,
 * before anything behind it is added.
 */
export class FolderTrees {
  readonly #emit: Emit
  readonly #closed: (folder: BytePath, tree: BuiltTree) => void
  readonly #open: { path: BytePath; builder: TreeBuilder }[]

  constructor(emit: Emit, closed: (folder: BytePath, tree: BuiltTree) => void) {
    this.#emit = emit
    this.#closed = closed
    this.#open = [{ path: rootPath, builder: new TreeBuilder(emit) }]
  }

  /**
   * Adds what comes next in path order: a file, a symlink, or a folder whose
   * tree is known. Throws `bad-name` for a name that no tree may hold.
   */
  add(path: BytePath, entry: Omit<TreeEntry, 'name'>): void {
    this.#enter(parentPath(path))
    this.#top.builder.add({ ...entry, name: baseName(path) })
  }

  /** Closes all folders and answers the root's tree. */
  finish(): BuiltTree {
    while (this.#open.length > 1) this.#close()
    const tree = this.#top.builder.finish()
    this.#closed(rootPath, tree)
    return tree
  }

  get #top(): { path: BytePath; builder: TreeBuilder } {
    return this.#open[this.#open.length - 1] as { path: BytePath; builder: TreeBuilder }
  }

  #enter(folder: BytePath): void {
    if (this.#top.path === folder) return
    while (this.#top.path !== folder && !isBelow(folder, this.#top.path)) this.#close()
    if (this.#top.path === folder) return
    for (const path of [...foldersAbove(folder), folder]) {
      if (isBelow(path, this.#top.path)) this.#open.push({ path, builder: new TreeBuilder(this.#emit) })
    }
  }

  #close(): void {
    const { path, builder } = this.#top
    const tree = builder.finish()
    this.#closed(path, tree)
    this.#open.pop()
    this.#top.builder.add(folderEntry(baseName(path), tree))
  }
}

/** The tree entry of a folder whose tree is known. */
export function folderEntry(name: BytePath, tree: { id: Id; size: number }): TreeEntry {
  return { name, kind: 'directory', content: 'tree', size: tree.size, id: tree.id, hash: tree.id }
}
