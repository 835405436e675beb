import { chunkBytesMax, nodeRowsMax } from '../limits.ts'
import { writeId } from './columns.ts'
import {
  chunksOfLeaf, decodeListRoot, encodeListNode, readListNode, type ChunkRef, type ListNode,
} from './list-node.ts'
import type { Emit, ObjectReader } from './object-io.ts'
import { nodeEnds } from './split.ts'

export { diffChunkLists, type ChunkChange } from './chunk-list-diff.ts'
export { decodeListNode, type ChunkRef, type ListNode } from './list-node.ts'

/** A finished chunk list. Its root is not an object: the manifest holds it. */
export interface ListRoot {
  /** The encoded root node. */
  node: Uint8Array
  level: number
  /** How many chunks, repeated ones counted again. */
  chunks: number
  /** Bytes of the stored stream. */
  size: number
}

/** A node that still takes rows: columns that are allocated once and filled again and again. */
interface OpenNode extends ListNode {
  /** The node ends here; it is closed when the next row comes, so that the last node of a level is always open. */
  ended: boolean
}

/**
 * Builds the chunk list of one file from its chunks in order. Holds one open
 * node a level (11 KB each), whatever the size of the file.
 */
export class ChunkListBuilder {
  readonly #emit: Emit
  readonly #open: [OpenNode, ...OpenNode[]] = [openNode(0)]
  #chunks = 0
  #size = 0

  constructor(emit: Emit) {
    this.#emit = emit
  }

  /** Adds the next chunk: the 32 bytes of its id, which are copied, and its length, 1 to 1 MiB. */
  add(id: Uint8Array, length: number): void {
    // The bit test refuses fractions and NaN as well.
    if (id.length !== 32 || (length | 0) !== length || length < 1 || length > chunkBytesMax) {
      throw new RangeError(`a chunk cannot have ${length} bytes and an id of ${id.length}`)
    }
    const leaf = this.#open[0]
    if (leaf.ended) this.#close(leaf)
    leaf.ids.set(id, leaf.rows * 32)
    leaf.hashes[leaf.rows] = leaf.ids.readUInt32LE(leaf.rows * 32)
    this.#endRow(leaf, length)
    this.#chunks++
    this.#size += length
  }

  /** Writes what is open, but not the root. Call once. */
  finish(): ListRoot {
    // Closing a node may open the level above, so the length is read anew each time.
    for (let level = 0; level < this.#open.length - 1; level++) this.#close(this.#open[level]!)
    const root = this.#open.at(-1)!
    return { node: encodeListNode(root), level: root.level, chunks: this.#chunks, size: this.#size }
  }

  #close(node: OpenNode): void {
    const id = this.#emit('list', encodeListNode(node))
    const parent = (this.#open[node.level + 1] ??= openNode(node.level + 1))
    if (parent.ended) this.#close(parent)
    writeId(parent.ids, id, parent.rows * 32)
    parent.hashes[parent.rows] = node.hashes[node.rows - 1]!
    this.#endRow(parent, node.size)
    node.rows = 0
    node.size = 0
    node.ended = false
  }

  #endRow(node: OpenNode, size: number): void {
    const row = node.rows++
    node.sizes[row] = size
    node.size += size
    node.ended = nodeEnds(node.rows, node.hashes[row]!, node.level)
  }
}

/**
 * The chunks of a list, given its encoded root, that overlap the bytes `from`
 * to before `to` of the stored stream (all of it by default); one leaf's chunks
 * at a time, in order. Nodes outside the range are not read. Throws
 * `object-missing` and `object-damaged`.
 */
export async function* readChunks(
  reader: ObjectReader,
  root: Uint8Array,
  range: { from: number; to: number } = { from: 0, to: Infinity },
): AsyncIterable<ChunkRef[]> {
  if (range.from < range.to) yield* readBelow(reader, decodeListRoot(root), 0, range)
}

async function* readBelow(
  reader: ObjectReader,
  node: ListNode,
  start: number,
  range: { from: number; to: number },
): AsyncIterable<ChunkRef[]> {
  if (node.level === 0) {
    const chunks = chunksOfLeaf(node, start).filter(({ offset, length }) => overlaps(offset, length, range))
    if (chunks.length > 0) yield chunks
    return
  }
  let offset = start
  for (let i = 0; i < node.rows; i++) {
    const size = node.sizes[i]!
    if (overlaps(offset, size, range)) yield* readBelow(reader, await readListNode(reader, node, i), offset, range)
    offset += size
  }
}

function overlaps(offset: number, size: number, { from, to }: { from: number; to: number }): boolean {
  return offset < to && offset + size > from
}

function openNode(level: number): OpenNode {
  return {
    level,
    rows: 0,
    ids: Buffer.allocUnsafe(nodeRowsMax * 32),
    sizes: new Float64Array(nodeRowsMax),
    hashes: new Uint32Array(nodeRowsMax),
    size: 0,
    ended: false,
  }
}
