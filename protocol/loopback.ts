import { Inbox } from './inbox.ts'
import { serveStream } from './serve-stream.ts'
import { connectionLost, streamBufferBytesMax, type ByteStream, type Connection, type StreamHandler } from './transport.ts'

/** A connection to a handler in the same process, for tests and for a repository on the same disk. */
export function connectLoopback(handler: StreamHandler): Connection {
  const open = new Set<LoopbackStream>()
  let isClosed = false
  return {
    transport: 'loopback',
    openStream: async () => {
      if (isClosed) throw connectionLost('loopback', 'it was closed')
      const [near, far] = createPair((stream) => open.delete(stream))
      open.add(near)
      void serveStream(far, { address: 'loopback', transport: 'loopback' }, handler)
      return near
    },
    close: async () => {
      isClosed = true
      for (const stream of open) stream.abort(new Error('the connection was closed'))
    },
  }
}

/** The two ends of one stream; `onOver` is told the first of them when both directions have ended or failed. */
function createPair(onOver: (near: LoopbackStream) => void): [LoopbackStream, LoopbackStream] {
  const near = new LoopbackStream(() => onOver(near))
  const far = new LoopbackStream(() => onOver(near))
  near.other = far
  far.other = near
  return [near, far]
}

class LoopbackStream implements ByteStream {
  other!: LoopbackStream
  readonly #inbox = new Inbox(() => this.other.#room?.resolve())
  readonly #onOver: () => void
  #room: PromiseWithResolvers<void> | undefined
  #hasEnded = false
  #failure: Error | undefined

  constructor(onOver: () => void) {
    this.#onOver = onOver
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#inbox.read()
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; from += streamBufferBytesMax) {
      await this.#waitForRoom()
      // A copy, because the caller may use the bytes again once this resolves, and the reader may change what it got.
      this.other.#inbox.push(new Uint8Array(bytes.subarray(from, from + streamBufferBytesMax)))
    }
    this.#assertWritable()
  }

  async end(): Promise<void> {
    if (this.#hasEnded) return
    this.#assertWritable()
    this.#hasEnded = true
    this.other.#inbox.end()
    if (this.#isOver) this.#onOver()
  }

  abort(reason: Error): void {
    if (this.#failure || this.#isOver) return
    this.#fail(connectionLost('loopback', `it was given up: ${reason.message}`, reason), 'at-once')
    this.other.#fail(connectionLost('loopback', 'the other side gave up'), 'after')
    this.#onOver()
  }

  get #isOver(): boolean {
    return this.#hasEnded && this.other.#hasEnded
  }

  #fail(error: Error, when: 'at-once' | 'after'): void {
    this.#failure = error
    this.#inbox.fail(error, when)
    this.#room?.resolve()
  }

  async #waitForRoom(): Promise<void> {
    this.#assertWritable()
    while (this.other.#inbox.isFull) {
      this.#room = Promise.withResolvers()
      await this.#room.promise
      this.#assertWritable()
    }
  }

  #assertWritable(): void {
    if (this.#failure) throw this.#failure
    if (this.#hasEnded) throw new Error('a stream was written to after its end')
  }
}
