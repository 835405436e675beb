import {
  decodeListNode,
  decodeListRoot,
  decodeManifest,
  decodeTreeNode,
  diffChunkLists,
  diffDirectory,
  DitsError,
  hasCode,
  joinPath,
  listRowId,
  ObjectMarks,
  rootPath,
  type BytePath,
  type Commit,
  type EntryChange,
  type Id,
  type ListNode,
  type Located,
  type ObjectKind,
  type ObjectReader,
  type PackedObjects,
} from '#core'
import { IdsBelow } from './ids-below.ts'

/** One object of a difference; `located` is absent where it is not in this store, and then nothing below it is known. */
export interface Needed {
  kind: ObjectKind
  id: Id
  located: Located | undefined
}

export interface DifferenceOptions {
  /** Whether a file's content (manifest, lists, chunks) is looked at; that of every file where it is absent. */
  wantsContent?: ((path: BytePath, size: number) => boolean) | undefined
  signal?: AbortSignal | undefined
}

/** Where a commit has several parents: objects that are kept to be compared with the second. */
const mergedIdsMax = 65_536

/**
 * Which objects some commits need that their parents do not: what a push may
 * have to send, what a fetch brings, what must be there before a ref moves.
 * Nodes that two versions share are skipped unread, so the work grows with the
 * difference. What is left out is certainly reached from a parent; what is
 * given may be reached from elsewhere as well. Each object is given once.
 * Sizes that contradict each other throw `object-damaged`.
 *
 * Memory: a bit for each object of the store, and what differs in one tree.
 */
export class Difference {
  readonly #objects: PackedObjects
  readonly #options: DifferenceOptions
  readonly #given = new ObjectMarks()
  /** What was gone into as a whole, and not beside an older version. */
  readonly #entered = new ObjectMarks()
  readonly #missing = new Set<Id>()

  constructor(objects: PackedObjects, options: DifferenceOptions = {}) {
    this.#objects = objects
    this.#options = options
  }

  /** What one object is itself, if it was not given before: for commits and tags. */
  async *ofObject(kind: ObjectKind, id: Id): AsyncGenerator<Needed> {
    const needed = await this.#once(kind, id)
    if (needed) yield needed
  }

  /** What a commit's tree needs beside the trees of its parents, of which those that are here are compared. */
  async *ofTree(tree: Id, parents: readonly Commit[]): AsyncGenerator<Needed> {
    const [first, second] = parents
    if (!first) yield* this.#expand({ kind: 'tree', id: tree, path: rootPath, size: undefined }, new Set())
    else if (!second) yield* this.#between(first.tree, tree)
    else yield* this.#besideBoth(tree, first.tree, second.tree)
  }

  /** What is new beside the first parent and beside the second. */
  async *#besideBoth(tree: Id, first: Id, second: Id): AsyncGenerator<Needed> {
    const beside = new Set<Id>()
    const other = new Difference(this.#objects, this.#options)
    for await (const { id } of other.#between(second, tree)) {
      beside.add(id)
      if (beside.size > mergedIdsMax) return yield* this.#between(first, tree)
    }
    for await (const needed of this.#between(first, tree)) if (beside.has(needed.id)) yield needed
  }

  async *#between(before: Id, after: Id): AsyncGenerator<Needed> {
    const changes: Changes = { added: [], gone: new Map(), folders: [] }
    yield* this.#folder({ kind: 'tree', id: after, path: rootPath, size: undefined }, before, changes)
    for (let next = changes.folders.pop(); next; next = changes.folders.pop()) yield* this.#folder(next.item, next.before, changes)
    const added = changes.added.filter(({ id }) => !changes.gone.has(id))
    const moved = added.some(({ kind }) => kind !== 'chunk') ? await new IdsBelow(this.#objects).collect(changes.gone) : new Set<Id>()
    for (const item of added) yield* this.#expand(item, moved)
  }

  /** Compares one folder with its version before. */
  async *#folder(item: Item, before: Id, changes: Changes): AsyncGenerator<Needed> {
    if (item.id === before) return
    this.#options.signal?.throwIfAborted()
    const { reader, nodes } = this.#watch()
    const found: Item[] = []
    try {
      const side = { id: item.id, reader, ...(item.size !== undefined && { size: item.size }) }
      for await (const batch of diffDirectory(this.#objects, { id: before }, side)) {
        yield* this.#drain('tree', nodes)
        for (const change of batch) this.#sort(item.path, change, changes, found)
      }
      yield* this.#drain('tree', nodes)
    } catch (error) {
      if (!hasCode(error, 'object-missing')) throw error
      // Something of either is not here: all that is here of the new one is gone through, and so all that is missing is found.
      yield* this.#drain('tree', nodes)
      return yield* this.#expand(item, new Set())
    }
    for (const file of found) yield* this.#file(file)
  }

  /** Sorts what became of a name: into folders and files to compare, and what was added and what is gone. */
  #sort(path: BytePath, { before, after }: EntryChange, changes: Changes, files: Item[]): void {
    if (before) changes.gone.set(before.id, before.content)
    if (!after) return
    const item: Item = { kind: after.content, id: after.id, path: joinPath(path, after.name), size: after.size }
    if (before?.id === after.id && before.content === after.content) return
    if (before?.content !== after.content || item.kind === 'chunk') changes.added.push(item)
    else if (item.kind === 'tree') changes.folders.push({ item, before: before.id })
    else files.push({ ...item, before: before.id })
  }

