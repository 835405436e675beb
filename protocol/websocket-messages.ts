import { randomFillSync } from 'node:crypto'

/**
 * Content of a TLS record. Messages are cut so that each fills one: a receiver
 * finds it in one piece then, and copies nothing. Longer ones would be joined
 * from pieces, which costs it more than all the rest of a message does.
 */
const tlsRecordBytes = 16 * 1024
/** Messages that are put together at once. */
const messagesTogether = 32

/** The binary messages of one side, as they go over the wire (RFC 6455, section 5.2). */
export class MessageEncoder {
  /** Bytes of a message that fills a TLS record. */
  readonly payloadBytes: number
  /** The most that is encoded at once. */
  readonly bytesTogether: number
  /** What a client has to mask its bytes with. */
  readonly #mask: Buffer | undefined
  readonly #isEncrypted: boolean
  /** Where messages are put together; made when there is something large to send. */
  #memory: Buffer | undefined

  constructor(side: 'client' | 'server', isEncrypted: boolean) {
    this.#mask = side === 'client' ? Buffer.alloc(4) : undefined
    this.#isEncrypted = isEncrypted
    this.payloadBytes = tlsRecordBytes - (this.#mask ? 8 : 4)
    this.bytesTogether = messagesTogether * this.payloadBytes
  }

  /**
   * At most `bytesTogether`, as messages of `payloadBytes` and a shorter last
   * one. What is answered holds until the next call.
   */
  encode(bytes: Uint8Array): Buffer {
    const memory = (this.#memory ??= Buffer.allocUnsafeSlow(messagesTogether * tlsRecordBytes))
    let end = 0
    for (let from = 0; from < bytes.length; from += this.payloadBytes) end = this.#encodeOne(memory, end, bytes.subarray(from, from + this.payloadBytes))
    return memory.subarray(0, end)
  }

  /** A whole binary message, with its length in the fewest bits. */
  #encodeOne(memory: Buffer, start: number, payload: Uint8Array): number {
    const isShort = payload.length < 126
    memory[start] = 0x82
    memory[start + 1] = (this.#mask ? 0x80 : 0) | (isShort ? payload.length : 126)
    let end = start + 2
    if (!isShort) end = memory.writeUInt16BE(payload.length, end)
    if (this.#mask) end = this.#writeMask(memory, end, this.#mask)
    memory.set(payload, end)
    if (this.#mask && !this.#isEncrypted) applyMask(memory, end, payload.length, this.#mask)
    return end + payload.length
  }

  /** Masks protect proxies that see the bytes. Inside TLS none does, and zeros, which change nothing, serve. */
  #writeMask(memory: Buffer, at: number, mask: Buffer): number {
    if (!this.#isEncrypted) randomFillSync(mask)
    memory.set(mask, at)
    return at + mask.length
  }
}

function applyMask(memory: Buffer, start: number, length: number, mask: Buffer): void {
  for (let i = 0; i < length; i++) memory[start + i]! ^= mask[i & 3]!
}
