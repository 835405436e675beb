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
  limits,
  ObjectMarks,
  pathToText,
  rootPath,
  WalkLimit,
  type BytePath,
  type Commit,
  type EntryChange,
  type Id,
  type ListNode,
  type Located,
  type ObjectKind,
  type ObjectReader,
  type PackedObjects,
  type TreeEntry,
} from '#core'
import { IdsBelow, type Known } from './ids-below.ts'
import { locateHere } from './new-commits.ts'
import { SaidChecks, saidOfChild, saidOfEntry, saidOfRow, type Said } from './said-checks.ts'

/** One object of a difference; `located` is absent where it is not in this store, and then nothing below it is known. */
export interface Needed {
  kind: ObjectKind
  id: Id
  located: Located | undefined
}

export interface DifferenceOptions {
  /** Whether a file's content (manifest, lists, chunks) is looked at: 'none', or as the path and size say; that of every file where it is absent. */
  wantsContent?: 'none' | ((path: BytePath, size: number) => boolean) | undefined
  signal?: AbortSignal | undefined
}

/** Where a commit has several parents: objects that are kept to be compared with the second. */
const mergedIdsMax = 65_536
/** What was added to one tree and is looked at together, to be found again in what was taken away. */
const addedMax = 65_536

/**
 * Which objects some commits need that their parents do not: what a push may
 * have to send, what a fetch brings, what must be there before a ref moves.
 * Nodes that two versions share are skipped unread, so the work grows with the
 * difference. What is left out is certainly reached from a parent; what is
 * given may be reached from elsewhere as well. Each object is given once.
 * What an object is said to be where it is named (its kind, size, whole-file
 * hash, place in a tree) is checked; where it is something else
 * `object-damaged` is thrown, and `tree-too-deep` where directories nest deeper
 * than they may. No tree is gone through twice, so the work is bounded by what
 * is there, whatever names it how often.
 *
 * Memory: a bit for each object of the store, and a bounded part of what
 * differs in one tree.
 */
export class Difference {
  readonly #objects: PackedObjects
  readonly #options: DifferenceOptions
  readonly #said: SaidChecks
  readonly #below: IdsBelow
  readonly #given = new ObjectMarks()
  /** What was gone into, as a whole or beside an older version: all that it needs was given, or is complete on the other side. */
  readonly #entered = new ObjectMarks()
  readonly #missing = new Set<Id>()
  /** Where paths decide, a tree is gone into wherever it is met; this stops trees that were made to be met for ever. */
  #walk: WalkLimit | undefined

  constructor(objects: PackedObjects, options: DifferenceOptions = {}) {
    this.#objects = objects
    this.#options = options
    this.#said = new SaidChecks(objects)
    this.#below = new IdsBelow(objects)
  }

  /** What one object is itself, if it was not given before: for commits and tags. */
  async *ofObject(kind: ObjectKind, id: Id): AsyncGenerator<Needed> {
    const { needed, isNew } = await this.#look(kind, id)
    if (isNew) yield needed
  }

