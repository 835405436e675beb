import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { RawData, WebSocket } from 'ws'
import { Inbox } from './inbox.ts'
import { connectionLost, streamBufferBytesMax, type ByteStream } from './transport.ts'
import { MessageEncoder } from './websocket-messages.ts'

/** The largest message that this side sends, and by default accepts. */
export const messageBytesMax = streamBufferBytesMax
/** Close codes of the protocol, from the range that is free for applications. */
export const closeCodes = { done: 1000, stopping: 1001, broken: 1002, badMessage: 1003, silent: 4000, abandoned: 4001 } as const

const whyClosed: Readonly<Record<number, string>> = {
  [closeCodes.done]: 'it was closed before its end',
  [closeCodes.stopping]: 'the other side is stopping',
  [closeCodes.broken]: 'the other side got what breaks the rules',
  [closeCodes.badMessage]: 'the other side got a text message',
  1005: 'it was closed before its end',
  1006: 'it ended without a word',
  1008: 'the other side refused a message in too many pieces',
  1009: 'the other side refused a message as too long',
  [closeCodes.silent]: 'the other side heard nothing for too long',
  [closeCodes.abandoned]: 'the other side gave up',
}

/** How long a peer may take to answer a close that gives up, before its socket is destroyed. */
const abandonMs = 2000
/** A peer that is alive but takes nothing of what is written for so many times the idle time is dropped. */
const stalledChecksMax = 10

export interface WebSocketStreamOptions {
  /** Names the other side for people: an address or a URL without secrets. */
  subject: string
  /** A stream fails that heard nothing, not even the pings of the other side, for this long. */
  idleMs: number
  /** Bytes that came over the network so far, by which even half a message is a sign of life. */
  bytesRead: () => number
  /** Which side this is. */
  side: 'client' | 'server'
  /** What the WebSocket runs over. */
  socket: Duplex
}

/**
 * One WebSocket as one stream of bytes. Binary messages carry its bytes, cut
 * anywhere; an empty binary message ends a direction; once both sides have
 * sent and got it, either may close. All else that closes the socket is a
 * failure, whatever its close code. TCP gives the back pressure: where the
 * inbox is full the socket is not read, and a write waits until the socket
 * took its bytes.
 */
export class WebSocketStream implements ByteStream {
  /** Settles, without a failure, when the socket is gone. */
  readonly closed: Promise<void>
  readonly #socket: WebSocket
  readonly #subject: string
  readonly #bytesRead: () => number
  readonly #under: Duplex
  readonly #messages: MessageEncoder
  readonly #inbox: Inbox
  /** What to tell the sends that the socket has not taken yet. */
  readonly #sending = new Set<(failure: Error) => void>()
  #failure: Error | undefined
  #ended: Promise<void> | undefined
  #life = { bytesRead: 0, sends: 0, silentChecks: 0, stalledChecks: 0 }
  #sends = 0

