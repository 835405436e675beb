import { serveStream } from './serve-stream.ts'
import { connectionFailed, connectionLost, streamBufferBytesMax, type ByteStream, type Connection, type Peer, type StreamHandler } from './transport.ts'

/**
 * What is used of the W3C WebTransport interface
 * (https://www.w3.org/TR/webtransport/), so that any implementation can stand
 * behind it: a browser's, a library's, at the client or at the server.
 */
export interface WebTransportSession {
  /** Settles when the session is established. */
  readonly ready: Promise<unknown>
  /** Settles when it is over. */
  readonly closed: Promise<unknown>
  readonly incomingBidirectionalStreams: ReadableStream<WebTransportPair>
  readonly datagrams?: { readonly writable: WritableStream<Uint8Array> }
  createBidirectionalStream(): Promise<WebTransportPair>
  close(info?: { closeCode?: number; reason?: string }): void
}

/** One bidirectional stream of a session. */
export interface WebTransportPair {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** Written at once: implementations copy what they take, so this bounds the copy. */
const writeBytesMax = 256 * 1024

/** How often a client says something where nobody else does: QUIC closes what is silent, often after 30 seconds. */
const keepAliveMs = 10_000

/**
 * A connection over an established or establishing session; each stream is a
 * bidirectional stream of it. The end of a direction is the FIN of QUIC,
 * giving up is RESET_STREAM and STOP_SENDING. `subject` names the other side
 * for people. Throws `connection-failed` where the session is not established.
 */
export async function connectWebTransport(session: WebTransportSession, subject: string): Promise<Connection> {
  // Both settle, also where the session fails, and nobody else looks at them.
  session.closed.catch(() => {})
  await session.ready.catch((cause: unknown) => {
    throw connectionFailed(subject, textOf(cause), { cause })
  })
  const streams = watchStreams(session, subject)
  const stopPinging = keepAlive(session)
  let isClosed = false
  return {
    transport: 'webtransport',
    openStream: async () => {
      if (isClosed) throw connectionLost(subject, 'it was closed')
      const pair = await session.createBidirectionalStream().catch((cause: unknown) => {
        throw connectionLost(subject, textOf(cause), cause)
      })
      return streams.add(pair)
    },
    close: async () => {
      isClosed = true
      stopPinging()
      streams.failAll('it was closed')
      closeSession(session)
    },
  }
}

/**
 * Sends a datagram of one byte from time to time, which means nothing and is
 * not looked at: that it has to be acknowledged keeps the session open, and
 * shows where nobody is there any longer. Answers how to stop.
 */
function keepAlive({ datagrams, closed }: WebTransportSession): () => void {
  if (!datagrams) return () => {}
  const writer = datagrams.writable.getWriter()
  writer.closed.catch(() => {})
  const timer = setInterval(() => void writer.write(new Uint8Array(1)).catch(() => {}), keepAliveMs)
  timer.unref()
  const stop = () => clearInterval(timer)
  closed.then(stop, stop)
  return stop
}

export interface ServeSessionOptions {
  handler: StreamHandler
  peer: Peer
  /** Streams at once; more wait until one is over. */
  streamsMax: number
}

/**
 * Serves every stream that the other side of a session opens. Resolves when
 * the session is over, however it ended, and all handlers have settled.
 */
export async function serveWebTransportSession(session: WebTransportSession, { handler, peer, streamsMax }: ServeSessionOptions): Promise<void> {
  const streams = watchStreams(session, peer.address)
  const running = new Set<Promise<void>>()
  const incoming = session.incomingBidirectionalStreams.getReader()
  for (;;) {
    if (running.size >= streamsMax) await Promise.race(running)
    const next = await incoming.read().catch(() => undefined)
    if (!next || next.done) break
    const serving = serveStream(streams.add(next.value), peer, handler)
    running.add(serving)
    void serving.then(() => running.delete(serving))
  }
  streams.failAll('the session is over')
  await Promise.all(running)
}

interface WatchedStreams {
  add(pair: WebTransportPair): ByteStream
  failAll(why: string): void
}

/** Fails all open streams where the session ends under them: not every implementation does so itself. */
function watchStreams(session: WebTransportSession, subject: string): WatchedStreams {
  const open = new Set<WebTransportStream>()
  const failAll = (why: string) => {
    for (const stream of open) stream.fail(connectionLost(subject, why))
  }
  const onClosed = (reason: unknown) => failAll(reason instanceof Error ? textOf(reason) : 'the session was closed')
  session.closed.then(onClosed, onClosed)
  const add = (pair: WebTransportPair) => {
    const stream = new WebTransportStream(pair, subject, () => open.delete(stream))
    open.add(stream)
    return stream
  }
  return { add, failAll }
}

class WebTransportStream implements ByteStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #subject: string
  readonly #onOver: () => void
  /** What one read of the implementation gave beyond the bound of ours. */
  #rest: Uint8Array | undefined
  #failure: Error | undefined
  #ended: Promise<void> | undefined
  #hasOtherEnded = false
  #isReading = false
  /** Rejects the write that waits, whether or not the implementation does. */
  #wakeWriter: ((failure: Error) => void) | undefined

