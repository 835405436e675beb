import { DitsError, hasCode } from '../errors.ts'
import { readChunks, type ChunkRef } from '../objects/chunk-list.ts'
import { emptyChunk, idToBytes, type Id } from '../objects/id.ts'
import { assertReadable, decodeManifest, type Manifest } from '../objects/manifest.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { chunkBytesMax } from '../limits.ts'
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
  private memory: RunMemory | undefined

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
      for await (const run of this.readRuns(refs)) {
        for (const record of run.records) {
          const { ref } = record
          const bytes = openChunk(run, record) ?? (await this.readCopy(ref))
          yield bytes.subarray(Math.max(0, from - ref.offset), Math.min(bytes.length, to - ref.offset))
        }
      }
    }
  }

  /**
   * Gives the pieces of a whole file or link to `take`, in order and verified
   * as in `stream`, each only for as long as the call takes: the memory is used
   * again. One file at a time. Throws what `stream` throws, and what `take` does.
   */
  async give(entry: Pick<TreeEntry, 'content' | 'id' | 'size'>, take: (piece: Uint8Array) => void): Promise<void> {
    if (entry.content === 'chunk') {
      for await (const piece of this.stream(entry)) take(piece)
      return
    }
    const memory = (this.memory ??= new RunMemory())
    const manifest = await this.manifest(entry)
    for await (const refs of readChunks(this.objects, manifest.root)) {
      for await (const run of this.readRuns(refs, memory)) {
        for (const record of run.records) take(openChunk(run, record, memory.unpacked) ?? (await this.readCopy(record.ref)))
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

  /** Reads the records of chunks, in order; where a pack went meanwhile, those that are left from wherever they are now. */
  private async *readRuns(refs: readonly ChunkRef[], memory?: RunMemory): AsyncGenerator<ReadRun> {
    for (let done = 0; done < refs.length; ) {
      const { generation } = this.objects.packs
      try {
        for await (const run of this.readLocated(refs.slice(done), memory)) {
          yield run
          done += run.records.length
        }
      } catch (error) {
        if (!hasCode(error, 'pack-missing') || !(await this.objects.packs.haveChangedSince(generation))) throw error
      }
    }
  }

  /** Reads one run while the one before is used. */
  private async *readLocated(refs: readonly ChunkRef[], memory?: RunMemory): AsyncGenerator<ReadRun> {
    const runs = groupRuns(await this.locateAll(refs))
    const read = (i: number): Promise<Uint8Array> | undefined => {
      const run = runs[i]
      if (!run) return undefined
      const into = memory?.turn()
      const reading = this.objects.readPack(run.pack, { offset: run.offset, length: run.length, ...(into ? { into } : {}) })
      // Nobody waits for the next run when this one throws.
      reading.catch(() => {})
      return reading
    }
    let next = read(0)
    try {
      for (let i = 0; i < runs.length; i++) {
        const bytes = await next!
        next = read(i + 1)
        yield { ...runs[i]!, bytes }
      }
    } finally {
      // Until it has ended, it fills memory that the next file would be given.
      await next?.catch(() => {})
    }
  }

  /** A chunk from whichever copy of it is sound. */
  private async readCopy(ref: ChunkRef): Promise<Uint8Array> {
    const bytes = await this.objects.read('chunk', ref.id)
    if (bytes.length !== ref.length) throw sizeLie(ref.id)
    return bytes
  }

  private async locateAll(refs: readonly ChunkRef[]): Promise<LocatedChunk[]> {
    const records: LocatedChunk[] = []
    for (const ref of refs) {
      const id = idToBytes(ref.id)
      const located = this.objects.packs.locateNow(id) ?? (await this.objects.locate(ref.id))
      if (!located) throw new DitsError('object-missing', `chunk '${ref.id}' is missing`, { hint: 'run: dits fsck' })
      records.push({ ref, id, located })
    }
    return records
  }
}

/** A chunk and where it lies. */
interface LocatedChunk {
  ref: ChunkRef
  id: Uint8Array
  located: Located
}

interface Run {
  pack: string
  offset: number
  length: number
  records: LocatedChunk[]
}

/** A run and its bytes. */
interface ReadRun extends Run {
  bytes: Uint8Array
}

/** Memory for two runs, one in use and one being read, and for a chunk that is unpacked. */
class RunMemory {
  readonly unpacked: Uint8Array = Buffer.allocUnsafeSlow(chunkBytesMax + 1)
  private next: Uint8Array = Buffer.allocUnsafeSlow(runBytesMax)
  private other: Uint8Array = Buffer.allocUnsafeSlow(runBytesMax)

  turn(): Uint8Array {
    const memory = this.next
    this.next = this.other
    this.other = memory
    return memory
  }
}

/** The bytes of a chunk of a run, verified; `undefined` where the record is damaged, so that another copy has to serve. */
function openChunk(run: ReadRun, { ref, id, located }: LocatedChunk, into?: Uint8Array): Uint8Array | undefined {
  const at = located.offset - run.offset
  const record = run.bytes.subarray(at, at + recordHeaderBytes + located.stored)
  const content = openCopy(record, located, id, into)
  if (content && content.length !== ref.length) throw sizeLie(ref.id)
  return content
}

function openCopy(record: Uint8Array, located: Located, id: Uint8Array, into?: Uint8Array): Uint8Array | undefined {
  try {
    return openRecord(record, located, 'chunk', id, into)
  } catch (error) {
    if (hasCode(error, 'object-damaged')) return undefined
    throw error
  }
}

/** Groups records that follow each other in a pack. */
function groupRuns(records: readonly LocatedChunk[]): Run[] {
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
