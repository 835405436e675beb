import type { BytePath } from '../bytes.ts'
import { changesBetween, type Change, type ChangesOptions } from '../history/changes.ts'
import { IdTable, NumberColumn } from '../history/id-table.ts'
import { readChunks, type ChunkRef } from '../objects/chunk-list.ts'
import type { Id } from '../objects/id.ts'
import { decodeManifest } from '../objects/manifest.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { ChunkLedger } from './chunk-ledger.ts'

/** How much of a file is new to someone who has the version before. */
export interface ContentNews {
  /** Chunks of the file that they have; `undefined` where the whole file is the same content, which is not counted chunk by chunk. */
  chunksShared: number | undefined
  /** Chunks of the file that they lack. */
  chunksChanged: number
  /** Bytes that would have to be sent: the stored bytes of the chunks that they lack, each counted once in a comparison. */
  sendBytes: number
}

/** A change with what it costs. `news` is absent where nothing is there afterwards. */
export interface MeasuredChange extends Change {
  news: ContentNews | undefined
}

/** Where both trees are read from, and the account of what one side lacks. */
export interface ComparisonSource {
  reader: ObjectReader
  ledger: ChunkLedger
}

/** Under this much new content it is not worth a walk through the whole tree to find that it is a copy. */
const copiedBytesMin = 1024 * 1024

/**
 * What changed from one root tree to another, as `changesBetween`, with how
 * much of it would have to be sent to someone who has tree `a`. They are taken
 * to have the old content of what changed, and whole files of the tree that
 * were copied; so the bytes are at most a little more than what a transfer
 * needs. Where an added file is a copy of one that did not change, `from` says
 * of which.
 *
 * The cost grows with the chunks of the files that changed; chunks are looked
 * up, not read.
 */
export async function* compareTrees(
  { reader, ledger }: ComparisonSource,
  a: Id | undefined,
  b: Id | undefined,
  options: ChangesOptions = {},
): AsyncGenerator<MeasuredChange> {
  const contents = await surveyContents(reader, a, b, options)
  if (!contents.unknown().next().done) await noteOldContent({ reader, ledger }, a, b, { contents, options })
  for await (const change of changesBetween(reader, a, b, options)) {
    const { after } = change
    if (!after || after.kind === 'directory') yield { ...change, news: undefined }
    else if (contents.isKnown(after)) {
      const copied = change.kind === 'added' ? (change.from ?? contents.copies.get(after.hash)) : change.from
      yield { ...change, ...(copied === undefined ? {} : { from: copied }), news: sameContent }
    } else yield { ...change, news: await measure({ reader, ledger }, after, options.signal) }
  }
}

const sameContent: ContentNews = { chunksShared: undefined, chunksChanged: 0, sendBytes: 0 }

/** The chunks of a file or link, a batch at a time; none for a directory. */
export async function* chunksOf(reader: ObjectReader, entry: TreeEntry): AsyncGenerator<ChunkRef[]> {
  if (entry.content === 'chunk') yield [{ id: entry.id, offset: 0, length: entry.size }]
  else if (entry.content === 'manifest') yield* readChunks(reader, decodeManifest(await reader.read('manifest', entry.id)).root)
}

async function measure({ reader, ledger }: ComparisonSource, entry: TreeEntry, signal: AbortSignal | undefined): Promise<ContentNews> {
  const news = { chunksShared: 0, chunksChanged: 0, sendBytes: 0 }
  for await (const chunks of chunksOf(reader, entry)) {
    signal?.throwIfAborted()
    for (const chunk of chunks) {
      const { had, bytes } = await ledger.send(chunk)
      if (had) news.chunksShared++
      else news.chunksChanged++
      news.sendBytes += bytes
    }
  }
  return news
}

/** Which whole contents are on which side. */
class Contents {
  readonly old = new IdTable()
  readonly new = new IdTable()
  /** Bytes of each new content at a path that did not exist before; 0 where all paths did. */
  readonly addedSizes = new NumberColumn()
  /** Where unchanged files have content that was added. */
  readonly copies = new Map<Id, BytePath>()

  /** True where the other side has the whole content of a file. */
  isKnown({ hash, size }: TreeEntry): boolean {
    return size === 0 || this.old.numberOf(hash) !== undefined || this.copies.has(hash)
  }

  /** New contents that are not among the old ones, with the bytes of those that were added. */
  *unknown(): Generator<number> {
    for (let number = 0; number < this.new.size; number++) {
      const id = this.new.idAt(number)
      if (this.old.numberOf(id) === undefined && !this.copies.has(id)) yield this.addedSizes.get(number)
    }
  }
}

async function surveyContents(reader: ObjectReader, a: Id | undefined, b: Id | undefined, options: ChangesOptions): Promise<Contents> {
  const contents = new Contents()
  for await (const { before, after } of changesBetween(reader, a, b, { ...options, renames: false })) {
    if (before && before.kind !== 'directory') contents.old.add(before.hash)
    if (!after || after.kind === 'directory' || after.size === 0) continue
    const number = contents.new.add(after.hash)
    if (!before) contents.addedSizes.set(number, after.size)
  }
  let addedBytes = 0
  for (const size of contents.unknown()) addedBytes += size
  if (a !== undefined && addedBytes >= copiedBytesMin) await findCopies(reader, a, contents, options.signal)
  return contents
}

async function findCopies(reader: ObjectReader, tree: Id, contents: Contents, signal: AbortSignal | undefined): Promise<void> {
  for await (const { path, entry } of walkTree(reader, tree)) {
    signal?.throwIfAborted()
    if (entry.kind === 'directory' || entry.size === 0 || contents.new.numberOf(entry.hash) === undefined) continue
    if (!contents.copies.has(entry.hash)) contents.copies.set(entry.hash, path)
  }
}

/** Notes the chunks of old content that is gone. What only moved is not gone, and has no chunks that others would share. */
async function noteOldContent(
  { reader, ledger }: ComparisonSource,
  a: Id | undefined,
  b: Id | undefined,
  { contents, options }: { contents: Contents; options: ChangesOptions },
): Promise<void> {
  for await (const { before } of changesBetween(reader, a, b, { ...options, renames: false })) {
    if (!before || before.kind === 'directory' || contents.new.numberOf(before.hash) !== undefined) continue
    for await (const chunks of chunksOf(reader, before)) {
      options.signal?.throwIfAborted()
      for (const chunk of chunks) await ledger.note(chunk)
    }
  }
}
