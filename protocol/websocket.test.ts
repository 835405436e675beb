import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createTestCertificate } from '../test/certificate.ts'
import { echo } from '../test/contracts/transport-echo.ts'
import { transportContract } from '../test/contracts/transport.ts'
import { startTcpRelay } from '../test/relay.ts'
import { streamBufferBytesMax, type Connection, type Peer, type StreamHandler } from './transport.ts'
import { acceptWebSockets, type AcceptOptions } from './websocket-server.ts'
import { connectWebSocket, type WebSocketOptions } from './websocket.ts'

const certificate = createTestCertificate()

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** A server on a free port of this machine. */
async function serve(scheme: 'ws' | 'wss', handler: StreamHandler, options: Partial<AcceptOptions> = {}) {
  const server = scheme === 'ws' ? http.createServer() : https.createServer({ key: certificate.key, cert: certificate.certificate })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const listener = acceptWebSockets(server, { isPath: () => true, handler, ...options, limits: { graceMs: 0, ...options.limits } })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const cut = () => sockets.forEach((socket) => socket.destroy())
  const close = async () => {
    await listener.close()
    cut()
    server.close()
    await once(server, 'close')
  }
  return { url: `${scheme}://127.0.0.1:${port}/team/film`, port, server, listener, sockets, cut, close }
}

/** As `serve`, ended with the test; the handler echoes, and what became of each stream is kept. */
async function serveEcho(scheme: 'ws' | 'wss' = 'ws', options: Partial<AcceptOptions> = {}) {
  const peers: Peer[] = []
  const failures: Error[] = []
  const failed = Promise.withResolvers<Error>()
  const handler: StreamHandler = async (stream, peer) => {
    peers.push(peer)
    await echo(stream, peer).catch((error: Error) => {
      failures.push(error)
      failed.resolve(error)
      throw error
    })
  }
  const served = await serve(scheme, handler, options)
  cleanups.push(served.close)
  return { ...served, peers, failures, failed: failed.promise }
}

async function connect(url: string, options: WebSocketOptions = {}): Promise<Connection> {
  const connection = await connectWebSocket(url, options)
  cleanups.push(() => connection.close())
  return connection
}

async function expectEcho(connection: Connection): Promise<void> {
  const stream = await connection.openStream()
  await stream.write(Buffer.from('hello'))
  await stream.end()
  expect(Buffer.from((await stream.read())!).toString()).toBe('hello')
  expect(await stream.read()).toBeUndefined()
}

for (const scheme of ['ws', 'wss'] as const) {
  transportContract(scheme, async (handler) => {
    const { url, cut, close } = await serve(scheme, handler)
    const connection = await connectWebSocket(url, { tls: { onCertificate: (fingerprint) => fingerprint === certificate.fingerprint } })
    return { connection, cut, close }
  })
}

describe('the certificate of a server', () => {
  it('is refused where nobody vouches for it, before anything is said', async () => {
    const { url, peers } = await serveEcho('wss')
    await expect(connectWebSocket(url, { headers: { authorization: 'Bearer secret' } })).rejects.toMatchObject({
      code: 'certificate-refused',
      hint: expect.stringContaining(certificate.fingerprint),
    })
    expect(peers).toEqual([])
  })

  it('is shown with its SHA-256 to whoever decides, once for all streams', async () => {
    const { url } = await serveEcho('wss')
    const asked: unknown[] = []
    const connection = await connect(url, { tls: { onCertificate: (...question) => asked.push(question) > 0 } })
    await expectEcho(connection)
    await expectEcho(connection)
    expect(asked).toEqual([[certificate.fingerprint, false]])
    await expect(connectWebSocket(url, { tls: { onCertificate: () => false } })).rejects.toMatchObject({ code: 'certificate-refused' })
  })

  it('may be thought about for longer than the server waits', async () => {
    const { url, sockets } = await serveEcho('wss')
    const onCertificate = async () => {
      for (const socket of sockets) {
        socket.destroy()
        await once(socket, 'close')
      }
      await new Promise((resolve) => setImmediate(resolve))
      return true
    }
    await expectEcho(await connect(url, { tls: { onCertificate } }))
  })

  it('is trusted where its authority is, for the names that it holds', async () => {
    const { url } = await serveEcho('wss')
    await expectEcho(await connect(url, { tls: { ca: certificate.certificate } }))
    const otherName = url.replace('127.0.0.1', '127.0.0.2')
    await expect(connectWebSocket(otherName, { tls: { ca: certificate.certificate } })).rejects.toMatchObject({ code: expect.stringMatching(/^(certificate-refused|connection-failed)$/) })
  })
})

