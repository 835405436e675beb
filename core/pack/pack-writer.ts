import { packBytesTarget } from '../limits.ts'
import { kindCodes, type ObjectKind } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { encodePackHeader, recordHeaderBytes, writeRecordHeader, type Codec, type RecordHeader } from './pack-format.ts'
import { PackIndexBuilder } from './pack-index.ts'

const pieceBytes = 1 << 20
/** Pieces that may wait for the store before the writer asks its caller to wait. */
const piecesWaitingMax = 4
/** Finished packs whose last writes may still run while the next pack fills. */
const packsFinishingMax = 1

export function packKey(name: string): string {
  return `packs/${name}.pack`
}

export function indexKey(name: string): string {
  return `packs/${name}.idx`
}

/**
 * Appends records to packs, and starts a new pack where one is full. Order of
 * writes: a pack is durable under its name before its index is written, so a
 * crash leaves at worst a pack that nothing refers to. Memory is bounded by a
 * few pieces where the caller waits for `ready` between its batches.
 */
export class PackWriter {
  private readonly store: ByteStore
  private readonly nextName: () => string
  private readonly recordsMax: number
  private readonly piecesWaitingMax: number
  /** Where so much of a piece is there and the store waits for it, the store gets it: who is killed then has lost little. */
  private readonly eagerBytes: number
  private readonly onFinished: (name: string) => void
  private open: OpenPack | undefined
  private readonly finishing = new Set<Promise<void>>()
  private failure: { error: unknown } | undefined
  private readonly pool: Buffer[] = []

  constructor(
    store: ByteStore,
    options: { nextName: () => string; recordsMax?: number; piecesWaitingMax?: number; eagerBytes?: number; onFinished?: (name: string) => void },
  ) {
    this.store = store
    this.nextName = options.nextName
    this.recordsMax = options.recordsMax ?? 1 << 16
    this.piecesWaitingMax = options.piecesWaitingMax ?? piecesWaitingMax
    this.eagerBytes = options.eagerBytes ?? pieceBytes
    this.onFinished = options.onFinished ?? (() => {})
  }

  /** Records in the pack that is open now: the ordinal of the next record. */
  get openCount(): number {
    return this.open?.index.count ?? 0
  }

  /** Copies one record into the open pack. The caller waits for `ready` at least once every few megabytes. */
  append(record: { kind: ObjectKind; codec: Codec; raw: number; id: Uint8Array; payload: Uint8Array }): void {
    const pack = (this.open ??= this.startPack())
    writeRecordHeader(pack.header, 0, record)
    pack.index.add(record.id, kindCodes[record.kind], record.codec, pack.length, record.payload.length, record.raw)
    pack.write(pack.header)
    pack.write(record.payload)
    this.appended(pack)
  }

  /**
   * Room in the open pack for a record of `length` bytes, header and payload,
   * which the caller fills as they come and then commits. It holds until
   * anything else is asked of the writer; what is not committed was never there.
   */
  reserve(length: number): Buffer {
    this.open ??= this.startPack()
    return this.open.reserve(length)
  }

  /** Appends the record that was filled into the last room, as it stands. The caller answers for it, and waits as after `append`. */
  commit(header: RecordHeader): void {
    const pack = this.open!
    pack.index.add(header.id, kindCodes[header.kind], header.codec, pack.length, header.stored, header.raw)
    pack.commit(recordHeaderBytes + header.stored)
    this.appended(pack)
  }

  /** Where the store lags behind, a promise to wait for; rejects where a write failed. */
  ready(): Promise<void> | undefined {
    if (this.failure) return Promise.reject(this.failure.error)
    if (!this.isLagging && this.finishing.size <= packsFinishingMax) return undefined
    return this.wait()
  }

  /** Closes the open pack; resolves when every pack and index is durable. */
  async finish(): Promise<void> {
    if (this.open && this.open.index.count > 0) this.closePack()
    this.open = undefined
    while (this.finishing.size > 0) await Promise.race(this.finishing)
    if (this.failure) throw this.failure.error
  }

  /** Gives up the open pack: nothing of it stays. Packs that were closed before are finished. The writer is not used after that. */
  async abandon(): Promise<void> {
    this.failure ??= { error: new Error('the writing was given up') }
    this.open?.pieces.fail(this.failure.error)
    await this.open?.stored.catch(() => undefined)
    this.open = undefined
    while (this.finishing.size > 0) await Promise.race(this.finishing)
  }

  /** Whether pieces wait that the store knows of. */
  private get isLagging(): boolean {
    return this.open !== undefined && this.open.isBegun && this.open.pieces.waiting >= this.piecesWaitingMax
  }

  private appended(pack: OpenPack): void {
    pack.feed(this.eagerBytes)
    // The store hears of a pack once there is a piece of it, so that a few objects that are never finished cost nothing.
    if (!pack.isBegun && pack.pieces.waiting > 0) this.begin(pack)
    if (pack.length >= packBytesTarget || pack.index.count >= this.recordsMax) this.closePack()
  }

  private async wait(): Promise<void> {
    while (!this.failure && this.finishing.size > packsFinishingMax) await Promise.race(this.finishing)
    while (!this.failure && this.isLagging) await this.open!.pieces.taken()
    if (this.failure) throw this.failure.error
  }

