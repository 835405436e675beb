import { baseName, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { ArchivedEntry, ArchiveOptions, ArchiveSource } from './archive-entry.ts'
import { tarComment, tarEnd, tarHeader, tarPadding } from './tar.ts'
import { zipPieces } from './zip-stream.ts'

export type { ArchiveOptions, ArchiveSource } from './archive-entry.ts'

const linkBytesMax = 64 * 1024

/**
 * An archive of a directory's content, or of one file, as it streams. Memory
 * is bounded (a zip needs 24 bytes for each entry). Names are kept byte by
 * byte, executable files, symlinks and empty directories as what they are.
 *
 * Throws what reading the content throws: then the archive ends in the middle,
 * and no program takes it for whole.
 */
export async function* archivePieces(source: ArchiveSource, root: TreeEntry, options: ArchiveOptions): AsyncGenerator<Uint8Array> {
  const entries = () => entriesOf(source.reader, root, options)
  if (options.format === 'zip') yield* zipPieces(source, entries, options)
  else yield* tarPieces(source, entries(), options)
}

async function* tarPieces(source: ArchiveSource, entries: AsyncIterable<ArchivedEntry>, options: ArchiveOptions): AsyncGenerator<Uint8Array> {
  let written = 0
  const counted = (piece: Uint8Array): Uint8Array => {
    written += piece.length
    return piece
  }
  if (options.comment) yield counted(tarComment(options.comment))
  for await (const { entry, tree } of entries) {
    options.signal?.throwIfAborted()
    if (!tree || tree.kind === 'directory') yield counted(tarHeader(entry))
    else if (tree.kind === 'symlink') yield counted(tarHeader(entry, await readLink(source, tree)))
    else {
      yield counted(tarHeader(entry))
      for await (const piece of source.content.stream(tree)) {
        yield counted(piece)
        options.onBytes?.(piece.length, entry.path)
        options.signal?.throwIfAborted()
      }
      const padding = tarPadding(tree.size)
      if (padding > 0) yield counted(zeros.subarray(0, padding))
    }
  }
  yield tarEnd(written)
}

const zeros = new Uint8Array(512)

/** The target of a symlink as a byte string. */
async function readLink(source: ArchiveSource, link: TreeEntry): Promise<string> {
  if (link.size > linkBytesMax) throw new DitsError('object-damaged', `the target of symlink '${link.id}' is too long`)
  const pieces: Uint8Array[] = []
  for await (const piece of source.content.stream(link)) pieces.push(piece)
  return Buffer.concat(pieces).toString('latin1')
}

async function* entriesOf(reader: ObjectReader, root: TreeEntry, { prefix, timeMs, signal }: ArchiveOptions): AsyncGenerator<ArchivedEntry> {
  const timeNs = BigInt(Math.trunc(timeMs)) * 1_000_000n
  const wholeSeconds = timeNs - (timeNs % 1_000_000_000n)
  const entryOf = (path: BytePath, tree: TreeEntry): ArchivedEntry => ({
    entry: { path: `${prefix}${path}` as BytePath, kind: tree.kind, size: tree.size, mtimeNs: tree.mtimeNs ?? wholeSeconds },
    tree,
  })
  if (root.kind !== 'directory') return yield entryOf(baseName(root.name), root)
  const folder = prefix.replace(/\/+$/, '') as BytePath
  if (prefix.endsWith('/') && folder !== '') {
    yield { entry: { path: folder, kind: 'directory', size: 0, mtimeNs: wholeSeconds }, tree: undefined }
  }
  for await (const { path, entry } of walkTree(reader, root.id)) {
    signal?.throwIfAborted()
    yield entryOf(path, entry)
  }
}
