import { DitsError, hasCode } from '../errors.ts'
import { readChunks, type ChunkRef } from '../objects/chunk-list.ts'
import { emptyChunk, idToBytes, type Id } from '../objects/id.ts'
import { assertReadable, decodeManifest, type Manifest } from '../objects/manifest.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { recordHeaderBytes } from '../pack/pack-format.ts'
import { openRecord, type PackedObjects } from '../pack/packed-objects.ts'
import type { Located } from '../pack/pack-set.ts'

/** Records that lie next to each other in a pack are read together, up to this much at once. */
const runBytesMax = 2 * 1024 * 1024
/** A gap between two wanted records that is cheaper to read than to skip. */
const gapBytesMax = 16 * 1024

/** A part of a file. */
export interface ContentRange {
  offset: number
  length: number
}

/**
 * Streams the content of files out of the packs. Every piece has been verified
 * against its chunk's id before it is handed out.
 */
export class ContentReader {
  private readonly objects: PackedObjects

  constructor(objects: PackedObjects) {
    this.objects = objects
  }

  /**
   * The bytes of a file or link, in order; of a part of it where `range` is
   * given (clipped to the file). Throws `object-missing` and `object-damaged`.
   */
  async *stream(entry: Pick<TreeEntry, 'content' | 'id' | 'size'>, range?: ContentRange): AsyncGenerator<Uint8Array> {
    const from = Math.min(range?.offset ?? 0, entry.size)
    const to = Math.min(from + (range?.length ?? entry.size), entry.size)
    if (entry.id === emptyChunk && entry.size === 0) return
    if (entry.content === 'chunk') {
      const bytes = await this.objects.read('chunk', entry.id)
      if (bytes.length !== entry.size) throw sizeLie(entry.id)
      if (to > from) yield bytes.subarray(from, to)
      return
    }
    const manifest = await this.manifest(entry)
    for await (const refs of readChunks(this.objects, manifest.root, { from, to })) {
      for await (const { ref, bytes } of this.readAll(refs)) {
        yield bytes.subarray(Math.max(0, from - ref.offset), Math.min(bytes.length, to - ref.offset))
      }
    }
  }

  /** The manifest of a file that has one. Throws `object-damaged` where it is of another size than the tree says. */
  async manifest(entry: Pick<TreeEntry, 'id' | 'size'>): Promise<Manifest> {
    const manifest = decodeManifest(await this.objects.read('manifest', entry.id))
    if (manifest.size !== entry.size) throw sizeLie(entry.id)
    assertReadable(manifest)
    return manifest
  }

  /** Reads chunks in order; where a pack went meanwhile, those that are left from wherever they are now. */
  private async *readAll(refs: readonly ChunkRef[]): AsyncGenerator<{ ref: ChunkRef; bytes: Uint8Array }> {
    for (let done = 0; done < refs.length; ) {
      try {
        for await (const piece of this.readRuns(refs.slice(done))) {
          yield piece
          done++
        }
      } catch (error) {
        if (!hasCode(error, 'pack-missing') || !(await this.objects.packs.refresh())) throw error
      }
    }
  }

  private async *readRuns(refs: readonly ChunkRef[]): AsyncGenerator<{ ref: ChunkRef; bytes: Uint8Array }> {
    const runs = groupRuns(await this.locateAll(refs))
    let next = runs.length > 0 ? this.readRun(runs[0]!) : undefined
    for (let i = 0; i < runs.length; i++) {
      const run = runs[i]!
      const bytes = await next!
      next = i + 1 < runs.length ? this.readRun(runs[i + 1]!) : undefined
      // Nobody waits for the next run when this one throws.
      next?.catch(() => {})
      for (const { ref, located } of run.records) {
        const at = located.offset - run.offset
        const record = bytes.subarray(at, at + recordHeaderBytes + located.stored)
        const content = openRecord(record, located, 'chunk', idToBytes(ref.id))
        if (content.length !== ref.length) throw sizeLie(ref.id)
        yield { ref, bytes: content }
      }
    }
  }

  private async locateAll(refs: readonly ChunkRef[]): Promise<{ ref: ChunkRef; located: Located }[]> {
    const records = []
    for (const ref of refs) {
      const located = this.objects.packs.locateNow(idToBytes(ref.id)) ?? (await this.objects.locate(ref.id))
      if (!located) throw new DitsError('object-missing', `chunk '${ref.id}' is missing`, { hint: 'run: dits fsck' })
      records.push({ ref, located })
    }
    return records
  }

  private async readRun(run: Run): Promise<Uint8Array> {
    return this.objects.readPack(run.pack, { offset: run.offset, length: run.length })
  }
}

interface Run {
  pack: string
  offset: number
  length: number
  records: { ref: ChunkRef; located: Located }[]
}

/** Groups records that follow each other in a pack. */
function groupRuns(records: readonly { ref: ChunkRef; located: Located }[]): Run[] {
  const runs: Run[] = []
  let run: Run | undefined
  for (const record of records) {
    const { pack, offset, stored } = record.located
    const end = offset + recordHeaderBytes + stored
    const gap = run && run.pack === pack ? offset - (run.offset + run.length) : -1
    if (run && gap >= 0 && gap <= gapBytesMax && end - run.offset <= runBytesMax) {
      run.length = end - run.offset
      run.records.push(record)
    } else runs.push((run = { pack, offset, length: end - offset, records: [record] }))
  }
  return runs
}

function sizeLie(id: Id): DitsError {
  return new DitsError('object-damaged', `'${id}' is not as long as what refers to it says`, { hint: 'run: dits fsck --full' })
}
