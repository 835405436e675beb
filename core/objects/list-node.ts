import { chunkBytesMax, nodeLevelsMax, nodeRowsMax } from '../limits.ts'
import { asBuffer, damaged, readId, readU64, writeU64 } from './columns.ts'
import type { Id } from './id.ts'
import type { ObjectReader } from './object-io.ts'

/** A node of a chunk list as columns (FORMAT.md, "List node"); row i is a chunk at level 0, a node above. */
export interface ListNode {
  level: number
  rows: number
  /** 32 bytes a row, a view into what was decoded. */
  ids: Buffer
  /** Bytes of the chunk, or of everything below the node. */
  sizes: Float64Array
  /** The hash that decides boundaries, of the chunk or of the last chunk below the node. */
  hashes: Uint32Array
  /** The sum of `sizes`. */
  size: number
}

const what = 'chunk list node'
const headBytes = 4
const idBytes = 32
const leafRowBytes = idBytes + 4
const innerRowBytes = idBytes + 8 + 4

/** The id of row `i`. */
export function listRowId(node: ListNode, i: number): Id {
  return readId(node.ids, i * idBytes)
}

/** Encodes the first `rows` rows of a node's columns. */
export function encodeListNode({ level, rows, ids, sizes, hashes }: Omit<ListNode, 'size'>): Uint8Array {
  const buffer = Buffer.allocUnsafe(headBytes + rows * (level === 0 ? leafRowBytes : innerRowBytes))
  buffer[0] = 1
  buffer[1] = level
  buffer.writeUInt16LE(rows, 2)
  ids.copy(buffer, headBytes, 0, rows * idBytes)
  const sizesAt = headBytes + rows * idBytes
  for (let i = 0; i < rows; i++) {
    if (level === 0) buffer.writeUInt32LE(sizes[i]!, sizesAt + i * 4)
    else {
      writeU64(buffer, sizes[i]!, sizesAt + i * 8)
      buffer.writeUInt32LE(hashes[i]!, sizesAt + rows * 8 + i * 4)
    }
  }
  return buffer
}

/**
 * Decodes one node. Throws `object-damaged` for anything but the canonical
 * encoding; what only the parent knows is checked by `readListNode`.
 */
export function decodeListNode(bytes: Uint8Array): ListNode {
  const buffer = asBuffer(bytes)
  if (buffer.length < headBytes) throw damaged(what, 'it is too short')
  const level = buffer.readUInt8(1)
  const rows = buffer.readUInt16LE(2)
  if (buffer[0] !== 1) throw damaged(what, `format ${buffer[0]} is unknown`)
  if (level >= nodeLevelsMax) throw damaged(what, `level ${level} is above the limit`)
  if (rows > nodeRowsMax || (level > 0 && rows === 0)) throw damaged(what, `it has ${rows} rows`)
  if (buffer.length !== headBytes + rows * (level === 0 ? leafRowBytes : innerRowBytes)) {
    throw damaged(what, 'its length does not match its rows')
  }
  const node: ListNode = {
    level,
    rows,
    ids: buffer.subarray(headBytes, headBytes + rows * idBytes),
    sizes: new Float64Array(rows),
    hashes: new Uint32Array(rows),
    size: 0,
  }
  if (level === 0) readLeafColumns(node, buffer)
  else readInnerColumns(node, buffer)
  return node
}

/** Decodes the root of a list, which above level 0 has at least two rows. Throws `object-damaged`. */
export function decodeListRoot(bytes: Uint8Array): ListNode {
  const root = decodeListNode(bytes)
  if (root.level > 0 && root.rows < 2) throw damaged(what, 'a root above level 0 has at least two rows')
  return root
}

/**
 * Reads the node that row `i` of `parent` names. Throws `object-damaged` where
 * it is not what the row says, and what the reader throws.
 */
export async function readListNode(reader: ObjectReader, parent: ListNode, i: number): Promise<ListNode> {
  const id = listRowId(parent, i)
  const node = decodeListNode(await reader.read('list', id))
  const fits =
    node.rows > 0 &&
    node.level === parent.level - 1 &&
    node.size === parent.sizes[i] &&
    node.hashes[node.rows - 1] === parent.hashes[i]
  if (!fits) throw damaged(`${what} '${id}'`, 'it is not what its parent says of it')
  return node
}

function readLeafColumns(node: ListNode, buffer: Buffer): void {
  const sizesAt = headBytes + node.rows * idBytes
  for (let i = 0; i < node.rows; i++) {
    const size = buffer.readUInt32LE(sizesAt + i * 4)
    if (size === 0 || size > chunkBytesMax) throw damaged(what, `it has a chunk of ${size} bytes`)
    node.sizes[i] = size
    node.hashes[i] = node.ids.readUInt32LE(i * idBytes)
    node.size += size
  }
}

function readInnerColumns(node: ListNode, buffer: Buffer): void {
  const sizesAt = headBytes + node.rows * idBytes
  const hashesAt = sizesAt + node.rows * 8
  for (let i = 0; i < node.rows; i++) {
    const size = readU64(buffer, sizesAt + i * 8)
    if (size === 0) throw damaged(what, 'it has an empty node below it')
    node.sizes[i] = size
    node.hashes[i] = buffer.readUInt32LE(hashesAt + i * 4)
    node.size += size
  }
  if (!Number.isSafeInteger(node.size)) throw damaged(what, 'its total is too large')
}

/** One chunk of a list. */
export interface ChunkRef {
  id: Id
  /** Where the chunk starts in the stored stream. */
  offset: number
  /** Bytes of the whole chunk. */
  length: number
}

/** All chunks of a leaf that starts at `start` of the stored stream. */
export function chunksOfLeaf(leaf: ListNode, start: number): ChunkRef[] {
  const chunks: ChunkRef[] = []
  let offset = start
  for (let i = 0; i < leaf.rows; i++) {
    const length = leaf.sizes[i]!
    chunks.push({ id: listRowId(leaf, i), offset, length })
    offset += length
  }
  return chunks
}