  constructor(socket: WebSocket, { subject, idleMs, bytesRead, side, socket: under }: WebSocketStreamOptions) {
    this.#socket = socket
    this.#under = under
    this.#messages = new MessageEncoder(side, under instanceof TLSSocket)
    this.#subject = subject
    this.#bytesRead = bytesRead
    this.#inbox = new Inbox(() => socket.resume())
    const watch = setInterval(() => this.#checkLife(), idleMs / 2)
    watch.unref()
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        clearInterval(watch)
        if (!this.#isOver) this.#fail(connectionLost(subject, whyClosed[code] ?? `it was closed with code ${code}`), 'after')
        resolve()
      })
    })
    socket.on('error', (error) => this.#fail(connectionLost(subject, error.message, error), 'after'))
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#inbox.read()
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; from += this.#messages.bytesTogether) {
      this.#assertWritable()
      const some = bytes.subarray(from, from + this.#messages.bytesTogether)
      if (some.length < this.#messages.payloadBytes) await this.#handOver((onTaken) => this.#socket.send(some, onTaken))
      else await this.#handOver((onTaken) => this.#sendMessages(some, onTaken))
    }
  }

  end(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    this.#ended ??= this.#handOver((onTaken) => this.#socket.send(new Uint8Array(0), onTaken)).then(() => this.#closeWhenOver())
    return this.#ended
  }

  abort(reason: Error): void {
    this.close(closeCodes.abandoned, connectionLost(this.#subject, `it was given up: ${reason.message}`, reason))
  }

  /** As `abort`, with the close code that tells the other side why. */
  close(code: number, failure: Error): void {
    if (this.#failure || this.#isOver) return
    this.#fail(failure, 'at-once')
    // Only what is read can bring the answer to the close.
    this.#socket.resume()
    this.#socket.close(code)
    const timer = setTimeout(() => this.#socket.terminate(), abandonMs)
    void this.closed.then(() => clearTimeout(timer))
  }

  /** Ends the socket of a stream that is over, whose last words the system delivers, or of one that was given up. */
  terminate(): void {
    this.abort(new Error('it was closed'))
    this.#socket.terminate()
  }

  get #isOver(): boolean {
    return this.#ended !== undefined && this.#inbox.isEnded
  }

  /** Resolves when the socket has taken what `send` gives it, which is when the bytes are free again. */
  #handOver(send: (onTaken: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sending.add(reject)
      send((error) => {
        this.#sending.delete(reject)
        this.#sends++
        if (error) reject(this.#failure ?? connectionLost(this.#subject, error.message, error))
        else resolve()
      })
    })
  }

  /**
   * Sends much as messages that each fill a TLS record, made here: from the
   * library each would go through the socket as two pieces of its own, which
   * costs a sender a quarter of all that it does. Whole messages may come
   * between what the library sends, as it sends each at once.
   */
  #sendMessages(bytes: Uint8Array, onTaken: (error?: Error | null) => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) onTaken(new Error('it is closing'))
    else this.#under.write(this.#messages.encode(bytes), onTaken)
  }

  #receive(data: RawData, isBinary: boolean): void {
    const bytes = data as Buffer
    if (!isBinary) this.close(closeCodes.badMessage, connectionLost(this.#subject, 'it sent a text message'))
    else if (this.#inbox.isEnded) this.close(closeCodes.broken, connectionLost(this.#subject, 'it sent something after its end'))
    else if (bytes.length === 0) this.#receiveEnd()
    else this.#inbox.push(bytes)
    if (this.#inbox.isFull) this.#socket.pause()
  }

  #receiveEnd(): void {
    this.#inbox.end()
    this.#ended?.then(() => this.#closeWhenOver(), () => {})
  }

  #closeWhenOver(): void {
    if (!this.#isOver || this.#failure) return
    this.#socket.resume()
    this.#socket.close(closeCodes.done)
  }

  /**
   * Both sides ping all the time, because the answer to a ping may wait behind
   * megabytes on a slow line. A side that does not read because its own reader
   * is slow cannot tell a silent peer from a busy one, and waits.
   */
  #checkLife(): void {
    const life = { bytesRead: this.#bytesRead(), sends: this.#sends, silentChecks: 0, stalledChecks: 0 }
    const isSilent = life.bytesRead === this.#life.bytesRead && !this.#socket.isPaused
    const isStalled = life.sends === this.#life.sends && this.#sending.size > 0
    if (isSilent) life.silentChecks = this.#life.silentChecks + 1
    if (isStalled) life.stalledChecks = this.#life.stalledChecks + 1
    this.#life = life
    if (life.silentChecks >= 2) this.close(closeCodes.silent, connectionLost(this.#subject, 'nothing was heard from it for too long'))
    else if (life.stalledChecks >= stalledChecksMax) this.close(closeCodes.silent, connectionLost(this.#subject, 'it took nothing for too long'))
    else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
  }

  #fail(error: Error, when: 'at-once' | 'after'): void {
    if (this.#failure) return
    this.#failure = error
    this.#inbox.fail(error, when)
    // A socket that is destroyed with bytes in it does not always call back.
    for (const reject of this.#sending) reject(error)
    this.#sending.clear()
  }

  #assertWritable(): void {
    if (this.#failure) throw this.#failure
    if (this.#ended) throw new Error('a stream was written to after its end')
  }
}
