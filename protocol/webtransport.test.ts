import { describe, expect, it } from 'vitest'
import { transportContract } from '../test/contracts/transport.ts'
import type { StreamHandler } from './transport.ts'
import { loadWebTransport } from './webtransport-client.ts'
import { connectWebTransport, serveWebTransportSession, type WebTransportPair, type WebTransportSession } from './webtransport.ts'

/** Both ends of a session in one process, of Node's own streams: what the interface says, and nothing more. */
function createSessions(): { client: WebTransportSession; server: WebTransportSession; end(): void } {
  const closed = Promise.withResolvers<void>()
  const opened = new TransformStream<WebTransportPair, WebTransportPair>()
  const opener = opened.writable.getWriter()
  const session = (rest: Pick<WebTransportSession, 'createBidirectionalStream' | 'incomingBidirectionalStreams'>) => ({
    ready: Promise.resolve(),
    closed: closed.promise,
    close: () => closed.resolve(),
    ...rest,
  })
  const client = session({
    incomingBidirectionalStreams: new ReadableStream(),
    createBidirectionalStream: async () => {
      const [there, back] = [createPipe(), createPipe()]
      await opener.write({ readable: there.readable, writable: back.writable })
      return { readable: back.readable, writable: there.writable }
    },
  })
  const server = session({
    incomingBidirectionalStreams: opened.readable,
    createBidirectionalStream: () => Promise.reject(new Error('only clients open streams here')),
  })
  void closed.promise.then(() => opener.close()).catch(() => {})
  return { client, server, end: closed.resolve }
}

/** A direction of a stream that, like a network, takes some bytes before anybody reads. */
function createPipe(): TransformStream<Uint8Array, Uint8Array> {
  const transform = (bytes: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>) => controller.enqueue(new Uint8Array(bytes))
  return new TransformStream({ transform }, undefined, new ByteLengthQueuingStrategy({ highWaterMark: 500_000 }))
}

async function open(handler: StreamHandler) {
  const { client, server, end } = createSessions()
  const serving = serveWebTransportSession(server, { handler, peer: { address: 'client', transport: 'webtransport' }, streamsMax: 100 })
  const connection = await connectWebTransport(client, 'server')
  const close = async () => {
    end()
    await serving
  }
  return { connection, cut: end, close }
}

transportContract('WebTransport over streams of this process', open)

describe('a WebTransport session', () => {
  it('is no connection where it is not established', async () => {
    const { client } = createSessions()
    const failing = { ...client, ready: Promise.reject(new Error('Opening handshake failed.')), closed: Promise.reject(new Error('the same')) }
    await expect(connectWebTransport(failing, 'https://host')).rejects.toMatchObject({
      code: 'connection-failed',
      message: `'https://host' cannot be reached: opening handshake failed.`,
    })
  })

  it('has more streams wait where there are as many as it may have', async () => {
    const { client, server, end } = createSessions()
    const release: (() => void)[] = []
    const handler: StreamHandler = async (stream) => {
      await new Promise<void>((resolve) => release.push(resolve))
      await stream.write(Buffer.from('done'))
    }
    const serving = serveWebTransportSession(server, { handler, peer: { address: 'client', transport: 'webtransport' }, streamsMax: 2 })
    const connection = await connectWebTransport(client, 'server')
    const answers = [1, 2, 3].map(async () => {
      const stream = await connection.openStream()
      await stream.end()
      return Buffer.from((await stream.read())!).toString()
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(release.length).toBe(2)
    release[0]!()
    expect(await answers[0]).toBe('done')
    release[1]!()
    await answers[1]
    while (release.length < 3) await new Promise((resolve) => setImmediate(resolve))
    release[2]!()
    expect(await answers[2]).toBe('done')
    end()
    await serving
  })
})

describe('the implementation of WebTransport', () => {
  it('is there, or says in one line why it is not', () => {
    const loaded = loadWebTransport()
    if (typeof loaded === 'string') expect(loaded).toMatch(/^@moq\/web-transport does not load here: [^\n]+$/)
    else expect(loaded.connect).toBeTypeOf('function')
    expect(loadWebTransport()).toBe(loaded)
  })
})
