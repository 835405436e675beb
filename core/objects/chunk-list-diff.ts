import { damaged } from './columns.ts'
import type { Id } from './id.ts'
import { decodeListRoot, listRowId, readListNode, type ChunkRef, type ListNode } from './list-node.ts'
import type { ObjectReader } from './object-io.ts'

/** A chunk that one list has where the other has another, or none. */
export interface ChunkChange {
  side: 'a' | 'b'
  chunk: ChunkRef
}

/**
 * What differs between two chunk lists, given their encoded roots: the chunks
 * to take out of `a` and those to put in from `b`, so that the rest is one and
 * the same sequence. Nodes that both lists share in the same order are not
 * read. A chunk that moved to another place is reported on both sides. Memory
 * is bounded by a window of rows a level, so where more than `windowRows` rows
 * in a row differ on both sides, chunks that would have matched further on may
 * be reported too. `readerB` reads the nodes of `b`, where somebody wants to
 * see which are read. Throws `object-missing` and `object-damaged`.
 */
export async function* diffChunkLists(reader: ObjectReader, a: Uint8Array, b: Uint8Array, readerB = reader): AsyncIterable<ChunkChange> {
  if (Buffer.compare(a, b) === 0) return
  const rootA = decodeListRoot(a)
  const rootB = decodeListRoot(b)
  // Lists of unequal height are compared at the lower one's top level.
  const level = Math.min(rootA.level, rootB.level)
  yield* diffRows({ a: reader, b: readerB }, level, rowsBelow(reader, rootA, level), rowsBelow(readerB, rootB, level))
}

/** Rows that are kept on a side while a match is looked for. */
export const windowRows = 4096

/** One row of a node, with where it starts in the stored stream. */
interface Row {
  id: Id
  start: number
  size: number
  /** Where the row was read, to go into it. */
  parent: ListNode
  index: number
}

type Rows = AsyncIterable<Row[]>

async function* diffRows(readers: { a: ObjectReader; b: ObjectReader }, level: number, a: Rows, b: Rows): AsyncIterable<ChunkChange> {
  for await (const gap of gapsBetween(a, b)) {
    if (level > 0) {
      yield* diffRows(readers, level - 1, rowsInside(readers.a, gap.a, level - 1), rowsInside(readers.b, gap.b, level - 1))
      continue
    }
    for (const row of gap.a) yield { side: 'a', chunk: chunkOf(row) }
    for (const row of gap.b) yield { side: 'b', chunk: chunkOf(row) }
  }
}

/** The rows at `level` below a root, a node's worth at a time. */
async function* rowsBelow(reader: ObjectReader, node: ListNode, level: number, start = 0): Rows {
  const rows = rowsOf(node, start)
  if (node.level === level) yield rows
  else yield* rowsInside(reader, rows, level)
}

/** The rows at `level` below some rows of a higher level. */
async function* rowsInside(reader: ObjectReader, rows: Row[], level: number): Rows {
  for (const { parent, index, start } of rows) {
    yield* rowsBelow(reader, await readListNode(reader, parent, index), level, start)
  }
}

function rowsOf(node: ListNode, start: number): Row[] {
  let offset = start
  return Array.from({ length: node.rows }, (_, index) => {
    const size = node.sizes[index]!
    const row = { id: listRowId(node, index), start: offset, size, parent: node, index }
    offset += size
    return row
  })
}

function chunkOf({ id, start, size }: Row): ChunkRef {
  return { id, offset: start, length: size }
}

interface Gap {
  a: Row[]
  b: Row[]
}

/** A bounded look ahead into rows. */
class Window {
  rows: Row[] = []
  ended = false
  readonly #source: AsyncIterator<Row[]>

  constructor(source: Rows) {
    this.#source = source[Symbol.asyncIterator]()
  }

  get full(): boolean {
    return this.rows.length >= windowRows
  }

  async fill(): Promise<void> {
    while (!this.ended && !this.full) {
      const { done, value } = await this.#source.next()
      if (done) this.ended = true
      else this.rows.push(...value)
    }
  }
}

/** What lies between the rows that two sequences share in order. */
async function* gapsBetween(sourceA: Rows, sourceB: Rows): AsyncIterable<Gap> {
  const a = new Window(sourceA)
  const b = new Window(sourceB)
  for (;;) {
    await Promise.all([a.fill(), b.fill()])
    if (a.rows.length === 0 && b.rows.length === 0) return
    const matches = matchRows(a.rows, b.rows)
    let doneA = 0
    let doneB = 0
    for (const [i, j] of matches) {
      if (a.rows[i]!.size !== b.rows[j]!.size) throw damaged('chunk list', `two lists say different sizes of '${a.rows[i]!.id}'`)
      if (i > doneA || j > doneB) yield { a: a.rows.slice(doneA, i), b: b.rows.slice(doneB, j) }
      doneA = i + 1
      doneB = j + 1
    }
    if (a.ended && b.ended) {
      if (doneA < a.rows.length || doneB < b.rows.length) yield { a: a.rows.slice(doneA), b: b.rows.slice(doneB) }
      return
    }
    a.rows.splice(0, doneA)
    b.rows.splice(0, doneB)
    if (matches.length === 0) yield giveUp(a, b)
  }
}

/**
 * Drops the older half of what filled its window without a match. A side that
 * ended keeps its rows for the other to arrive at.
 */
function giveUp(a: Window, b: Window): Gap {
  const half = windowRows / 2
  return { a: a.full ? a.rows.splice(0, half) : [], b: b.full ? b.rows.splice(0, half) : [] }
}

/**
 * Pairs of equal rows whose indexes rise on both sides, as many as possible
 * where no id is repeated: the k-th row of an id is paired with the k-th on
 * the other side, and of these pairs the longest rising sequence is taken
 * (patience sorting).
 */
function matchRows(a: readonly Row[], b: readonly Row[]): [number, number][] {
  const places = new Map<Id, number[]>()
  for (let j = b.length - 1; j >= 0; j--) {
    const { id } = b[j]!
    const list = places.get(id)
    if (list) list.push(j)
    else places.set(id, [j])
  }
  const pairs: [number, number][] = []
  a.forEach(({ id }, i) => {
    const j = places.get(id)?.pop()
    if (j !== undefined) pairs.push([i, j])
  })
  return longestRising(pairs)
}

/** The longest sequence of `pairs`, sorted by their first number, whose second numbers rise. */
function longestRising(pairs: readonly [number, number][]): [number, number][] {
  /** Index of the pair that ends the best sequence of each length. */
  const ends: number[] = []
  const previous = pairs.map(([, j], index) => {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (pairs[ends[middle]!]![1] < j) low = middle + 1
      else high = middle
    }
    ends[low] = index
    return low > 0 ? ends[low - 1]! : -1
  })
  const rising: [number, number][] = []
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index]!) rising.push(pairs[index]!)
  return rising.reverse()
}
