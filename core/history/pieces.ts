import { hasCode } from '../errors.ts'
import { readChunks } from '../objects/chunk-list.ts'
import type { Id } from '../objects/id.ts'
import { decodeManifest } from '../objects/manifest.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { fnv1a } from '../objects/split.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'

/** What a file is made of: how many of its bytes lie in pieces with this key. */
export type Pieces = ReadonlyMap<string, number>

/** Files up to this size are compared line by line; larger ones chunk by chunk. */
const linesBytesMax = 64 * 1024
/** Of what was stored inflated, this much is compared. */
const inflatedBytesMax = 4 * linesBytesMax
/** A line without an end is cut here, so that binary files have pieces too. */
const lineBytesMax = 64
/** Chunks of one file that are compared: the first 4 GiB of a video. */
const chunksMax = 65_536
/** Pieces by which a file is found among others. */
const sketchPieces = 64

/**
 * The pieces by which a file is compared with others: lines where it is small,
 * chunks otherwise (the first `chunksMax`). `undefined` for what is no file, is
 * empty, or is not all here (a ghost, in a partial repository).
 */
export async function readPieces(reader: ObjectReader, entry: TreeEntry): Promise<Pieces | undefined> {
  if ((entry.kind !== 'file' && entry.kind !== 'executable') || entry.size === 0) return undefined
  try {
    if (entry.size > linesBytesMax) return await chunkPieces(reader, entry)
    const content = await readSmallFile(reader, entry)
    return content && linePieces(content)
  } catch (error) {
    // Comparing is only advice: where it is damage, whoever reads the content is told.
    if (hasCode(error, 'object-missing')) return undefined
    throw error
  }
}

/** The share of bytes, from 0 to 1, that two files have in common, of the larger one. */
export function similarity(a: Pieces, b: Pieces): number {
  let shared = 0
  for (const [key, bytes] of a) shared += Math.min(bytes, b.get(key) ?? 0)
  return shared / Math.max(totalOf(a), totalOf(b), 1)
}

/**
 * A few of the keys, chosen by their hashes alone, so that two files with half
 * of their pieces in common choose many of the same (a bottom-k sketch).
 */
export function sketchOf(pieces: Pieces): string[] {
  const hashed = Array.from(pieces.keys(), (key) => ({ key, hash: fnv1a(key) }))
  hashed.sort((a, b) => a.hash - b.hash || (a.key < b.key ? -1 : 1))
  return hashed.slice(0, sketchPieces).map(({ key }) => key)
}

function totalOf(pieces: Pieces): number {
  let total = 0
  for (const bytes of pieces.values()) total += bytes
  return total
}

async function chunkPieces(reader: ObjectReader, entry: TreeEntry): Promise<Pieces> {
  const pieces = new Map<string, number>()
  let chunks = 0
  for await (const { id, length } of chunksOf(reader, entry)) {
    pieces.set(id, (pieces.get(id) ?? 0) + length)
    if (++chunks === chunksMax) break
  }
  return pieces
}

async function* chunksOf(reader: ObjectReader, entry: TreeEntry): AsyncIterable<{ id: Id; length: number }> {
  if (entry.content === 'chunk') return yield { id: entry.id, length: entry.size }
  const { root } = decodeManifest(await reader.read('manifest', entry.id))
  for await (const batch of readChunks(reader, root)) yield* batch
}

/** The stored stream of a small file: for comparing, it does not matter how its segments are wrapped. */
async function readSmallFile(reader: ObjectReader, entry: TreeEntry): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const { id, length } of chunksOf(reader, entry)) {
    if (!(await reader.has(id))) return undefined
    parts.push(await reader.read('chunk', id))
    bytes += length
    // What was stored inflated may be far larger than the file.
    if (bytes > inflatedBytesMax) break
  }
  return Buffer.concat(parts)
}

function linePieces(content: Buffer): Pieces {
  const pieces = new Map<string, number>()
  for (let from = 0; from < content.length; ) {
    const newline = content.indexOf(10, from)
    const to = Math.min(newline < 0 ? content.length : newline + 1, from + lineBytesMax)
    const key = content.toString('latin1', from, to)
    pieces.set(key, (pieces.get(key) ?? 0) + to - from)
    from = to
  }
  return pieces
}
