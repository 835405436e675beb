import { decodeRecord, DitsError, encodeRecord, hasCode, type RecordValue } from '#core'
import { ByteQueue } from './byte-queue.ts'
import { silent, WaitTimer } from './in-time.ts'
import { aliveMs, dataFrameBytesMax, messageBytesMax, messagesBurstMax, messagesPerSecondMax, slowBytesPerSecond } from './limits.ts'
import type { ByteStream } from './transport.ts'

/**
 * Frames over a stream (PROTOCOL.md, "Frames"): four bytes of length, one of
 * type, and what the type says: a message, which is one MessagePack record, a
 * piece of data, which is a piece of pack records, or nothing, which says that
 * the server is at work.
 */

const headBytes = 5
const types = { message: 1, data: 2, alive: 3 } as const

/** A message: its name and what it says. */
export type Message = readonly [name: string, ...fields: RecordValue[]]

/** What a stream carried, as frames and as bytes with their framing. */
export interface FrameCounts {
  bytesIn: number
  bytesOut: number
  /** Times that this side sent something, other than `ahead`, and then waited for the other. */
  rounds: number
}

export interface FrameOptions {
  now: () => number
  /** How long the other side may send nothing, and take nothing, when it is due to. */
  silenceMs: number
  /** A client waits as long as its server says that it is at work; nobody waits so for a client. */
  isServer?: boolean
}

/**
 * One side of a stream, as frames. Reading and writing may go on at the same
 * time; each is done by one caller. A peer that sends nothing, or next to
 * nothing, where it is due to is given up.
 */
export class FrameStream {
  readonly counts: FrameCounts = { bytesIn: 0, bytesOut: 0, rounds: 0 }
  readonly #stream: ByteStream
  readonly #arrived = new ByteQueue()
  readonly #now: () => number
  readonly #silenceMs: number
  readonly #isServer: boolean
  /** How long the other side may still be waited for, from a question on: what it sends adds to it. */
  #patienceMs: number
  readonly #readTimer = new WaitTimer()
  readonly #writeTimer = new WaitTimer()
  #isWriting = false
  #alive: Promise<void> | undefined
  /** Bytes of the data frame at hand that were not read yet. */
  #dataLeft = 0
  #sentSinceRead = false
  #allowance = messagesBurstMax
  #allowanceAt: number

  constructor(stream: ByteStream, options: FrameOptions) {
    this.#stream = stream
    this.#now = options.now
    this.#silenceMs = options.silenceMs
    this.#isServer = options.isServer ?? false
    this.#patienceMs = options.silenceMs
    this.#allowanceAt = options.now()
  }

  /** Sends a message; `ahead` while answers to earlier ones are on their way, which costs no wait of its own. */
  async send(message: Message, when: 'now' | 'ahead' = 'now'): Promise<void> {
    const body = encodeRecord([...message])
    if (body.length > messageBytesMax) throw new Error(`message '${message[0]}' has ${body.length} bytes`)
    const frame = Buffer.allocUnsafe(headBytes + body.length)
    writeHead(frame, types.message, body.length)
    frame.set(body, headBytes)
    this.#sentSinceRead ||= when === 'now'
    await this.#write(frame)
  }

