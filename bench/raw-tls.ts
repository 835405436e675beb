import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import { createTestCertificate } from '../test/certificate.ts'

/** What TLS 1.3 over TCP moves between two processes of this machine with nothing on top. */

const pieceBytes = 1024 * 1024

if (process.argv[2] === 'receive-raw-tls') receive()

/** Megabytes (10^6) a second, for so many bytes. */
export async function rawTlsSpeed(bytes: number): Promise<number> {
  const child = fork(fileURLToPath(import.meta.url), ['receive-raw-tls'])
  const [port] = (await once(child, 'message')) as [number]
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const piece = Buffer.alloc(pieceBytes, 7)
  const start = performance.now()
  for (let sent = 0; sent < bytes; sent += piece.length) if (!socket.write(piece)) await once(socket, 'drain')
  socket.end()
  await once(child, 'message')
  const seconds = (performance.now() - start) / 1000
  child.kill()
  return bytes / 1e6 / seconds
}

function receive(): void {
  const { certificate, key } = createTestCertificate()
  const server = tls.createServer({ cert: certificate, key }, (socket) => {
    socket.on('data', () => {})
    socket.on('end', () => process.send!('done'))
  })
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
}