  /**
   * What a commit's tree needs beside the trees of its parents, of which those
   * that are here are compared. They are complete on the other side, or have
   * been asked about before: so commits are asked about after their parents.
   */
  async *ofTree(tree: Id, parents: readonly Commit[]): AsyncGenerator<Needed> {
    yield* singly(this.#ofTree(tree, parents))
  }

  async *#ofTree(tree: Id, parents: readonly Commit[]): AsyncGenerator<Found> {
    const [first, second] = parents
    this.#walk = this.#isByPath ? new WalkLimit() : undefined
    if (!first) yield* this.#expand(rootItem(tree), new Map())
    else if (!second) yield* this.#between(first.tree, tree)
    else if (!this.#isByPath && (await this.#wasEntered(tree))) return
    else yield* this.#besideBoth(tree, first.tree, second.tree)
  }

  /** What is new beside the first parent and beside the second. */
  async *#besideBoth(tree: Id, first: Id, second: Id): AsyncGenerator<Found> {
    const beside = new Set<Id>()
    for await (const { id } of singly(new Difference(this.#objects, this.#options).#between(second, tree))) {
      beside.add(id)
      if (beside.size > mergedIdsMax) return yield* this.#between(first, tree)
    }
    for await (const needed of singly(this.#between(first, tree))) if (beside.has(needed.id)) yield needed
  }

  async *#between(before: Id, after: Id): AsyncGenerator<Found> {
    const changes: Changes = { added: [], gone: new Map(), folders: [] }
    yield* this.#folder(rootItem(after), before, changes)
    for (let next = changes.folders.pop(); next; next = changes.folders.pop()) yield* this.#folder(next.item, next.before, changes)
    yield* this.#added(changes)
  }

  /** What was added to a tree, but for what was taken away elsewhere in it, and forgets both. */
  async *#added(changes: Changes): AsyncGenerator<Found> {
    const { added } = changes
    const gone: Known = this.#isByPath ? new Map() : changes.gone
    changes.added = []
    changes.gone = new Map()
    const isNew = added.some(({ id, kind }) => kind !== 'chunk' && !gone.has(id))
    const moved = isNew ? await this.#below.collect(gone) : gone
    for (const item of added) yield* this.#expand(item, moved)
  }

  /** Compares one folder with its version before. */
  async *#folder(item: Item, before: Id, changes: Changes): AsyncGenerator<Found> {
    if (item.id === before) return
    this.#options.signal?.throwIfAborted()
    const { needed, isNew } = await this.#look('tree', item.id)
    if (isNew) yield needed
    if (!needed.located || !(await this.#enterTree(item))) return
    const { reader, nodes } = this.#watch()
    try {
      const side = { id: item.id, reader, ...(item.size !== undefined && { size: item.size }) }
      for await (const batch of diffDirectory(this.#objects, { id: before }, side)) {
        yield* this.#drain('tree', nodes)
        for (const change of batch) yield* this.#change(item, change, changes)
      }
      yield* this.#drain('tree', nodes)
    } catch (error) {
      if (!hasCode(error, 'object-missing')) throw error
      // Something of either is not here: all that is here of the new one is gone through, and so all that is missing is found.
      yield* this.#drain('tree', nodes)
      yield* this.#tree(item, new Map())
    }
  }

  /** What became of a name: a file is compared now, a folder later; what was added waits for what is taken away elsewhere. */
  async *#change(folder: Item, { before, after }: EntryChange, changes: Changes): AsyncGenerator<Found> {
    if (before) changes.gone.set(before.id, saidOfEntry(before))
    if (!after || (before?.id === after.id && before.content === after.content)) return
    const item = itemOf(folder, after)
    if (before?.content !== after.content || item.kind === 'chunk') changes.added.push(item)
    else if (item.kind === 'tree') changes.folders.push({ item, before: before.id })
    else yield* this.#file(item, before.id)
    if (changes.added.length + changes.gone.size > addedMax) yield* this.#added(changes)
  }

  /** Compares a file that has a manifest with its version before. */
  async *#file(item: Item, before: Id): AsyncGenerator<Found> {
    if (!this.#wants(item)) return
    const { needed, isNew } = await this.#look('manifest', item.id)
    if (isNew) yield needed
    if (!needed.located) return
    await this.#said.check(item.id, item)
    if (!isNew) return
    const { reader, nodes } = this.#watch()
    const { root } = decodeManifest(await this.#objects.read('manifest', item.id))
    try {
      const { root: rootBefore } = decodeManifest(await this.#objects.read('manifest', before))
      for await (const { side, chunk } of diffChunkLists(this.#objects, rootBefore, root, reader)) {
        yield* this.#drain('list', nodes)
        const needed = side === 'b' ? await this.#chunk(chunk.id, chunk.length) : undefined
        if (needed) yield needed
      }
      yield* this.#drain('list', nodes)
    } catch (error) {
      if (!hasCode(error, 'object-missing')) throw error
      yield* this.#drain('list', nodes)
      yield* this.#list(decodeListRoot(root), new Map())
    }
  }

  /** Everything of one object, but for what is in `known`. */
  async *#expand(item: Item, known: Known): AsyncGenerator<Found> {
    this.#options.signal?.throwIfAborted()
    if (!this.#wants(item)) return
    if (await this.#said.agrees(known.get(item.id), item.id, item)) return
    if (item.kind === 'chunk') {
      const needed = await this.#chunk(item.id, item.size)
      if (needed) yield needed
      return
    }
    const { needed, isNew } = await this.#look(item.kind, item.id)
    if (isNew) yield needed
    if (!needed.located) return
    await this.#said.check(item.id, item)
    if (item.kind === 'tree') {
      if (await this.#enterTree(item)) yield* this.#tree(item, known)
    } else if (await this.#enter(item.id)) {
      yield* this.#list(decodeListRoot(decodeManifest(await this.#objects.read('manifest', item.id)).root), known)
    }
  }

  async *#tree(item: Item, known: Known): AsyncGenerator<Found> {
    if (item.depth > limits.treeDepthMax) throw tooDeep(item.path)
    const node = decodeTreeNode(await this.#objects.read('tree', item.id))
    let { after } = item
    for (const child of node.children) {
      yield* this.#expand({ ...saidOfChild(child, node.level - 1, after), id: child.id, path: item.path, depth: item.depth }, known)
      after = child.name
    }
    for (const entry of node.entries) yield* this.#expand(itemOf(item, entry), known)
  }

  /** What a node of a chunk list names. */
  async *#list(node: ListNode, known: Known): AsyncGenerator<Found> {
    const chunks: Needed[] = []
    for (let i = 0; i < node.rows; i++) {
      const { id, said } = saidOfRow(node, i)
      const before = known.get(id)
      if (before && (await this.#said.agrees(before, id, said))) continue
      if (said.kind === 'chunk') {
        const needed = await this.#chunk(id, said.size)
        if (needed) chunks.push(needed)
        continue
      }
      const { needed, isNew } = await this.#look('list', id)
      if (isNew) yield needed
      if (!needed.located) continue
      await this.#said.check(id, said)
      if (await this.#enter(id)) yield* this.#list(decodeListNode(await this.#objects.read('list', id)), known)
    }
    if (chunks.length > 0) yield chunks
  }

  /** A chunk, where it is met for the first time. */
  async #chunk(id: Id, size: number | undefined): Promise<Needed | undefined> {
    const { needed, isNew } = await this.#look('chunk', id)
    if (needed.located && size !== undefined && needed.located.raw !== size) throw new DitsError('object-damaged', `chunk '${id}' is not of the size that is said of it`)
    return isNew ? needed : undefined
  }

  #wants({ kind, path, size }: Item): boolean {
    const { wantsContent } = this.#options
    if (kind === 'tree' || !wantsContent) return true
    return wantsContent !== 'none' && wantsContent(path, size ?? 0)
  }

  /** True where the same file may be wanted in one place and not in another, so that what is elsewhere says nothing. */
  get #isByPath(): boolean {
    return typeof this.#options.wantsContent === 'function'
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
    for (const id of nodes) yield* this.ofObject(kind, id)
    nodes.length = 0
  }

  async #enterTree(item: Item): Promise<boolean> {
    const isFirst = await this.#enter(item.id)
    if (!this.#walk) return isFirst
    this.#walk.count(item.path, this.#walk.enter(item.id, false))
    return true
  }

  /** Whether an object that is here is gone into for the first time. */
  async #enter(id: Id): Promise<boolean> {
    const located = await locateHere(this.#objects, id)
    return located !== undefined && this.#entered.add(located)
  }

  async #wasEntered(id: Id): Promise<boolean> {
    const located = await locateHere(this.#objects, id)
    return located !== undefined && this.#entered.has(located.pack, located.rank)
  }

  /** An object, and whether it is met for the first time. Throws `object-damaged` where it is here as another kind. */
  async #look(kind: ObjectKind, id: Id): Promise<{ needed: Needed; isNew: boolean }> {
    const located = await locateHere(this.#objects, id)
    if (located && located.kind !== kind) throw new DitsError('object-damaged', `'${id}' is a ${located.kind}, not a ${kind}`)
    const isNew = located ? this.#given.add(located) : !this.#missing.has(id)
    if (!located) this.#missing.add(id)
    return { needed: { kind, id, located }, isNew }
  }
}

/**
 * What is found within: of a list all chunks at once, because a generator in
 * others passes on each thing by way of all of them.
 */
type Found = Needed | Needed[]

async function* singly(all: AsyncIterable<Found>): AsyncGenerator<Needed> {
  for await (const found of all) {
    if (Array.isArray(found)) yield* found
    else yield found
  }
}

/** Something that a tree names, and what it says of it. */
interface Item extends Said {
  kind: 'tree' | 'manifest' | 'chunk'
  id: Id
  path: BytePath
  /** Directories that it is in, itself counted where it is one. */
  depth: number
}

interface Changes {
  added: Item[]
  /** What was taken away or replaced, by what was said of it. */
  gone: Map<Id, Said>
  folders: { item: Item; before: Id }[]
}

function rootItem(id: Id): Item {
  return { kind: 'tree', id, path: rootPath, depth: 1 }
}

function itemOf(folder: Item, entry: TreeEntry): Item {
  const depth = folder.depth + (entry.content === 'tree' ? 1 : 0)
  return { ...saidOfEntry(entry), kind: entry.content, id: entry.id, path: joinPath(folder.path, entry.name), depth }
}

function tooDeep(path: BytePath): DitsError {
  return new DitsError('tree-too-deep', `'${pathToText(path).slice(0, 100)}…' is nested more than ${limits.treeDepthMax} directories deep`)
}
