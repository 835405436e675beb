import { streamBufferBytesMax } from './transport.ts'

/**
 * What has arrived of one direction of a stream and waits for its reader.
 * Whoever fills it looks at `isFull` and stops its source there; `onRoom` is
 * called when the reader has made room again.
 */
export class Inbox {
  readonly #onRoom: () => void
  readonly #waiting: Uint8Array[] = []
  #bytes = 0
  #isEnded = false
  #failure: Error | undefined
  #reader: PromiseWithResolvers<Uint8Array | undefined> | undefined

  constructor(onRoom: () => void = () => {}) {
    this.#onRoom = onRoom
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= streamBufferBytesMax
  }

  /** True where nothing more will arrive, because the other side ended or failed. */
  get isClosed(): boolean {
    return this.#isEnded || this.#failure !== undefined
  }

  /** True where the other side ended as it should. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Bytes that arrived, which now belong to the reader. Nothing happens once the direction is closed. */
  push(bytes: Uint8Array): void {
    if (this.isClosed || bytes.length === 0) return
    if (this.#reader) return this.#answer(bytes)
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
  }

  /** The other side ended: reads answer `undefined` once they have had everything. */
  end(): void {
    if (this.isClosed) return
    this.#isEnded = true
    this.#answer(undefined)
  }

  /** Reads throw `error`; `at-once` forgets what waits, `after` hands it out first. An end that has arrived stays one. */
  fail(error: Error, when: 'at-once' | 'after'): void {
    if (when === 'at-once') this.#forget()
    else if (this.isClosed) return
    this.#isEnded = false
    this.#failure ??= error
    const reader = this.#reader
    this.#reader = undefined
    reader?.reject(error)
  }

  /** As `ByteStream.read`. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#reader) throw new Error('a stream was read twice at once')
    const next = this.#take()
    if (next) return next
    if (this.#failure) throw this.#failure
    if (this.#isEnded) return undefined
    this.#reader = Promise.withResolvers()
    return this.#reader.promise
  }

  #take(): Uint8Array | undefined {
    const wasFull = this.isFull
    const next = this.#waiting.shift()
    this.#bytes -= next?.length ?? 0
    if (wasFull && !this.isFull) this.#onRoom()
    return next
  }

  #forget(): void {
    this.#waiting.length = 0
    this.#bytes = 0
  }

  #answer(bytes: Uint8Array | undefined): void {
    const reader = this.#reader
    this.#reader = undefined
    reader?.resolve(bytes)
  }
}
