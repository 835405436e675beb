import { DitsError, hashObject, idFromBytes, limits, openRecord, PackWriter, readRecordHeader, recordCheckHolds, recordHeaderBytes, type ByteStore, type Id, type ObjectKind, type PackedObjects, type RecordHeader } from '#core'
import { violation } from './frames.ts'

/** What is handed to the store on a slow line, so that a killed process has lost little more than that. */
const eagerBytes = 512 * 1024

/** What was received. */
export interface ReceivedCounts {
  objects: number
  /** Of these, objects that were here already and were not stored again. */
  known: number
  /** Bytes of records as they travelled. */
  bytes: number
}

/** What a person can do about damage that is not here. */
export const askForCheck = 'ask who runs it to look with: dits server fsck --full, or in its folder: dits fsck --full'

/** Whether an object is one that was asked for. */
export type Accepts = (kind: ObjectKind, id: Id) => boolean

/**
 * Takes records as they arrive, in any pieces, verifies each object against
 * its id, and stores it as it travelled. What arrived is durable after
 * `finish`, also where the rest never comes: then the next transfer goes on
 * from there. Memory is bounded where the caller waits for `push`.
 */
export class RecordReceiver {
  readonly counts: ReceivedCounts = { objects: 0, known: 0, bytes: 0 }
  readonly #objects: PackedObjects
  readonly #writer: PackWriter
  /** The header of the record that is on its way, as far as it came. */
  readonly #head = Buffer.alloc(recordHeaderBytes)
  #headFilled = 0
  #record: OpenRecord | undefined

  constructor(store: ByteStore, objects: PackedObjects, sessionName: string) {
    this.#objects = objects
    let packs = 0
    this.#writer = new PackWriter(store, { nextName: () => `${sessionName}-${packs++}`, piecesWaitingMax: 1, eagerBytes })
  }

  /**
   * Takes a piece, which is free again at once. Where storing lags behind,
   * answers what to wait for before the next one, which keeps memory bounded.
   * Throws `protocol-violation` where it is no record, or one that `accepts`,
   * which is asked as soon as its header is there, refuses, and
   * `object-garbled` where its object is not what its id says.
   */
  push(piece: Uint8Array, accepts?: Accepts): Promise<void> | undefined {
    this.counts.bytes += piece.length
    for (let at = 0; at < piece.length; ) {
      at += this.#record ? this.#fill(this.#record, piece, at) : this.#fillHead(piece, at, accepts)
      if (!this.#record || this.#record.filled < this.#record.bytes.length) continue
      this.#store(this.#record)
      this.#record = undefined
    }
    return this.#writer.ready()
  }

  /** Makes what was received so far durable and readable. Throws what storing throws. */
  async finish(): Promise<void> {
    this.#record = undefined
    this.#headFilled = 0
    await this.#writer.finish()
    await this.#objects.packs.refresh()
  }

  /** Makes the whole records so far durable and readable, and goes on with the one that is on its way. Throws what storing throws. */
  async settle(): Promise<void> {
    const record = this.#record
    const begun = record && Buffer.from(record.bytes.subarray(0, record.filled))
    const stored = this.#writer.finish()
    if (record && begun) {
      record.bytes = this.#writer.reserve(record.bytes.length)
      record.bytes.set(begun)
    }
    await stored
    await this.#objects.packs.refresh()
  }

  /** Throws `protocol-violation` where a record was begun and not ended. */
  assertWhole(): void {
    if (this.#record || this.#headFilled > 0) throw violation('a record is cut short')
  }

  #fillHead(piece: Uint8Array, at: number, accepts: Accepts | undefined): number {
    const taken = copyInto(this.#head, this.#headFilled, piece, at)
    this.#headFilled += taken
    if (this.#headFilled < recordHeaderBytes) return taken
    this.#headFilled = 0
    const header = readHeader(this.#head)
    if (accepts && !accepts(header.kind, idFromBytes(header.id))) throw violation(`${header.kind} '${idFromBytes(header.id)}', which nobody asked for`)
    const bytes = this.#writer.reserve(recordHeaderBytes + header.stored)
    bytes.set(this.#head)
    this.#record = { header, bytes, filled: recordHeaderBytes }
    return taken
  }

  #fill(record: OpenRecord, piece: Uint8Array, at: number): number {
    const taken = copyInto(record.bytes, record.filled, piece, at)
    record.filled += taken
    return taken
  }

  #store({ header, bytes }: OpenRecord): void {
    this.counts.objects++
    verifyRecord(header, bytes)
    if (this.#objects.packs.locateLoaded(header.id) === 'held') this.counts.known++
    else this.#writer.commit(header)
  }
}

/** A record whose header is there, in the place where it will be stored. */
interface OpenRecord {
  header: RecordHeader
  bytes: Buffer
  filled: number
}

/** Copies what there is of `source` from `at` on, and what there is room for in `target`. Answers how much. */
function copyInto(target: Buffer, filled: number, source: Uint8Array, at: number): number {
  const length = Math.min(target.length - filled, source.length - at)
  target.set(source.subarray(at, at + length), filled)
  return length
}

function readHeader(bytes: Uint8Array): RecordHeader {
  try {
    return readRecordHeader(bytes, 0, 'received')
  } catch (cause) {
    throw violation(`what was received is no record: ${String(cause)}`)
  }
}

/**
 * Where compressed objects are unpacked to be verified, one at a time: memory
 * of its own for each costs more to collect than unpacking it takes.
 */
let unpacked: Uint8Array | undefined
const unpackedBytes = limits.chunkBytesMax + 1

/** Throws `object-garbled` where the object is not what its record says. */
function verifyRecord(header: RecordHeader, record: Uint8Array): void {
  // The common case is content as it stands, which the id alone covers.
  if (header.codec === 0 && recordCheckHolds(record, 0, header) && Buffer.compare(hashObject(header.kind, record.subarray(recordHeaderBytes)), header.id) === 0) return
  try {
    unpacked ??= new Uint8Array(unpackedBytes)
    openRecord(record, { pack: 'received', offset: 0, stored: header.stored }, header.kind, header.id, unpacked)
  } catch (cause) {
    // Nearly always a damaged store, because who lies gains nothing by it: so it is told, and not taken for a violation.
    throw new DitsError('object-garbled', `${header.kind} '${idFromBytes(header.id)}' came as something else than its id says`, {
      hint: `the other side's copy is damaged: ${askForCheck}`,
      cause,
    })
  }
}
