import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createTestCertificate } from '../test/certificate.ts'
import { connectRemote, type ConnectOptions } from './connect.ts'
import type { WebTransportImplementation } from './webtransport-client.ts'
import type { WebTransportSession } from './webtransport.ts'
import { acceptWebSockets } from './websocket-server.ts'

const certificate = createTestCertificate()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function serve(scheme: 'http' | 'https'): Promise<string> {
  const server = scheme === 'http' ? http.createServer() : https.createServer({ key: certificate.key, cert: certificate.certificate })
  const listener = acceptWebSockets(server, { isPath: () => true, handler: async (stream) => void (await stream.read()), limits: { graceMs: 0 } })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  cleanups.push(() => server.close(), () => listener.close())
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/team/film`
}

/** What `connectRemote` chose, and why. */
async function choose(url: string, options: ConnectOptions): Promise<{ transport: string; why: string }> {
  let why = ''
  const connection = await connectRemote(url, { tls: { onCertificate: () => true }, onChoice: (text) => (why = text), ...options })
  cleanups.push(() => connection.close())
  return { transport: connection.transport, why }
}

function implementationOf(ready: Promise<unknown>, asked: unknown[] = []): WebTransportImplementation {
  const session: WebTransportSession = {
    ready,
    closed: new Promise(() => {}),
    incomingBidirectionalStreams: new ReadableStream(),
    createBidirectionalStream: () => Promise.reject(new Error('none')),
    close: () => asked.push('closed'),
  }
  return {
    connect: (...parameters) => {
      asked.push(parameters)
      return session
    },
    listen: () => {
      throw new Error('not here')
    },
  }
}

describe('a connection to a server', () => {
  it('is WebTransport where both sides have it, by the certificate that is known', async () => {
    const asked: unknown[] = []
    const webTransport = implementationOf(Promise.resolve(), asked)
    const chosen = await choose('https://ada:secret@media.example.org/film', { webTransport, fingerprint: certificate.fingerprint })
    expect(chosen).toEqual({ transport: 'webtransport', why: 'connected by WebTransport' })
    expect(asked).toEqual([['https://media.example.org/film', [certificate.fingerprint]]])
  })

  it.each([
    ['is not installed', () => '@moq/web-transport does not load here', 'does not load here'],
    ['is turned away', () => implementationOf(Promise.reject(new Error('Refused.'))), 'refused.'],
    ['gets no answer', () => implementationOf(new Promise(() => {})), 'no answer over UDP within 800 ms'],
  ])('is WebSocket where WebTransport %s, and says so', async (_case, create, why) => {
    const url = await serve('https')
    const chosen = await choose(url, { webTransport: create() })
    expect(chosen).toEqual({ transport: 'websocket', why: expect.stringContaining(why) })
  })

  it('leaves no session behind that came too late', async () => {
    const asked: unknown[] = []
    await choose(await serve('https'), { webTransport: implementationOf(new Promise(() => {}), asked) })
    expect(asked).toContain('closed')
  })

  it('is WebSocket without a try where the address is not https', async () => {
    const asked: unknown[] = []
    const chosen = await choose(await serve('http'), { webTransport: implementationOf(Promise.resolve(), asked) })
    expect(chosen).toEqual({ transport: 'websocket', why: 'connected by WebSocket: the address says http' })
    expect(asked).toEqual([])
  })

  it.each(['ftp://host/film', 'film', ''])(`does not begin with the address '%s'`, async (url) => {
    await expect(connectRemote(url)).rejects.toMatchObject({ code: 'bad-url' })
  })
})
