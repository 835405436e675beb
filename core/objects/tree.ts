import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { treeDepthMax } from '../limits.ts'
import type { Id } from './id.ts'
import type { Emit, ObjectReader } from './object-io.ts'
import { fnv1a, nodeEnds } from './split.ts'
import { readTreeNode, TreeCursor } from './tree-cursor.ts'
import type { TreeEntry } from './tree-entry.ts'
import { checkName, encodeTreeInner, encodeTreeLeaf, type TreeChild } from './tree-node.ts'

export { checkName } from './tree-node.ts'

const noName = '' as BytePath

interface OpenNode<Row> {
  rows: Row[]
  /** The node ends here; it is closed when the next row comes, so that the last node of a level is always open. */
  ended: boolean
}

/**
 * Builds one directory from its entries, which come sorted by name. Holds one
 * open node a level, whatever the number of entries; an entry is kept by
 * reference until its node is closed and must not change before `finish`.
 */
export class TreeBuilder {
  readonly #emit: Emit
  readonly #leaf: OpenNode<TreeEntry> = { rows: [], ended: false }
  /** Index i is level i + 1. */
  readonly #inner: OpenNode<TreeChild>[] = []
  #last = noName

  constructor(emit: Emit) {
    this.#emit = emit
  }

  /**
   * Adds the next entry. Throws `bad-name` for a name that no tree may hold,
   * and `bad-order` for one that does not come after the last.
   */
  add(entry: TreeEntry): void {
    checkName(entry.name)
    if (entry.name <= this.#last) {
      throw new DitsError('bad-order', `'${pathToText(entry.name)}' does not come after '${pathToText(this.#last)}'`)
    }
    if (this.#leaf.ended) this.#closeLeaf()
    this.#last = entry.name
    const count = this.#leaf.rows.push(entry)
    this.#leaf.ended = nodeEnds(count, fnv1a(entry.name), 0)
  }

  /** Writes what is open and answers the root, the bytes of everything below and the number of entries. */
  finish(): { id: Id; size: number; count: number } {
    if (this.#inner.length === 0) return this.#writeLeaf()
    this.#closeLeaf()
    for (let level = 1; level < this.#inner.length; level++) this.#closeInner(level)
    return this.#writeInner(this.#inner.length)
  }

  #closeLeaf(): void {
    this.#append(1, this.#writeLeaf())
  }

  #closeInner(level: number): void {
    this.#append(level + 1, this.#writeInner(level))
  }

  #append(level: number, child: TreeChild): void {
    const open = (this.#inner[level - 1] ??= { rows: [], ended: false })
    if (open.ended) this.#closeInner(level)
    const count = open.rows.push(child)
    open.ended = nodeEnds(count, fnv1a(child.name), level)
  }

  #writeLeaf(): TreeChild {
    const { rows } = this.#leaf
    const id = this.#emit('tree', encodeTreeLeaf(rows))
    const closed = { id, size: sumOf(rows, 'size'), count: rows.length, name: rows.at(-1)?.name ?? noName }
    this.#leaf.rows = []
    this.#leaf.ended = false
    return closed
  }

  #writeInner(level: number): TreeChild {
    const open = this.#inner[level - 1] as OpenNode<TreeChild>
    const id = this.#emit('tree', encodeTreeInner(level, open.rows))
    const closed = {
      id,
      size: sumOf(open.rows, 'size'),
      count: sumOf(open.rows, 'count'),
      name: open.rows.at(-1)?.name ?? noName,
    }
    open.rows = []
    open.ended = false
    return closed
  }
}

/** The entries of a directory in order of name, one leaf at a time. Throws `object-missing` and `object-damaged`. */
export async function* readTree(reader: ObjectReader, id: Id): AsyncIterable<TreeEntry[]> {
  const cursor = await TreeCursor.open(reader, id)
  for (let frame = cursor.frame; frame; frame = cursor.frame) {
    if (frame.node.level > 0) {
      await cursor.descend()
    } else {
      const { entries } = frame.node
      cursor.skip(entries.length)
      yield entries
    }
  }
}

/** The entry of that name in a directory; `undefined` where there is none. Reads one node a level. */
export async function findEntry(reader: ObjectReader, id: Id, name: BytePath): Promise<TreeEntry | undefined> {
  const cursor = await TreeCursor.open(reader, id)
  for (let frame = cursor.frame; frame; frame = cursor.frame) {
    const rows = frame.node.level === 0 ? frame.node.entries : frame.node.children
    const index = firstNotBefore(rows, name)
    if (frame.node.level === 0) {
      const entry = frame.node.entries[index]
      return entry?.name === name ? entry : undefined
    }
    if (index === rows.length) return undefined
    cursor.skip(index)
    await cursor.descend()
  }
  return undefined
}

/**
 * What `path` names below a root directory; `undefined` where nothing does.
 * The path '' gives the directory itself, with the name ''. Throws
 * `tree-too-deep` for a path of more than `treeDepthMax` names.
 */
export async function entryAtPath(reader: ObjectReader, rootTree: Id, path: BytePath): Promise<TreeEntry | undefined> {
  const names = path === '' ? [] : (path.split('/') as BytePath[])
  if (names.length > treeDepthMax) throw treeTooDeep(path)
  if (names.length === 0) {
    const { size } = await readTreeNode(reader, rootTree, { after: noName })
    return { name: noName, kind: 'directory', content: 'tree', size, id: rootTree, hash: rootTree }
  }
  let folder = rootTree
  for (const name of names.slice(0, -1)) {
    const entry = await findEntry(reader, folder, name)
    if (entry?.kind !== 'directory') return undefined
    folder = entry.id
  }
  return findEntry(reader, folder, names.at(-1) as BytePath)
}

/** The error for directories that are nested deeper than any tree may be. */
export function treeTooDeep(path: BytePath): DitsError {
  const text = pathToText(path)
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return new DitsError('tree-too-deep', `'${shown}' is nested more than ${treeDepthMax} directories deep`)
}

/** The index of the first row whose name is `name` or comes after it. */
function firstNotBefore(rows: readonly { name: BytePath }[], name: BytePath): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rows[middle] as { name: BytePath }).name < name) low = middle + 1
    else high = middle
  }
  return low
}

function sumOf<Field extends string>(rows: readonly Record<Field, number>[], field: Field): number {
  let sum = 0
  for (const row of rows) sum += row[field]
  return sum
}
