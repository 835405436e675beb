import { DitsError } from '../errors.ts'
import { idFromBytes } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { leftoversOf, type Leftover } from '../store/leftovers.ts'
import { checkPackHeader, packHeaderBytes, readRecordHeader, recordHeaderBytes, type RecordHeader } from './pack-format.ts'
import { PackWriter } from './pack-writer.ts'
import { openRecord, type PackedObjects } from './packed-objects.ts'

/** What was copied out of unfinished packs. */
export interface SalvageReport {
  objects: number
  /** Bytes of records. */
  bytes: number
}

const readAtOnce = 1024 * 1024
/** Unfinished packs that are remembered, so that what was looked through is not looked through again. */
const rememberedMax = 10_000
/** How long each was when it was looked through. */
const lookedThrough = new Map<string, number>()
/** What somebody in this thread looks through at the moment. */
const running = new Map<string, Promise<SalvageReport>>()

/**
 * Copies what a killed transfer had received, and what is not stored already,
 * from unfinished packs in `tmp/`, and packs that got no index, into packs of
 * its own, each record verified. The unfinished packs are left as they are:
 * another process may be at work on one, and then some objects are stored
 * twice. Does nothing in a store that keeps no leftovers. Memory is bounded by one record
 * and a few pieces. Throws `store-io`.
 */
export async function salvagePacks(store: ByteStore, objects: PackedObjects, newSessionName: () => string): Promise<SalvageReport> {
  const report: SalvageReport = { objects: 0, bytes: 0 }
  for (const leftover of await unfinishedPacks(store)) {
    if (lookedThrough.get(leftover.path) === leftover.size) continue
    const now = running.get(leftover.path) ?? salvageOne(leftover, store, objects, newSessionName()).finally(() => running.delete(leftover.path))
    running.set(leftover.path, now)
    const found = await now
    report.objects += found.objects
    report.bytes += found.bytes
  }
  await objects.packs.refresh()
  return report
}

/** Packs that were not finished, or that got their names but no index. */
async function unfinishedPacks(store: ByteStore): Promise<Leftover[]> {
  const unfinished = await leftoversOf(store, 'packs')
  if (!unfinished) return []
  const keys = new Set<string>()
  for await (const key of store.list('packs/')) keys.add(key)
  for (const key of keys) {
    if (!key.endsWith('.pack') || keys.has(key.replace(/pack$/, 'idx'))) continue
    const size = (await store.stat(key))?.size
    const read = async (offset: number, length: number) => (await store.get(key, { offset, length }))?.bytes ?? new Uint8Array(0)
    if (size !== undefined) unfinished.push({ path: key, size, read })
  }
  return unfinished
}

async function salvageOne(leftover: Leftover, store: ByteStore, objects: PackedObjects, session: string): Promise<SalvageReport> {
  const report: SalvageReport = { objects: 0, bytes: 0 }
  let packs = 0
  const writer = new PackWriter(store, { nextName: () => `${session}-${packs++}` })
  await objects.packs.refresh()
  for await (const { header, payload } of newRecords(leftover, objects)) {
    writer.append({ kind: header.kind, codec: header.codec, raw: header.raw, id: header.id, payload })
    report.objects++
    report.bytes += recordHeaderBytes + payload.length
    await writer.ready()
  }
  await writer.finish()
  if (lookedThrough.size >= rememberedMax) lookedThrough.clear()
  lookedThrough.set(leftover.path, leftover.size)
  return report
}

interface FoundRecord {
  header: RecordHeader
  payload: Uint8Array
}

/** The whole, sound records of an unfinished pack that are not stored, up to the first that is not. */
async function* newRecords(leftover: Leftover, objects: PackedObjects): AsyncGenerator<FoundRecord> {
  const reader = new ForwardReader(leftover)
  if (!startsPack(await reader.read(0, packHeaderBytes))) return
  for (let offset = packHeaderBytes; ; ) {
    const header = headerOf(await reader.read(offset, recordHeaderBytes))
    if (!header) return
    if (!(await objects.packs.followingMoves(() => objects.packs.locate(idFromBytes(header.id))))) {
      const record = await reader.read(offset, recordHeaderBytes + header.stored)
      if (!record || !isSound(record, header)) return
      yield { header, payload: record.subarray(recordHeaderBytes) }
    }
    offset += recordHeaderBytes + header.stored
  }
}

function startsPack(bytes: Uint8Array | undefined): boolean {
  if (!bytes) return false
  return trying(() => (checkPackHeader(bytes, 'unfinished'), true)) ?? false
}

function headerOf(bytes: Uint8Array | undefined): RecordHeader | undefined {
  if (!bytes) return undefined
  const header = trying(() => readRecordHeader(bytes, 0, 'unfinished'))
  return header && { ...header, id: Buffer.from(header.id) }
}

function isSound(record: Uint8Array, header: RecordHeader): boolean {
  const located = { pack: 'unfinished', packObjects: 1, rank: 0, offset: 0, kind: header.kind, codec: header.codec, stored: header.stored, raw: header.raw }
  return trying(() => openRecord(record, located, header.kind, header.id)) !== undefined
}

/** What is cut off or garbled is the end of what can be used, and no error. */
function trying<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (error instanceof DitsError) return undefined
    throw error
  }
}

/** Reads a file forwards, a megabyte at a time; what is passed over may not be read at all. */
class ForwardReader {
  readonly #file: Leftover
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0

  constructor(file: Leftover) {
    this.#file = file
  }

  /** `undefined` where the file ends before. */
  async read(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (offset < this.#start || offset + length > this.#start + this.#bytes.length) {
      this.#bytes = await this.#file.read(offset, Math.max(length, readAtOnce))
      this.#start = offset
    }
    const at = offset - this.#start
    return at + length <= this.#bytes.length ? this.#bytes.subarray(at, at + length) : undefined
  }
}
