import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { StreamHandler } from '../../protocol/transport.ts'
import { serveWebTransportSession, type WebTransportSession } from '../../protocol/webtransport.ts'
import type { WebTransportImplementation } from '../../protocol/webtransport-client.ts'
import { createTestCertificate } from '../certificate.ts'

/** A WebTransport server on a free port of this machine. */
export async function serveOverQuic({ listen }: WebTransportImplementation, handler: StreamHandler) {
  const { certificate, key, fingerprint } = createTestCertificate()
  const port = await freeUdpPort()
  const listener = listen(`127.0.0.1:${port}`, certificate, key)
  const sessions = new Set<WebTransportSession>()
  const serving = new Set<Promise<void>>()
  const accept = async () => {
    for (let request = await listener.accept(); request; request = await listener.accept()) {
      const session = await request.accept()
      sessions.add(session)
      serving.add(serveWebTransportSession(session, { handler, peer: { address: 'client', transport: 'webtransport' }, streamsMax: 100 }))
    }
  }
  const accepting = accept()
  const cut = () => sessions.forEach((session) => session.close({ closeCode: 1, reason: 'cut' }))
  const close = async () => {
    cut()
    listener.close()
    await accepting
    await Promise.all(serving)
  }
  return { port, fingerprint, cut, close }
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