  constructor({ readable, writable }: WebTransportPair, subject: string, onOver: () => void) {
    this.#reader = readable.getReader()
    this.#writer = writable.getWriter()
    this.#subject = subject
    this.#onOver = onOver
    // What they tell is told by the calls that wait.
    this.#reader.closed.catch(() => {})
    this.#writer.closed.catch(() => {})
    this.#writer.ready.catch(() => {})
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#isReading) throw new Error('a stream was read twice at once')
    this.#isReading = true
    try {
      return this.#split(this.#rest ?? (await this.#receive()))
    } finally {
      this.#isReading = false
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertWritable()
    for (let from = 0; from < bytes.length; from += writeBytesMax) {
      await this.#waitFor(this.#writer.write(bytes.subarray(from, from + writeBytesMax)))
      this.#assertWritable()
    }
  }

  end(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    this.#ended ??= this.#waitFor(this.#writer.close()).then(() => this.#noticeOver())
    return this.#ended
  }

  abort(reason: Error): void {
    this.fail(connectionLost(this.#subject, `it was given up: ${reason.message}`, reason))
  }

  /** Gives up both directions, with this error for whoever waits here. */
  fail(failure: Error): void {
    if (this.#failure || (this.#ended && this.#hasOtherEnded)) return
    this.#failure = failure
    this.#rest = undefined
    this.#wakeWriter?.(failure)
    // Cancelling ends a read that waits, which then finds the failure.
    this.#reader.cancel(failure).catch(() => {})
    this.#writer.abort(failure).catch(() => {})
    this.#onOver()
  }

  async #receive(): Promise<Uint8Array | undefined> {
    while (!this.#hasOtherEnded) {
      if (this.#failure) throw this.#failure
      const result = await this.#reader.read().catch((cause: unknown) => {
        this.fail(connectionLost(this.#subject, textOf(cause), cause))
      })
      if (this.#failure || !result) throw this.#failure
      if (result.done) this.#hasOtherEnded = true
      else if (result.value.length > 0) return result.value
    }
    this.#noticeOver()
    return undefined
  }

  #split(bytes: Uint8Array | undefined): Uint8Array | undefined {
    const isLong = bytes !== undefined && bytes.length > streamBufferBytesMax
    this.#rest = isLong ? bytes.subarray(streamBufferBytesMax) : undefined
    return isLong ? bytes.subarray(0, streamBufferBytesMax) : bytes
  }

  async #waitFor(done: Promise<void>): Promise<void> {
    const woken = new Promise<never>((_resolve, reject) => (this.#wakeWriter = reject))
    try {
      await Promise.race([done, woken])
    } catch (cause) {
      this.fail(connectionLost(this.#subject, textOf(cause), cause))
      throw this.#failure ?? cause
    } finally {
      this.#wakeWriter = undefined
    }
  }

  #noticeOver(): void {
    if (this.#ended && this.#hasOtherEnded) this.#onOver()
  }

  #assertWritable(): void {
    if (this.#failure) throw this.#failure
    if (this.#ended) throw new Error('a stream was written to after its end')
  }
}

/** Some implementations throw where the session is over already. */
function closeSession(session: WebTransportSession): void {
  try {
    session.close()
  } catch {
    // It is over, which is all that was wanted.
  }
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).toLowerCase() || 'it ended without a word'
}
