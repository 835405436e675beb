import { afterEach, describe, expect, it, vi } from 'vitest'
import { transportContract } from '../test/contracts/transport.ts'
import type { StreamHandler } from './transport.ts'
import { createSessions } from './webtransport.fixture.ts'
import { loadWebTransport } from './webtransport-client.ts'
import { connectWebTransport, serveWebTransportSession } from './webtransport.ts'

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
  afterEach(() => void vi.useRealTimers())

  it('is kept open by datagrams while nobody has anything to say, and only while it is open', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const sent: Uint8Array[] = []
    const datagrams = { writable: new WritableStream<Uint8Array>({ write: (bytes) => void sent.push(bytes) }) }
    const connection = await connectWebTransport({ ...createSessions().client, datagrams }, 'server')
    await vi.advanceTimersByTimeAsync(35_000)
    expect(sent.map(({ length }) => length)).toEqual([1, 1, 1])
    await connection.close()
    await vi.advanceTimersByTimeAsync(35_000)
    expect(sent.length).toBe(3)
  })

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
