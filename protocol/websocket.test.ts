import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createTestCertificate } from '../test/certificate.ts'
import { transportContract } from '../test/contracts/transport.ts'
import type { StreamHandler } from './transport.ts'
import { acceptWebSockets, type AcceptOptions } from './websocket-server.ts'
import { connectWebSocket } from './websocket.ts'

const certificate = createTestCertificate()

/** A server on a free port of this machine. */
async function serve(scheme: 'ws' | 'wss', handler: StreamHandler, options: Partial<AcceptOptions> = {}) {
  const server = scheme === 'ws' ? http.createServer() : https.createServer({ key: certificate.key, cert: certificate.certificate })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const listener = acceptWebSockets(server, { isPath: () => true, handler, ...options, limits: { graceMs: 0, ...options.limits } })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => sockets.forEach((socket) => socket.destroy())
  const close = async () => {
    await listener.close()
    cut()
    server.close()
    await once(server, 'close')
  }
  return { url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/team/film`, server, listener, sockets, cut, close }
}

for (const scheme of ['ws', 'wss'] as const) {
  transportContract(scheme, async (handler) => {
    const { url, cut, close } = await serve(scheme, handler)
    const connection = await connectWebSocket(url, { tls: { onCertificate: (fingerprint) => fingerprint === certificate.fingerprint } })
    return { connection, cut, close }
  })
}