describe('a WebSocket server', () => {
  it('tells its handler the path and the authorization of the request, and gets no password from the address', async () => {
    const { url, peers } = await serveEcho()
    await expectEcho(await connect(`${url.replace('//', '//ada:secret@')}?x=1`, { headers: { authorization: 'Bearer token' } }))
    await expectEcho(await connect(url.replace('//', '//ada:secret@')))
    expect(peers).toMatchObject([{ path: '/team/film?x=1', authorization: 'Bearer token', transport: 'websocket' }, { path: '/team/film' }])
    expect(peers[1]).not.toHaveProperty('authorization')
    expect(peers[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it.each([
    ['another path', { isPath: (path: string) => path === '/other' }, '404'],
    ['too many streams', { limits: { socketsMax: 0 } }, '503'],
    ['too many streams of one address', { limits: { socketsPerAddressMax: 0 } }, '429'],
  ])('turns away %s', async (_case, options, status) => {
    const refused: string[] = []
    const { url } = await serveEcho('ws', { ...options, onRefused: (_address, why) => refused.push(why) })
    await expect(connectWebSocket(url)).rejects.toMatchObject({ code: 'connection-failed', message: expect.stringContaining(status) })
    expect(refused.length).toBe(1)
  })

  it('counts streams that are over no longer', async () => {
    const { url, sockets } = await serveEcho('ws', { limits: { socketsMax: 1 } })
    for (let i = 0; i < 3; i++) {
      const connection = await connect(url)
      await expectEcho(connection)
      await connection.close()
      for (const socket of sockets) await once(socket, 'close')
    }
  })

  it('drops who connects and asks for nothing', async () => {
    const refused = Promise.withResolvers<string>()
    const { port } = await serveEcho('ws', { limits: { handshakeMs: 30 }, onRefused: (_address, why) => refused.resolve(why) })
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'close')
    expect(await refused.promise).toBe('it asked for nothing in time')
  })

  it.each([
    ['a text message', (peer: WebSocket) => peer.send('hello'), 'it sent a text message'],
    ['a message that is too long', (peer: WebSocket) => peer.send(Buffer.alloc(streamBufferBytesMax + 1)), 'max payload size exceeded'],
    ['bytes after the end', (peer: WebSocket) => [Buffer.alloc(0), Buffer.from('x')].forEach((bytes) => peer.send(bytes)), 'it sent something after its end'],
    ['a frame that breaks the rules', (peer: WebSocket) => (peer as unknown as { _socket: Socket })._socket.write(Buffer.from([0xff, 0xff, 0xff])), 'invalid websocket frame'],
    ['a close without an end', (peer: WebSocket) => peer.close(1000), 'it was closed before its end'],
  ])('fails the stream of a client that sends %s, and goes on', async (_case, misbehave, why) => {
    const failed = Promise.withResolvers<Error>()
    const served = await serve('ws', async (stream) => {
      try {
        while (await stream.read());
        await new Promise((resolve) => setImmediate(resolve))
        await stream.write(Buffer.from('x'))
        while (true) await stream.write(Buffer.alloc(1000))
      } catch (error) {
        failed.resolve(error as Error)
        throw error
      }
    })
    cleanups.push(served.close)
    const peer = new WebSocket(served.url)
    peer.on('error', () => {})
    await once(peer, 'open')
    misbehave(peer)
    const error = await failed.promise
    expect(error).toMatchObject({ code: 'connection-lost' })
    expect(error.message.toLowerCase()).toContain(why)
    await once(peer, 'close')
    const stream = await (await connect(served.url)).openStream()
    await stream.end()
    expect(Buffer.from((await stream.read())!).length).toBeGreaterThan(0)
    stream.abort(new Error('enough'))
  })

  it('takes no more than the bound from a client that never stops, when its handler does not read', async () => {
    const release = Promise.withResolvers<void>()
    const served = await serve('ws', () => release.promise)
    cleanups.push(served.close)
    const peer = new WebSocket(served.url)
    peer.on('error', () => {})
    await once(peer, 'open')
    const socket = [...served.sockets][0]!
    for (let i = 0; i < 200; i++) peer.send(Buffer.alloc(250_000))
    while (!socket.isPaused()) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(socket.bytesRead).toBeLessThan(2 * streamBufferBytesMax)
    expect(peer.bufferedAmount).toBeGreaterThan(20_000_000)
    release.resolve()
    peer.terminate()
  })

  it('lets running streams finish when it stops, and takes no new ones', async () => {
    const served = await serveEcho('ws', { limits: { graceMs: 60_000 } })
    const connection = await connect(served.url)
    const stream = await connection.openStream()
    await stream.write(Buffer.from('a'))
    await stream.read()
    const closing = served.listener.close()
    await expect(connection.openStream()).rejects.toMatchObject({ code: 'connection-lost', message: expect.stringContaining('503') })
    await stream.write(Buffer.from('b'))
    expect(Buffer.from((await stream.read())!).toString()).toBe('b')
    await stream.end()
    expect(await stream.read()).toBeUndefined()
    await closing
  })

  it('tells streams that take too long that it stops', async () => {
    const served = await serveEcho('ws', { limits: { graceMs: 0 } })
    const stream = await (await connect(served.url)).openStream()
    await stream.write(Buffer.from('a'))
    await stream.read()
    await served.listener.close()
    await expect(stream.read()).rejects.toMatchObject({ code: 'connection-lost', message: expect.stringContaining('the other side is stopping') })
  })
})

describe('a WebSocket over a bad line', () => {
  it.each([100, 70_000, 1_500_000])('fails on both sides where it is cut after %i bytes', async (count) => {
    const served = await serveEcho()
    const relay = await startTcpRelay(served.port)
    cleanups.push(relay.close)
    const stream = await (await connect(`ws://127.0.0.1:${relay.port}/`)).openStream()
    relay.cutAfter(count)
    const writing = stream.write(Buffer.alloc(8_000_000)).then(() => stream.end())
    const reading = (async () => {
      while (await stream.read());
    })()
    const outcomes = await Promise.allSettled([writing, reading])
    expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: { code: 'connection-lost' } })
    expect(await served.failed).toMatchObject({ code: 'connection-lost' })
  })

  it('brings everything over a slow and narrow one', async () => {
    const served = await serveEcho('wss')
    const relay = await startTcpRelay(served.port, { delayMs: 3, bytesPerSecond: 20_000_000 })
    cleanups.push(relay.close)
    const connection = await connect(`wss://127.0.0.1:${relay.port}/`, { tls: { onCertificate: () => true } })
    await Promise.all([expectEcho(connection), expectEcho(connection), expectEcho(connection)])
  })

  it('fails on both sides where the line goes dead without a word', async () => {
    const served = await serveEcho('ws', { limits: { idleMs: 100 } })
    const relay = await startTcpRelay(served.port)
    cleanups.push(relay.close)
    const stream = await (await connect(`ws://127.0.0.1:${relay.port}/`, { idleMs: 100 })).openStream()
    await stream.write(Buffer.from('a'))
    await stream.read()
    relay.freeze()
    await expect(stream.read()).rejects.toMatchObject({ code: 'connection-lost', message: expect.stringContaining('nothing was heard from it') })
    expect(await served.failed).toMatchObject({ message: expect.stringContaining('nothing was heard from it') })
  })

  it('stays where nobody has anything to say, because both sides ping', async () => {
    const served = await serveEcho('ws', { limits: { idleMs: 20 } })
    const peer = new WebSocket(served.url)
    await once(peer, 'open')
    for (let i = 0; i < 6; i++) await once(peer, 'ping')
    expect(served.failures).toEqual([])
    peer.terminate()
  })
})

describe('connecting', () => {
  it('fails where nobody listens', async () => {
    const { url, close } = await serve('ws', echo)
    await close()
    await expect(connectWebSocket(url)).rejects.toMatchObject({ code: 'connection-failed', message: expect.stringContaining('ECONNREFUSED') })
  })

  it.each(['ws', 'wss'])('gives up where %s gets no answer in time', async (scheme) => {
    const silent = createServer((socket) => void socket.on('error', () => {}))
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    cleanups.push(() => silent.close())
    const url = `${scheme}://127.0.0.1:${(silent.address() as AddressInfo).port}/`
    await expect(connectWebSocket(url, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'connection-failed' })
    const reason = new Error('Ctrl-C')
    const controller = new AbortController()
    const connecting = connectWebSocket(url, { signal: controller.signal })
    controller.abort(reason)
    await expect(connecting).rejects.toBe(reason)
  })

  it('obeys its signal afterwards too', async () => {
    const { url } = await serveEcho()
    const controller = new AbortController()
    const connection = await connect(url, { signal: controller.signal })
    const stream = await connection.openStream()
    const reading = stream.read()
    controller.abort()
    await expect(reading).rejects.toMatchObject({ code: 'connection-lost' })
  })
})
