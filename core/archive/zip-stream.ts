import { pipeline } from 'node:stream'
import { createDeflateRaw, crc32 } from 'node:zlib'
import { NumberColumn } from '../history/id-table.ts'
import { looksCompressible } from '../pack/compress.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import type { ArchivedEntry, ArchiveOptions, ArchiveSource } from './archive-entry.ts'
import { zipCentralHeader, zipDescriptor, zipEnd, zipLocalHeader, zipMethods, type ZipContent } from './zip.ts'

/** Content up to this size is read before its header is written, so that the header can tell its checksum. */
const heldBytesMax = 1024 * 1024
/** Sizes from here may pass 4 GiB once deflate has added its own. */
const largeBytesMin = 0xf000_0000
const deflateLevel = 3
const commentBytesMax = 0xffff

/**
 * The pieces of a zip archive. The entries are walked twice, because the
 * directory at the end names them all again: `entries` gives the same ones
 * each time. What does not compress is stored as it stands.
 */
export async function* zipPieces(
  source: ArchiveSource,
  entries: () => AsyncIterable<ArchivedEntry>,
  options: ArchiveOptions,
): AsyncGenerator<Uint8Array> {
  const written = new WrittenEntries()
  let offset = 0
  for await (const archived of entries()) {
    const start = offset
    const pieces = entryPieces(source, archived, options)
    let next = await pieces.next()
    for (; !next.done; next = await pieces.next()) {
      offset += next.value.length
      yield next.value
    }
    written.add(next.value, start)
  }
  const directory = { entries: written.count, offset, bytes: 0 }
  let number = 0
  for await (const { entry, tree } of entries()) {
    const row = zipCentralHeader(entry, written.contentOf(number, sizeOf(tree)), {
      offset: written.offsetOf(number++),
      descriptor: followsLater(tree),
    })
    directory.bytes += row.length
    yield row
  }
  yield zipEnd(directory, (options.comment ?? '').slice(0, commentBytesMax))
}

/** What the directory at the end needs to know of each entry besides the tree: 24 bytes. */
class WrittenEntries {
  count = 0
  readonly #crcs = new NumberColumn()
  readonly #offsets = new NumberColumn()
  /** Bytes in the archive; below zero, less one, where they are deflated. */
  readonly #packed = new NumberColumn()

  add({ crc, packed, method }: ZipContent, offset: number): void {
    const number = this.count++
    this.#crcs.set(number, crc)
    this.#offsets.set(number, offset)
    this.#packed.set(number, method === zipMethods.stored ? packed : -packed - 1)
  }

  offsetOf(number: number): number {
    return this.#offsets.get(number)
  }

  contentOf(number: number, size: number): ZipContent {
    const packed = this.#packed.get(number)
    const crc = this.#crcs.get(number)
    return packed < 0
      ? { method: zipMethods.deflated, crc, size, packed: -packed - 1 }
      : { method: zipMethods.stored, crc, size, packed }
  }
}

async function* entryPieces(source: ArchiveSource, { entry, tree }: ArchivedEntry, options: ArchiveOptions): AsyncGenerator<Uint8Array, ZipContent> {
  if (!tree || tree.kind === 'directory') {
    const empty: ZipContent = { method: zipMethods.stored, crc: 0, size: 0, packed: 0 }
    yield zipLocalHeader(entry, empty, zipMethods.stored, false)
    return empty
  }
  const content = watched(source.content.stream(tree), (bytes) => {
    options.onBytes?.(bytes, entry.path)
    options.signal?.throwIfAborted()
  })
  return yield* followsLater(tree) ? largeContent(entry, tree, content) : smallContent(entry, content)
}

async function* smallContent(entry: ArchivedEntry['entry'], content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, ZipContent> {
  const bytes = Buffer.concat(await Array.fromAsync(content))
  const crc = crc32(bytes)
  const deflated = entry.kind !== 'symlink' && looksCompressible(bytes) ? Buffer.concat(await Array.fromAsync(deflate([bytes]))) : bytes
  const method = deflated.length < bytes.length ? zipMethods.deflated : zipMethods.stored
  const packed = method === zipMethods.deflated ? deflated : bytes
  const known: ZipContent = { method, crc, size: bytes.length, packed: packed.length }
  yield zipLocalHeader(entry, known, method, false)
  yield packed
  return known
}

async function* largeContent(
  entry: ArchivedEntry['entry'],
  tree: TreeEntry,
  content: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array, ZipContent> {
  const first = await content.next()
  const head: Uint8Array = first.done ? new Uint8Array(0) : first.value
  const method = looksCompressible(head) ? zipMethods.deflated : zipMethods.stored
  const mayBeLarge = tree.size >= largeBytesMin
  yield zipLocalHeader(entry, undefined, method, mayBeLarge)
  const known: ZipContent = { method, crc: 0, size: tree.size, packed: 0 }
  const checked = watchedPieces(joined(head, content), (piece) => void (known.crc = crc32(piece, known.crc)))
  for await (const piece of method === zipMethods.deflated ? deflate(checked) : checked) {
    known.packed += piece.length
    yield piece
  }
  yield zipDescriptor(known, mayBeLarge)
  return known
}

function followsLater(tree: TreeEntry | undefined): boolean {
  return tree !== undefined && tree.kind !== 'directory' && tree.size > heldBytesMax
}

function sizeOf(tree: TreeEntry | undefined): number {
  return !tree || tree.kind === 'directory' ? 0 : tree.size
}

function deflate(content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  // What the content throws destroys the deflater, and so comes out of the iteration.
  return pipeline(content, createDeflateRaw({ level: deflateLevel }), () => {})
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  yield* rest
}

function watched(pieces: AsyncIterable<Uint8Array>, see: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  return watchedPieces(pieces, (piece) => see(piece.length))
}

async function* watchedPieces(pieces: AsyncIterable<Uint8Array>, see: (piece: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    see(piece)
    yield piece
  }
}
