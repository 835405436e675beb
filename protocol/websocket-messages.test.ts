import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import * as ws from 'ws'
import { createRandom } from '../fixtures/random.ts'
import { MessageEncoder } from './websocket-messages.ts'

/** Its types leave it out. */
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean; allowSynchronousEvents: boolean }) => Writable }

/** What another implementation reads, as either side. */
async function receive(wire: Buffer, isServer: boolean): Promise<Buffer[]> {
  const receiver = new Receiver({ isServer, allowSynchronousEvents: true })
  const messages: Buffer[] = []
  receiver.on('message', (data: Buffer) => messages.push(data))
  receiver.end(wire)
  await once(receiver, 'finish')
  return messages
}

describe('messages', () => {
  for (const side of ['client', 'server'] as const) {
    for (const isEncrypted of [true, false]) {
      it(`of a ${side} are whole records of TLS and a rest, and are read as they were (${isEncrypted ? 'encrypted' : 'plain'})`, async () => {
        const encoder = new MessageEncoder(side, isEncrypted)
        for (const length of [1, 125, 126, 127, encoder.payloadBytes, 3 * encoder.payloadBytes + 5, 2 * encoder.payloadBytes + 126, encoder.bytesTogether]) {
          const bytes = createRandom(length).bytes(length)
          const wire = Buffer.from(encoder.encode(bytes))
          const messages = await receive(wire, side === 'client')
          expect(Buffer.concat(messages).equals(bytes)).toBe(true)
          expect(messages.map((message) => message.length).slice(0, -1)).toEqual(new Array(messages.length - 1).fill(encoder.payloadBytes))
          if (length % encoder.payloadBytes === 0) expect(wire.length % 16384).toBe(0)
        }
      })
    }
  }

  it('of a client in the open are masked, each anew', () => {
    const encoder = new MessageEncoder('client', false)
    const first = Buffer.from(encoder.encode(Buffer.alloc(200)))
    expect(first.equals(encoder.encode(Buffer.alloc(200)))).toBe(false)
    expect(first.subarray(8).every((byte) => byte === 0)).toBe(false)
  })
})
