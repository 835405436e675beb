import { hashObject, idFromBytes, openRecord, PackWriter, readRecordHeader, recordHeaderBytes, type ByteStore, type Id, type ObjectKind, type PackedObjects, type RecordHeader } from '#core'
import { ByteQueue } from './byte-queue.ts'
import { violation } from './frames.ts'

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
  /** The start of the record whose payload is still on its way. */
  #head: { bytes: Uint8Array; header: RecordHeader } | undefined

  constructor(store: ByteStore, objects: PackedObjects, sessionName: string) {
    this.#objects = objects
    let packs = 0
    this.#writer = new PackWriter(store, { nextName: () => `${sessionName}-${packs++}` })
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
    if (this.#head || this.#arrived.length > 0) throw violation('a record is cut short')
  }

  #takeRecord(accepts: Accepts | undefined): boolean {
    if (!this.#head) {
      if (this.#arrived.length < recordHeaderBytes) return false
      const bytes = this.#arrived.take(recordHeaderBytes)
      const header = readHeader(bytes)
      if (accepts && !accepts(header.kind, idFromBytes(header.id))) throw violation(`${header.kind} '${idFromBytes(header.id)}', which nobody asked for`)
      this.#head = { bytes, header }
    }
    const { bytes, header } = this.#head
    if (this.#arrived.length < header.stored) return false
    this.#head = undefined
    this.#store(bytes, header, this.#arrived.take(header.stored))
    return true
  }

  #store(head: Uint8Array, header: RecordHeader, payload: Uint8Array): void {
    this.counts.objects++
    verifyRecord(head, header, payload)
    if (this.#objects.packs.locateNow(header.id) || this.#objects.packs.locateLoaded(header.id) === 'held') {
      this.counts.known++
      return
    }
    this.#writer.append({ kind: header.kind, codec: header.codec, raw: header.raw, id: header.id, payload })
  }
}

function readHeader(bytes: Uint8Array): RecordHeader {
  try {
    return readRecordHeader(bytes, 0, 'received')
  } catch (cause) {
    throw violation(`what was received is no record: ${String(cause)}`)
  }
}

/** Throws `protocol-violation` where the object is not what its record says. */
function verifyRecord(head: Uint8Array, header: RecordHeader, payload: Uint8Array): void {
  // The common case is content as it stands, which needs no copy to be verified.
  if (header.codec === 0 && Buffer.compare(hashObject(header.kind, payload), header.id) === 0) return
  const record = Buffer.concat([head, payload])
  try {
    openRecord(record, { pack: 'received', offset: 0, stored: header.stored }, header.kind, header.id)
  } catch (cause) {
    throw violation(`object '${idFromBytes(header.id)}' is not what its id says: ${String(cause)}`)
  }
}
