import { DitsError, idFromBytes, readRecordHeader, recordHeaderBytes, type Id, type Located, type PackedObjects } from '#core'
import type { FrameStream } from './frames.ts'

/** Records that lie next to each other in a pack are read, and sent, together up to this much. */
const runBytesMax = 1024 * 1024
/** Objects whose places are sorted at once. */
const sortedMax = 8192

/** An object to send, and where it lies. */
export interface ToSend {
  id: Id
  located: Located
}

/**
 * Sends objects as the records of their packs, as they are stored: nothing is
 * decompressed, and only what stands at a record's start is looked at. The
 * other side verifies every object. In the order of the packs, a batch at a
 * time. Answers bytes of records. Throws `pack-missing`, `pack-damaged`.
 */
export async function sendRecords(objects: PackedObjects, stream: FrameStream, batches: AsyncIterable<ToSend> | Iterable<ToSend>, onBytes?: (bytes: number) => void): Promise<number> {
  let sent = 0
  const flush = async (batch: ToSend[]) => {
    for await (const bytes of readRuns(objects, runsOf(batch))) {
      await stream.sendData(bytes)
      sent += bytes.length
      onBytes?.(bytes.length)
    }
  }
  let batch: ToSend[] = []
  for await (const item of batches) {
    batch.push(item)
    if (batch.length < sortedMax) continue
    await flush(batch)
    batch = []
  }
  await flush(batch)
  return sent
}

interface Run {
  pack: string
  offset: number
  length: number
  items: ToSend[]
}

/** Objects grouped by what lies side by side, without gaps, in the order of packs and places. */
function runsOf(batch: ToSend[]): Run[] {
  batch.sort((a, b) => (a.located.pack === b.located.pack ? a.located.offset - b.located.offset : a.located.pack < b.located.pack ? -1 : 1))
  const runs: Run[] = []
  let run: Run | undefined
  for (const item of batch) {
    const { pack, offset, stored } = item.located
    const length = recordHeaderBytes + stored
    if (run && run.pack === pack && offset < run.offset + run.length) continue
    if (run && run.pack === pack && offset === run.offset + run.length && run.length + length <= runBytesMax) {
      run.length += length
      run.items.push(item)
    } else runs.push((run = { pack, offset, length, items: [item] }))
  }
  return runs
}

/**
 * The bytes of runs, each of them read while the one before it is in use, which
 * it may be until the next is asked for. Two pieces of memory serve in turn:
 * fresh memory for each run costs more to collect than reading it does.
 */
async function* readRuns(objects: PackedObjects, runs: readonly Run[]): AsyncGenerator<Uint8Array> {
  const memory = runs.length > 2 ? [Buffer.allocUnsafeSlow(runBytesMax), Buffer.allocUnsafeSlow(runBytesMax)] : []
  const read = (i: number) => {
    const reading = readRun(objects, runs[i]!, memory[i % 2])
    // Whoever asks for it meets the failure; nobody may.
    reading.catch(() => {})
    return reading
  }
  let next = runs.length > 0 ? read(0) : undefined
  for (let i = 0; next; i++) {
    const bytes = await next
    next = i + 1 < runs.length ? read(i + 1) : undefined
    yield bytes
  }
}

/** Reads a run, in `into` where that is large enough; where the pack has gone meanwhile, its objects one by one from wherever they are now. */
async function readRun(objects: PackedObjects, run: Run, into?: Uint8Array): Promise<Uint8Array> {
  const { generation } = objects.packs
  try {
    const bytes = await objects.readPack(run.pack, { offset: run.offset, length: run.length, ...(into && { into }) })
    checkRun(run, bytes)
    return bytes
  } catch (error) {
    if (!(error instanceof DitsError) || error.code !== 'pack-missing' || !(await objects.packs.haveChangedSince(generation))) throw error
  }
  const parts: Uint8Array[] = []
  for (const { id } of run.items) {
    const located = await objects.locate(id)
    if (!located) throw new DitsError('object-missing', `object '${id}' is missing`, { hint: 'run: dits fsck' })
    parts.push(await objects.readPack(located.pack, { offset: located.offset, length: recordHeaderBytes + located.stored }))
  }
  return Buffer.concat(parts)
}

/** That the index and the pack agree about where records start, so that damage is named here and not at the other side. */
function checkRun(run: Run, bytes: Uint8Array): void {
  for (const { id, located } of run.items) {
    const header = readRecordHeader(bytes, located.offset - run.offset, run.pack)
    if (header.stored === located.stored && idFromBytes(header.id) === id) continue
    throw new DitsError('pack-damaged', `pack '${run.pack}' is damaged: object '${id}' is not where its index says`, { hint: 'run: dits fsck --full' })
  }
}
