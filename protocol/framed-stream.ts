import type { Readable, Writable } from 'node:stream'
import { Inbox } from './inbox.ts'
import { connectionLost, streamBufferBytesMax, type ByteStream } from './transport.ts'

const headerBytes = 4
const frameBytesUsual = 256 * 1024

/**
 * One stream of bytes over a pair of pipes. A pipe's end does not tell whether
 * the writer had finished or was killed, so ends are said in so many words:
 * each direction is frames of a length (32 bits, big-endian, at most
 * `streamBufferBytesMax`) and so many bytes, and a length of zero is its end.
 */
export class FramedStream implements ByteStream {
  /** Settles when the stream is over or has failed; the pipes are then closed. */
  readonly over: Promise<void>
  readonly #source: Readable
  readonly #sink: Writable
  readonly #subject: string
  readonly #inbox: Inbox
  readonly #sending = new Set<(failure: Error) => void>()
  readonly #header = Buffer.alloc(headerBytes)
  readonly #finish: () => void
  #headerFilled = 0
  #frameLeft = 0
  #failure: Error | undefined
  #ended: Promise<void> | undefined

  /** `subject` names the other side for people. `explainLoss` adds what is known of why it went away, once that is known. */
  constructor(source: Readable, sink: Writable, subject: string, explainLoss: () => Promise<string> = async () => 'it ended without a word') {
    this.#source = source
    this.#sink = sink
    this.#subject = subject
    this.#inbox = new Inbox(() => source.resume())
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.#finish = resolve
    const onLoss = () => {
      if (!this.#inbox.isEnded) void explainLoss().then((why) => this.#fail(connectionLost(subject, why), 'after'))
    }
    source.on('data', (bytes: Buffer) => this.#receive(bytes))
    source.on('error', onLoss).on('close', onLoss).on('end', onLoss)
    sink.on('error', () => void explainLoss().then((why) => this.#fail(connectionLost(subject, why), 'after')))
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#inbox.read()
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertWritable()
    for (let from = 0; from < bytes.length; from += frameBytesUsual) {
      await this.#send(bytes.subarray(from, from + frameBytesUsual))
      this.#assertWritable()
    }
  }

  end(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    this.#ended ??= this.#send(new Uint8Array(0)).then(() => this.#closeWhenOver())
    return this.#ended
  }

  abort(reason: Error): void {
    if (this.#isOver) return
    this.#fail(connectionLost(this.#subject, `it was given up: ${reason.message}`, reason), 'at-once')
  }

  get #isOver(): boolean {
    return this.#ended !== undefined && this.#inbox.isEnded
  }

  #send(bytes: Uint8Array): Promise<void> {
    const header = Buffer.alloc(headerBytes)
    header.writeUInt32BE(bytes.length)
    return new Promise((resolve, reject) => {
      this.#sending.add(reject)
      const onTaken = (error: Error | null | undefined) => {
        // A sink that failed waits for `explainLoss`, which knows more.
        if (error) return
        this.#sending.delete(reject)
        resolve()
      }
      this.#sink.cork()
      this.#sink.write(header, bytes.length > 0 ? undefined : onTaken)
      if (bytes.length > 0) this.#sink.write(bytes, onTaken)
      this.#sink.uncork()
    })
  }

  #receive(bytes: Buffer): void {
    for (let rest = bytes; rest.length > 0 && !this.#inbox.isClosed; ) {
      rest = this.#frameLeft > 0 ? this.#receiveContent(rest) : this.#receiveHeader(rest)
    }
    if (this.#inbox.isFull) this.#source.pause()
  }

  #receiveContent(bytes: Buffer): Buffer {
    const count = Math.min(bytes.length, this.#frameLeft)
    this.#frameLeft -= count
    this.#inbox.push(bytes.subarray(0, count))
    return bytes.subarray(count)
  }

  #receiveHeader(bytes: Buffer): Buffer {
    const count = Math.min(bytes.length, headerBytes - this.#headerFilled)
    bytes.copy(this.#header, this.#headerFilled, 0, count)
    this.#headerFilled += count
    if (this.#headerFilled < headerBytes) return bytes.subarray(count)
    this.#headerFilled = 0
    this.#frameLeft = this.#header.readUInt32BE()
    if (this.#frameLeft > streamBufferBytesMax) this.#fail(connectionLost(this.#subject, this.#notOurs()), 'at-once')
    else if (this.#frameLeft === 0) this.#receiveEnd()
    return bytes.subarray(count)
  }

  /** What often stands there instead of a length is text that a login script printed. */
  #notOurs(): string {
    const start = this.#header.toString('latin1').replace(/[^ -~]/g, '?')
    return `it sent '${start}…' where the length of a frame belongs`
  }

  #receiveEnd(): void {
    this.#inbox.end()
    this.#ended?.then(() => this.#closeWhenOver(), () => {})
  }

  #closeWhenOver(): void {
    if (!this.#isOver || this.#failure) return
    this.#sink.end()
    this.#source.resume()
    this.#finish()
  }

  #fail(error: Error, when: 'at-once' | 'after'): void {
    if (this.#failure || this.#isOver) return
    this.#failure = error
    this.#inbox.fail(error, when)
    for (const reject of this.#sending) reject(error)
    this.#sending.clear()
    this.#source.destroy()
    this.#sink.destroy()
    this.#finish()
  }

  #assertWritable(): void {
    if (this.#failure) throw this.#failure
    if (this.#ended) throw new Error('a stream was written to after its end')
  }
}
