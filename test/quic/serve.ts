import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { StreamHandler } from '../../protocol/transport.ts'
import type { WebTransportImplementation } from '../../protocol/webtransport-client.ts'
import { acceptWebTransport } from '../../protocol/webtransport-server.ts'
import type { WebTransportSession } from '../../protocol/webtransport.ts'
import { createTestCertificate } from '../certificate.ts'

/** A WebTransport server on a free port of this machine, for sessions at /team/film. */
export async function serveOverQuic(implementation: WebTransportImplementation, handler: StreamHandler) {
  const { certificate, key, fingerprint } = createTestCertificate()
  const port = await freeUdpPort()
  const sessions: WebTransportSession[] = []
  const listener = acceptWebTransport(keepSessions(implementation, sessions), {
    address: `127.0.0.1:${port}`,
    certificate,
    key,
    isPath: (path) => path === '/team/film',
    handler,
    limits: { graceMs: 0 },
  })
  const cut = () => sessions.forEach((session) => session.close({ closeCode: 1, reason: 'cut' }))
  return { port, fingerprint, cut, close: () => listener.close() }
}

/** The same implementation, whose sessions a test can reach. */
function keepSessions(implementation: WebTransportImplementation, sessions: WebTransportSession[]): WebTransportImplementation {
  const listen: WebTransportImplementation['listen'] = (...parameters) => {
    const listener = implementation.listen(...parameters)
    const accept = async () => {
      const request = await listener.accept()
      if (!request) return undefined
      const acceptSession = async () => {
        const session = await request.accept()
        sessions.push(session)
        return session
      }
      return { ...request, accept: acceptSession }
    }
    return { accept, close: () => listener.close() }
  }
  return { ...implementation, listen }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