  /** Sends bytes as data; they are not copied, so they are the stream's until this resolves. */
  async sendData(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += dataFrameBytesMax) {
      const piece = bytes.subarray(at, at + dataFrameBytesMax)
      const head = Buffer.allocUnsafe(headBytes)
      writeHead(head, types.data, piece.length)
      this.#sentSinceRead = true
      await this.#write(head, piece)
    }
  }

  /** Does some work, and lets the other side know from time to time that it goes on. */
  async whileWorking<T>(work: () => Promise<T>): Promise<T> {
    const timer = setInterval(() => this.#sayAlive(), Math.min(aliveMs, this.#silenceMs / 4))
    try {
      return await work()
    } finally {
      clearInterval(timer)
      await this.#alive
    }
  }

  /**
   * The next message; `undefined` where the other side ended. With `idleMs` it
   * may be so long before it begins. Throws `protocol-violation`,
   * `peer-silent`, `connection-lost`.
   */
  async nextMessage(idleMs?: number): Promise<Message | undefined> {
    const frame = await this.next(idleMs)
    if (frame && 'data' in frame) throw violation('data where a message is due')
    return frame?.message
  }

  /** The next message, or a piece of data; as `nextMessage`. */
  async next(idleMs?: number): Promise<{ message: Message } | { data: Uint8Array } | undefined> {
    while (this.#dataLeft === 0) {
      if (this.#arrived.length === 0 && !(await this.#fill(1, idleMs))) return undefined
      if (this.#arrived.length < headBytes) await this.#need(headBytes)
      const head = this.#arrived.take(headBytes)
      const length = Buffer.from(head.buffer, head.byteOffset, headBytes).readUInt32LE(0)
      if (head[4] === types.message) return { message: await this.#readMessage(length) }
      if (head[4] === types.alive && length === 0 && !this.#isServer) this.#hearAlive()
      else if (head[4] === types.data && length > 0 && length <= dataFrameBytesMax) this.#dataLeft = length
      else throw violation(`a frame of type ${head[4]} and ${length} bytes`)
    }
    if (this.#arrived.length === 0) await this.#need(1)
    const data = this.#arrived.takeSome(this.#dataLeft)
    this.#dataLeft -= data.length
    return { data }
  }

  async end(): Promise<void> {
    await this.#stream.end()
  }

  abort(reason: Error): void {
    this.#stream.abort(reason)
  }

  async #readMessage(length: number): Promise<Message> {
    if (length === 0 || length > messageBytesMax) throw violation(`a message of ${length} bytes`)
    this.#spendAllowance()
    await this.#need(length)
    return parseMessage(this.#arrived.take(length))
  }

  /** A bucket that fills with the time: what floods a side with messages is cut off. */
  #spendAllowance(): void {
    const now = this.#now()
    this.#allowance = Math.min(messagesBurstMax, this.#allowance + ((now - this.#allowanceAt) / 1000) * messagesPerSecondMax)
    this.#allowanceAt = now
    if (--this.#allowance < 0) throw violation('too many messages')
  }

  /** The other side does not read while something is being written to it, and needs no sign then. */
  #sayAlive(): void {
    if (this.#isWriting || this.#alive) return
    const frame = Buffer.alloc(headBytes)
    writeHead(frame, types.alive, 0)
    this.counts.bytesOut += frame.length
    // Where the stream is broken, whoever uses it next meets that.
    this.#alive = this.#stream.write(frame).then(
      () => void (this.#alive = undefined),
      () => void (this.#alive = undefined),
    )
  }

  #hearAlive(): void {
    this.#spendAllowance()
    this.#patienceMs = this.#silenceMs
  }

  /** Writes the parts of one frame. */
  async #write(...parts: Uint8Array[]): Promise<void> {
    this.#isWriting = true
    try {
      if (this.#alive) await this.#writeTimer.wait(this.#alive, this.#silenceMs)
      for (const bytes of parts) {
        this.counts.bytesOut += bytes.length
        await this.#writeTimer.wait(this.#stream.write(bytes), this.#silenceMs)
      }
    } finally {
      this.#isWriting = false
    }
  }

  /**
   * Who asks anew, or is asked anew, is patient anew: what earlier answers took
   * says nothing of this one, and many short ones would never make up for it.
   */
  #beginWait(isIdle: boolean): void {
    if (isIdle || (this.#sentSinceRead && !this.#isServer)) this.#patienceMs = this.#silenceMs
    if (this.#sentSinceRead) this.counts.rounds++
    this.#sentSinceRead = false
  }

  async #need(length: number): Promise<void> {
    if (!(await this.#fill(length))) throw cutShort()
  }

  /** Reads until so many bytes are there; false where the stream ended before the first. With `idleMs` the other side is not due to send. */
  async #fill(length: number, idleMs?: number): Promise<boolean> {
    while (this.#arrived.length < length) {
      this.#beginWait(idleMs !== undefined)
      if (idleMs === undefined && this.#patienceMs <= 0) throw silent()
      const since = this.#now()
      const bytes = await this.#readTimer.wait(this.#stream.read(), idleMs ?? this.#patienceMs)
      if (!bytes) {
        if (this.#arrived.length === 0) return false
        throw cutShort()
      }
      const waitedMs = idleMs === undefined ? this.#now() - since : 0
      this.#patienceMs = Math.min(this.#silenceMs, this.#patienceMs - waitedMs + (bytes.length * 1000) / slowBytesPerSecond)
      this.counts.bytesIn += bytes.length
      this.#arrived.push(bytes)
    }
    return true
  }
}

function cutShort(): DitsError {
  return new DitsError('connection-lost', 'the other side ended in the middle of a frame', { hint: 'run the command again; what had arrived is kept' })
}

/** A peer did what the protocol does not allow: the stream is over. */
export function violation(what: string): DitsError {
  return new DitsError('protocol-violation', `the other side does not speak the protocol: ${what}`, {
    hint: 'make sure that both sides run a current dits',
  })
}

/** Decodes a message. Throws `protocol-violation`. */
export function parseMessage(bytes: Uint8Array): Message {
  let value: RecordValue
  try {
    value = decodeRecord('message', bytes)
  } catch (error) {
    if (hasCode(error, 'object-damaged')) throw violation(error.message)
    throw error
  }
  if (!Array.isArray(value) || typeof value[0] !== 'string') throw violation('a message has no name')
  return value as unknown as Message
}

function writeHead(frame: Buffer, type: number, length: number): void {
  frame.writeUInt32LE(length, 0)
  frame[4] = type
}
