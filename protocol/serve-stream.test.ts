import { describe, expect, it } from 'vitest'
import { serveStream } from './serve-stream.ts'
import type { ByteStream } from './transport.ts'

describe('a client that never ends its direction', () => {
  it.each([
    ['says nothing', async () => new Promise<undefined>(() => {})],
    ['talks on and on', async () => new Uint8Array(1_000_000)],
  ])('and %s is not waited for when the server has ended its own', async (_, read) => {
    const { promise, resolve } = Promise.withResolvers<Error>()
    const stream: ByteStream = { read, write: async () => {}, end: async () => {}, abort: resolve }
    await serveStream(stream, { address: 'test', transport: 'test' }, async () => {}, 20)
    expect(await promise).toBeInstanceOf(Error)
  })
})