  /** Compares a file that has a manifest with its version before. */
  async *#file(item: Item): AsyncGenerator<Needed> {
    if (!this.#wants(item)) return
    const needed = await this.#once('manifest', item.id)
    if (!needed) return
    yield needed
    if (!needed.located) return
    const { reader, nodes } = this.#watch()
    const root = await this.#readManifest(item)
    try {
      const before = decodeManifest(await this.#objects.read('manifest', item.before!)).root
      for await (const { side, chunk } of diffChunkLists(this.#objects, before, root, reader)) {
        yield* this.#drain('list', nodes)
        if (side === 'b') yield* this.#chunk(chunk.id, chunk.length)
      }
      yield* this.#drain('list', nodes)
    } catch (error) {
      if (!hasCode(error, 'object-missing')) throw error
      yield* this.#drain('list', nodes)
      yield* this.#list(decodeListRoot(root), new Set())
    }
  }

  /** Everything of one object, but for what is in `known`. */
  async *#expand(item: Item, known: ReadonlySet<Id>): AsyncGenerator<Needed> {
    this.#options.signal?.throwIfAborted()
    if (known.has(item.id) || !this.#wants(item)) return
    if (item.kind === 'chunk') return yield* this.#chunk(item.id, item.size)
    const needed = await this.#once(item.kind, item.id)
    if (needed) yield needed
    if (!(await this.#enter(item.id))) return
    if (item.kind === 'manifest') yield* this.#list(decodeListRoot(await this.#readManifest(item)), known)
    else yield* this.#tree(item, known)
  }

  async *#tree(item: Item, known: ReadonlySet<Id>): AsyncGenerator<Needed> {
    const node = decodeTreeNode(await this.#objects.read('tree', item.id))
    if (item.size !== undefined && node.size !== item.size) throw sizesDiffer('tree', item.id)
    for (const { id, size } of node.children) yield* this.#expand({ kind: 'tree', id, path: item.path, size }, known)
    for (const entry of node.entries) {
      yield* this.#expand({ kind: entry.content, id: entry.id, path: joinPath(item.path, entry.name), size: entry.size }, known)
    }
  }

  /** What a node of a chunk list names. */
  async *#list(node: ListNode, known: ReadonlySet<Id>): AsyncGenerator<Needed> {
    for (let i = 0; i < node.rows; i++) {
      const id = listRowId(node, i)
      if (known.has(id)) continue
      if (node.level === 0) {
        yield* this.#chunk(id, node.sizes[i]!)
        continue
      }
      const needed = await this.#once('list', id)
      if (needed) yield needed
      if (!(await this.#enter(id))) continue
      const below = decodeListNode(await this.#objects.read('list', id))
      if (below.size !== node.sizes[i] || below.level !== node.level - 1) throw sizesDiffer('list', id)
      yield* this.#list(below, known)
    }
  }

  async *#chunk(id: Id, size: number | undefined): AsyncGenerator<Needed> {
    const needed = await this.#once('chunk', id)
    if (!needed) return
    if (needed.located && size !== undefined && needed.located.raw !== size) throw sizesDiffer('chunk', id)
    yield needed
  }

  async #readManifest(item: Item): Promise<Uint8Array> {
    const manifest = decodeManifest(await this.#objects.read('manifest', item.id))
    if (item.size !== undefined && manifest.size !== item.size) throw sizesDiffer('manifest', item.id)
    return manifest.root
  }

  #wants({ kind, path, size }: Item): boolean {
    return kind === 'tree' || !this.#options.wantsContent || this.#options.wantsContent(path, size ?? 0)
  }

  /** A reader that notes what it reads. */
  #watch(): { reader: ObjectReader; nodes: Id[] } {
    const nodes: Id[] = []
    const reader: ObjectReader = {
      read: (kind, id) => {
        nodes.push(id)
        return this.#objects.read(kind, id)
      },
      has: (id) => this.#objects.has(id),
    }
    return { reader, nodes }
  }

  async *#drain(kind: ObjectKind, nodes: Id[]): AsyncGenerator<Needed> {
    for (const id of nodes) {
      const needed = await this.#once(kind, id)
      if (needed) yield needed
    }
    nodes.length = 0
  }

  /** Whether an object that is here is gone into for the first time. */
  async #enter(id: Id): Promise<boolean> {
    const located = await this.#locate(id)
    return located !== undefined && this.#entered.add(located)
  }

  /** Where an object is, in the packs that were there when the store was last looked at: much that is asked for is not here. */
  #locate(id: Id): Promise<Located | undefined> {
    return this.#objects.packs.followingMoves(() => this.#objects.packs.locate(id))
  }

  /** The object, unless it was given before. Throws `object-damaged` where it is here as another kind. */
  async #once(kind: ObjectKind, id: Id): Promise<Needed | undefined> {
    const located = await this.#locate(id)
    if (!located) {
      if (this.#missing.has(id)) return undefined
      this.#missing.add(id)
    } else {
      if (located.kind !== kind) throw new DitsError('object-damaged', `'${id}' is a ${located.kind}, not a ${kind}`)
      if (!this.#given.add(located)) return undefined
    }
    return { kind, id, located }
  }
}

/** Something that a tree names. */
interface Item {
  kind: 'tree' | 'manifest' | 'chunk'
  id: Id
  path: BytePath
  size: number | undefined
  /** The manifest of the version before. */
  before?: Id
}

interface Changes {
  added: Item[]
  /** What was taken away or replaced, by what it was. */
  gone: Map<Id, ObjectKind>
  folders: { item: Item; before: Id }[]
}

function sizesDiffer(kind: ObjectKind, id: Id): DitsError {
  return new DitsError('object-damaged', `${kind} '${id}' is not of the size that what names it says`)
}
