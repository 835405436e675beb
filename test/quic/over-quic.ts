import { describe, expect, it } from 'vitest'
import type { StreamHandler } from '../../protocol/transport.ts'
import { loadWebTransport } from '../../protocol/webtransport-client.ts'
import { connectWebTransport } from '../../protocol/webtransport.ts'
import { transportContract } from '../contracts/transport.ts'
import { echo } from '../contracts/transport-echo.ts'
import { startUdpRelay } from '../relay.ts'
import { serveOverQuic } from './serve.ts'

const loaded = loadWebTransport()
if (typeof loaded === 'string') throw new Error(loaded)
const implementation = loaded

/** The client's adapter and the server's, with a line of this quality between them. */
async function open(handler: StreamHandler, line: { lossRate: number; seed: number; delayMs?: number }) {
  const server = await serveOverQuic(implementation, handler)
  const relay = await startUdpRelay(server.port, line)
  const session = implementation.connect(`https://127.0.0.1:${relay.port}/team/film`, [server.fingerprint])
  const connection = await connectWebTransport(session, 'server')
  const close = async () => {
    await server.close()
    await relay.close()
  }
  return { connection, relay, cut: server.cut, close }
}

transportContract('WebTransport over QUIC', (handler) => open(handler, { lossRate: 0, seed: 1 }), { echoBytes: 20_000_000, streams: 20 })

describe('a WebTransport server', () => {
  it('turns away sessions at other paths, and goes on', async () => {
    const server = await serveOverQuic(implementation, echo)
    const connect = (path: string) => connectWebTransport(implementation.connect(`https://127.0.0.1:${server.port}${path}`, [server.fingerprint]), 'server')
    await expect(connect('/other')).rejects.toMatchObject({ code: 'connection-failed' })
    const connection = await connect('/team/film')
    await expectEcho(await connection.openStream(), 1000)
    await connection.close()
    await server.close()
  })

  it('is not believed with another certificate than the known one', async () => {
    const server = await serveOverQuic(implementation, echo)
    const session = implementation.connect(`https://127.0.0.1:${server.port}/team/film`, ['00'.repeat(32)])
    await expect(connectWebTransport(session, 'server')).rejects.toMatchObject({ code: 'connection-failed' })
    await server.close()
  })
})

describe('WebTransport over a bad line', () => {
  it.each([1, 2, 3])('brings back every byte where one packet in fifty is lost, seed %i', async (seed) => {
    const { connection, relay, close } = await open(echo, { lossRate: 0.02, seed, delayMs: 2 })
    await expectEcho(await connection.openStream(), 1_000_000)
    expect(relay.packets.lost).toBeGreaterThan(5)
    await connection.close()
    await close()
  })

  it('goes on where the client gets a new address in the middle', async () => {
    const { connection, relay, close } = await open(echo, { lossRate: 0, seed: 1 })
    const stream = await connection.openStream()
    for (let i = 0; i < 5; i++) {
      await stream.write(Buffer.alloc(10_000, i))
      let missing = 10_000
      while (missing > 0) missing -= (await stream.read())!.length
      relay.rebind()
    }
    await expectEcho(stream, 100_000)
    await connection.close()
    await close()
  })
})

async function expectEcho(stream: Awaited<ReturnType<Awaited<ReturnType<typeof open>>['connection']['openStream']>>, count: number): Promise<void> {
  const sent = Buffer.alloc(count, 'dits over a bad line ')
  const sending = stream.write(sent).then(() => stream.end())
  const parts: Uint8Array[] = []
  for (let bytes = await stream.read(); bytes; bytes = await stream.read()) parts.push(bytes)
  await sending
  expect(Buffer.concat(parts).equals(sent)).toBe(true)
}
