import { decodeRecord, DitsError, encodeRecord, hasCode, type RecordValue } from '#core'
import { ByteQueue } from './byte-queue.ts'
import { dataFrameBytesMax, messageBytesMax, messagesBurstMax, messagesPerSecondMax } from './limits.ts'
import type { ByteStream } from './transport.ts'

/**
 * Frames over a stream (PROTOCOL.md, "Frames"): four bytes of length, one of
 * type, and what the type says: a message, which is one MessagePack record, or
 * a piece of data, which is a piece of pack records.
 */

const headBytes = 5
const types = { message: 1, data: 2 } as const

/** A message: its name and what it says. */
export type Message = readonly [name: string, ...fields: RecordValue[]]

/** What a stream carried, as frames and as bytes with their framing. */
export interface FrameCounts {
  bytesIn: number
  bytesOut: number
  /** Times that this side sent something and then waited for the other. */
  rounds: number
}

/** One side of a stream, as frames. Reading and writing may go on at the same time; each is done by one caller. */
export class FrameStream {
  readonly counts: FrameCounts = { bytesIn: 0, bytesOut: 0, rounds: 0 }
  readonly #stream: ByteStream
  readonly #arrived = new ByteQueue()
  readonly #now: () => number
  readonly #silenceMs: number
  /** Bytes of the data frame at hand that were not read yet. */
  #dataLeft = 0
  #sentSinceRead = false
  #allowance = messagesBurstMax
  #allowanceAt: number

  constructor(stream: ByteStream, options: { now: () => number; silenceMs: number }) {
    this.#stream = stream
    this.#now = options.now
    this.#silenceMs = options.silenceMs
    this.#allowanceAt = options.now()
  }

  async send(message: Message): Promise<void> {
    const body = encodeRecord([...message])
    if (body.length > messageBytesMax) throw new Error(`message '${message[0]}' has ${body.length} bytes`)
    const frame = Buffer.allocUnsafe(headBytes + body.length)
    writeHead(frame, types.message, body.length)
    frame.set(body, headBytes)
    await this.#write(frame)
  }

  /** Sends bytes as data; they are not copied, so they are the stream's until this resolves. */
  async sendData(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += dataFrameBytesMax) {
      const piece = bytes.subarray(at, at + dataFrameBytesMax)
      const head = Buffer.allocUnsafe(headBytes)
      writeHead(head, types.data, piece.length)
      await this.#write(head)
      await this.#write(piece)
    }
  }

  /** The next message; `undefined` where the other side ended. Throws `protocol-violation`, `peer-silent`, `connection-lost`. */
  async nextMessage(silenceMs = this.#silenceMs): Promise<Message | undefined> {
    const frame = await this.next(silenceMs)
    if (frame && 'data' in frame) throw violation('data where a message is due')
    return frame?.message
  }

  /** The next message, or a piece of data. */
  async next(silenceMs = this.#silenceMs): Promise<{ message: Message } | { data: Uint8Array } | undefined> {
    if (this.#dataLeft === 0) {
      if (!(await this.#fill(headBytes, silenceMs))) return undefined
      const head = this.#arrived.take(headBytes)
      const length = Buffer.from(head.buffer, head.byteOffset, headBytes).readUInt32LE(0)
      if (head[4] === types.message) return { message: await this.#readMessage(length, silenceMs) }
      if (head[4] !== types.data || length === 0 || length > dataFrameBytesMax) throw violation(`a frame of type ${head[4]} and ${length} bytes`)
      this.#dataLeft = length
    }
    if (this.#arrived.length === 0) await this.#need(1, silenceMs)
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

  async #readMessage(length: number, silenceMs: number): Promise<Message> {
    if (length === 0 || length > messageBytesMax) throw violation(`a message of ${length} bytes`)
    this.#spendAllowance()
    await this.#need(length, silenceMs)
    return parseMessage(this.#arrived.take(length))
  }

  /** A bucket that fills with the time: what floods a side with messages is cut off. */
  #spendAllowance(): void {
    const now = this.#now()
    this.#allowance = Math.min(messagesBurstMax, this.#allowance + ((now - this.#allowanceAt) / 1000) * messagesPerSecondMax)
    this.#allowanceAt = now
    if (--this.#allowance < 0) throw violation('too many messages')
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#sentSinceRead = true
    this.counts.bytesOut += bytes.length
    await this.#inTime(this.#stream.write(bytes), this.#silenceMs)
  }

  async #need(length: number, silenceMs: number): Promise<void> {
    if (!(await this.#fill(length, silenceMs))) throw new DitsError('connection-lost', 'the other side ended in the middle of a frame')
  }

  /** Reads until so many bytes are there; false where the stream ended before the first. */
  async #fill(length: number, silenceMs: number): Promise<boolean> {
    while (this.#arrived.length < length) {
      if (this.#sentSinceRead) this.counts.rounds++
      this.#sentSinceRead = false
      const bytes = await this.#inTime(this.#stream.read(), silenceMs)
      if (!bytes) {
        if (this.#arrived.length === 0) return false
        throw new DitsError('connection-lost', 'the other side ended in the middle of a frame')
      }
      this.counts.bytesIn += bytes.length
      this.#arrived.push(bytes)
    }
    return true
  }

  async #inTime<T>(work: Promise<T>, ms: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DitsError('peer-silent', `the other side was silent for ${ms / 1000} s`, { hint: 'try again' })), ms)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }
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
