import { hashObject, idFromBytes, limits, openRecord, PackWriter, readRecordHeader, recordHeaderBytes, type ByteStore, type Id, type ObjectKind, type PackedObjects, type RecordHeader } from '#core'
import { ByteQueue } from './byte-queue.ts'
import { violation } from './frames.ts'

/** What is handed to the store on a slow line, so that a killed process has lost little more than that. */
const eagerBytes = 256 * 1024

/** What was received. */
export interface ReceivedCounts {
  objects: number
  /** Of these, objects that were here already and were not stored again. */
  known: number
  /** Bytes of records as they travelled. */
  bytes: number
}

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
  readonly #arrived = new ByteQueue()
  /** The header of the record whose payload is still on its way. */
  #header: RecordHeader | undefined

  constructor(store: ByteStore, objects: PackedObjects, sessionName: string) {
    this.#objects = objects
    let packs = 0
    this.#writer = new PackWriter(store, { nextName: () => `${sessionName}-${packs++}`, piecesWaitingMax: 1, eagerBytes })
  }

  /**
   * Takes a piece, which must not change afterwards. Throws
   * `protocol-violation` where it is no record, one that lies, or one that
   * `accepts`, which is asked as soon as its header is there, refuses.
   */
  async push(piece: Uint8Array, accepts?: Accepts): Promise<void> {
    this.counts.bytes += piece.length
    this.#arrived.push(piece)
    while (this.#takeRecord(accepts)) await this.#writer.ready()
  }

  /** Makes what was received so far durable and readable. Throws what storing throws. */
  async finish(): Promise<void> {
    await this.#writer.finish()
    await this.#objects.packs.refresh()
  }

  /** Throws `protocol-violation` where a record was begun and not ended. */
  assertWhole(): void {
    if (this.#arrived.length > 0) throw violation('a record is cut short')
  }

  #takeRecord(accepts: Accepts | undefined): boolean {
    if (!this.#header) {
      if (this.#arrived.length < recordHeaderBytes) return false
      const header = readHeader(this.#arrived.peek(recordHeaderBytes))
      if (accepts && !accepts(header.kind, idFromBytes(header.id))) throw violation(`${header.kind} '${idFromBytes(header.id)}', which nobody asked for`)
      this.#header = header
    }
    const header = this.#header
    if (this.#arrived.length < recordHeaderBytes + header.stored) return false
    this.#header = undefined
    this.#store(header, this.#arrived.take(recordHeaderBytes + header.stored))
    return true
  }

  #store(header: RecordHeader, record: Uint8Array): void {
    this.counts.objects++
    verifyRecord(header, record)
    if (this.#objects.packs.locateLoaded(header.id) === 'held') {
      this.counts.known++
      return
    }
    this.#writer.append({ kind: header.kind, codec: header.codec, raw: header.raw, id: header.id, payload: record.subarray(recordHeaderBytes) })
  }
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

/** Throws `protocol-violation` where the object is not what its record says. */
function verifyRecord(header: RecordHeader, record: Uint8Array): void {
  // The common case is content as it stands, which the id alone covers.
  if (header.codec === 0 && Buffer.compare(hashObject(header.kind, record.subarray(recordHeaderBytes)), header.id) === 0) return
  try {
    unpacked ??= new Uint8Array(unpackedBytes)
    openRecord(record, { pack: 'received', offset: 0, stored: header.stored }, header.kind, header.id, unpacked)
  } catch (cause) {
    throw violation(`object '${idFromBytes(header.id)}' is not what its id says: ${String(cause)}`)
  }
}
