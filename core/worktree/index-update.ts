import { rootPath, type BytePath } from '../bytes.ts'
import type { Emit } from '../objects/object-io.ts'
import { TreeBuilder } from '../objects/tree.ts'
import { folderEntry, FolderTrees, type BuiltTree } from './folder-trees.ts'
import { IndexBuilder } from './index-builder.ts'
import type { Index, IndexEntry } from './index-file.ts'
import { comparePathOrder, isBelow } from './path-order.ts'

/**
 * Makes a new index out of a previous one and changes to it, together with the
 * trees of what is then staged, in one pass. Changes come in path order. A
 * folder that no change lies in is copied whole, and its tree is taken over
 * where it is known, so the work follows the folders that changed.
 */
export class IndexUpdate {
  readonly #previous: Index | undefined
  readonly #emit: Emit
  readonly #builder = new IndexBuilder()
  readonly #trees: FolderTrees
  #next = 0
  #last: BytePath | undefined
  #lastPut = rootPath

  constructor(previous: Index | undefined, emit: Emit) {
    this.#previous = previous
    this.#emit = emit
    this.#trees = new FolderTrees(emit, (folder, { id, size }) => this.#builder.setFolderTree(folder, id, size))
  }

  /**
   * Stages an entry in place of whatever was staged at its path or below it,
   * and of a file that stood where it needs a folder. The id of an empty
   * folder is found here, whatever the entry says. Throws `bad-name` and
   * `tree-too-deep`.
   */
  put(entry: IndexEntry): void {
    this.#follow(entry.path)
    this.#advance(entry.path, true)
    this.#skip(entry.path)
    this.#lastPut = entry.path
    this.#add(entry.kind === 'directory' ? this.#emptyFolder(entry.path) : entry)
  }

  /** Takes out what is staged at this path and below it, if anything. A folder that is left empty goes with it. */
  remove(path: BytePath): void {
    this.#follow(path)
    this.#advance(path, false)
    this.#skip(path)
  }

  /** The encoded index and the root tree. For `writtenMs` see IndexBuilder.finish, which also says what this throws. */
  finish(meta: { writtenMs: number }): { bytes: Uint8Array; tree: BuiltTree } {
    this.#advance(undefined, false)
    const tree = this.#trees.finish()
    return { bytes: this.#builder.finish(meta), tree }
  }

  #follow(path: BytePath): void {
    if (this.#last !== undefined && comparePathOrder(this.#last, path) > 0) {
      throw new Error(`change of '${path}' cannot follow '${this.#last}'`)
    }
    this.#last = path
  }

  /**
   * Copies what was staged before `target`. An entry that `target` lies below
   * is dropped with `makesRoom`, and otherwise left for the next time.
   */
  #advance(target: BytePath | undefined, makesRoom: boolean): void {
    const previous = this.#previous
    if (!previous) return
    const end = target === undefined ? previous.count : previous.lowerBound(target)
    while (this.#next < end) {
      const folder = this.#wholeFolder(previous, end, target)
      if (folder !== undefined) this.#addFolder(previous, folder)
      else {
        const entry = previous.entry(this.#next)
        const isInTheWay = isBelow(target ?? '', entry.path)
        if (isInTheWay && !makesRoom) return
        this.#next++
        if (!isInTheWay) this.#add(entry)
      }
    }
  }

  /** The outermost folder that starts at the next entry, has a known tree, and that no change lies in. */
  #wholeFolder(previous: Index, end: number, target: BytePath | undefined): number | undefined {
    let found: number | undefined
    let folder = previous.folderOf(this.#next)
    for (; folder > 0 && previous.firstEntry(folder) === this.#next; folder = previous.parentOf(folder)) {
      const path = previous.folderPath(folder)
      if (previous.entryEnd(folder) > end || isBelow(target ?? '', path) || isBelow(this.#lastPut, path)) break
      if (previous.folderTree(folder)) found = folder
    }
    return found
  }

  #addFolder(previous: Index, folder: number): void {
    const tree = previous.folderTree(folder)
    if (!tree) return
    this.#trees.add(previous.folderPath(folder), folderEntry(previous.folderName(folder), tree))
    this.#builder.addFolder(previous, folder)
    this.#next = previous.entryEnd(folder)
  }

  #add(entry: IndexEntry): void {
    const { path, stat, isGhost, ...fields } = entry
    this.#trees.add(path, fields)
    this.#builder.add(entry)
  }

  #skip(path: BytePath): void {
    const previous = this.#previous
    if (!previous) return
    while (this.#next < previous.count) {
      const staged = previous.pathAt(this.#next)
      if (staged !== path && !isBelow(staged, path)) return
      this.#next++
    }
  }

  #emptyFolder(path: BytePath): IndexEntry {
    const { id } = new TreeBuilder(this.#emit).finish()
    return { path, kind: 'directory', content: 'tree', size: 0, id, hash: id }
  }
}