  private startPack(): OpenPack {
    const pack = new OpenPack(this.nextName(), this.pool)
    pack.write(encodePackHeader())
    return pack
  }

  /** Hands the pack to the store, which takes its pieces from now on. Where the store is done before the pack is, nobody may wait for it any longer. */
  private begin(pack: OpenPack): void {
    pack.isBegun = true
    pack.stored = this.store.put(packKey(pack.name), pack.pieces, { if: 'absent' }).then((isStored) => {
      if (!isStored) throw new Error(`pack name '${pack.name}' was used before`)
    })
    pack.stored.catch((error: unknown) => {
      this.failure ??= { error }
      pack.pieces.abandon()
    })
  }

  private closePack(): void {
    const pack = this.open!
    this.open = undefined
    pack.end()
    if (!pack.isBegun) this.begin(pack)
    const done = this.publish(pack)
      .catch((error: unknown) => void (this.failure ??= { error }))
      .finally(() => this.finishing.delete(done))
    this.finishing.add(done)
  }

  private async publish(pack: OpenPack): Promise<void> {
    await pack.stored
    await this.store.put(indexKey(pack.name), pack.index.encode(pack.length), { if: 'absent' })
    this.onFinished(pack.name)
  }
}

/** The pack that is being filled: its bytes on their way to the store, and the rows of its index. */
class OpenPack {
  readonly name: string
  readonly index = new PackIndexBuilder()
  readonly pieces: PieceQueue
  readonly header = Buffer.allocUnsafe(recordHeaderBytes)
  length = 0
  isBegun = false
  stored: Promise<void> = Promise.resolve()
  private piece: Buffer
  private filled = 0

  constructor(name: string, pool: Buffer[]) {
    this.name = name
    this.pieces = new PieceQueue(pool)
    this.piece = this.pieces.blank()
  }

  write(bytes: Uint8Array): void {
    let from = 0
    while (from < bytes.length) {
      const part = Math.min(bytes.length - from, this.piece.length - this.filled)
      this.piece.set(part === bytes.length ? bytes : bytes.subarray(from, from + part), this.filled)
      this.filled += part
      from += part
      if (this.filled === this.piece.length) this.pushPiece()
    }
    this.length += bytes.length
  }

  /** Room for so many bytes in one run. */
  reserve(length: number): Buffer {
    if (this.piece.length - this.filled < length) this.pushPiece(length > pieceBytes ? Buffer.allocUnsafeSlow(length) : undefined)
    return this.piece.subarray(this.filled, this.filled + length)
  }

  /** Takes so many bytes of what was reserved. */
  commit(length: number): void {
    this.filled += length
    this.length += length
    if (this.filled === this.piece.length) this.pushPiece()
  }

  /** Hands over what there is, where that is so much and the store waits for more. */
  feed(bytes: number): void {
    if (this.filled >= bytes && !this.pieces.isBusy) this.pushPiece()
  }

  end(): void {
    if (this.filled > 0) this.pieces.push(this.piece.subarray(0, this.filled))
    this.pieces.end()
  }

  private pushPiece(next = this.pieces.blank()): void {
    if (this.filled > 0) this.pieces.push(this.piece.subarray(0, this.filled))
    this.piece = next
    this.filled = 0
  }
}

/** Full pieces on their way to the store. A piece goes back to the pool when the store asks for the next. */
class PieceQueue implements AsyncIterable<Uint8Array> {
  private readonly queue: Buffer[] = []
  private readonly pool: Buffer[]
  private isTaken = false
  private ended = false
  private abandoned = false
  private failure: { error: unknown } | undefined
  private wakeReader: (() => void) | undefined
  private wakeWriter: (() => void) | undefined

  constructor(pool: Buffer[]) {
    this.pool = pool
  }

  /** Whether the store is at work on a piece, or has one to go on with. */
  get isBusy(): boolean {
    return this.queue.length > 0 || this.isTaken
  }

  get waiting(): number {
    return this.abandoned ? 0 : this.queue.length
  }

  blank(): Buffer {
    return this.pool.pop() ?? Buffer.allocUnsafeSlow(pieceBytes)
  }

  push(piece: Buffer): void {
    if (!this.abandoned) this.queue.push(piece)
    this.wakeReader?.()
  }

  end(): void {
    this.ended = true
    this.wakeReader?.()
  }

  /** The store gave up: nothing waits any longer. */
  abandon(): void {
    this.abandoned = true
    this.queue.length = 0
    this.wakeWriter?.()
  }

  /** The writer gives up: the store gets an error instead of the rest. */
  fail(error: unknown): void {
    this.failure = { error }
    this.wakeReader?.()
  }

  taken(): Promise<void> {
    return new Promise((resolve) => {
      this.wakeWriter = resolve
      if (this.abandoned) resolve()
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.failure) throw this.failure.error
      const piece = this.queue.shift()
      if (piece) {
        this.wakeWriter?.()
        this.isTaken = true
        yield piece
        this.isTaken = false
        if (piece.buffer.byteLength === pieceBytes) this.pool.push(Buffer.from(piece.buffer))
      } else if (this.ended) return
      else await new Promise<void>((resolve) => (this.wakeReader = resolve))
    }
  }
}

