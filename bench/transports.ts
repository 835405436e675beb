import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import tls from 'node:tls'
import type { ByteStream, Connection } from '../protocol/transport.ts'
import { acceptWebSockets } from '../protocol/websocket-server.ts'
import { connectWebSocket } from '../protocol/websocket.ts'
import { createTestCertificate, type TestCertificate } from '../test/certificate.ts'
import { median } from './measure.ts'
import { readOptions } from './options.ts'
import { printReport, type Row } from './report.ts'

const usage = `node bench/transports.ts [--size 500M] [--rounds 3] [--json]

Bytes through WebSockets, both ways, beside TLS over TCP with nothing on top, between two processes of this machine.`

const KiB = 1024

/** What the serving process answers with when it is asked for its ports and its processor time. */
interface Served {
  tls: number
  wss: number
  ws: number
  cpuMs: number
}

interface Transfer {
  name: string
  direction: 'to server' | 'to client'
  writeBytes: number
  run(bytes: number): Promise<void>
}

if (process.argv[2] === 'serve') await serve()
else await measure()

async function measure(): Promise<void> {
  const { sizes, rounds, json } = readOptions(usage, { rounds: 3, sizes: '500M' })
  const bytes = sizes[0]!
  const certificate = createTestCertificate()
  const server = fork(fileURLToPath(import.meta.url), ['serve'])
  server.send(certificate)
  const ports = await ask(server)
  const connect = (scheme: 'wss' | 'ws') =>
    connectWebSocket(`${scheme}://127.0.0.1:${ports[scheme]}/`, { tls: { onCertificate: (fingerprint) => fingerprint === certificate.fingerprint } })
  const connections = { wss: await connect('wss'), ws: await connect('ws') }
  const rows: Row[] = []
  let rawSpeed: Record<string, number> = {}
  for (const transfer of transfers(ports, connections)) {
    const speeds: number[] = []
    const cpus: number[] = []
    for (let round = 0; round < rounds; round++) {
      const { speed, cpuMs } = await timed(server, bytes, transfer)
      speeds.push(speed)
      cpus.push(cpuMs)
    }
    const speed = median(speeds)
    if (transfer.name === 'tls') rawSpeed = { ...rawSpeed, [transfer.direction]: speed }
    rows.push({
      name: transfer.name,
      direction: transfer.direction,
      writeKiB: transfer.writeBytes / KiB,
      speed,
      ofTls: speed / rawSpeed[transfer.direction]!,
      cpuSPerGB: (median(cpus) / bytes) * 1e6,
    })
  }
  for (const connection of Object.values(connections)) await connection.close()
  server.kill()
  const columns = [
    { key: 'name', label: 'transport' },
    { key: 'direction', label: 'direction' },
    { key: 'writeKiB', label: 'KiB a write' },
    { key: 'speed', label: 'MB/s' },
    { key: 'ofTls', label: 'x TLS', digits: 2 },
    { key: 'cpuSPerGB', label: 'CPU s/GB', digits: 2 },
  ]
  printReport({ title: `Transports, ${bytes / 1e6} MB each, medians of ${rounds}`, columns, rows, notes: ['CPU: both processes together.'] }, json)
}

function transfers(ports: Served, { wss, ws }: { wss: Connection; ws: Connection }): Transfer[] {
  const rows: Transfer[] = []
  for (const direction of ['to server', 'to client'] as const) {
    rows.push({ name: 'tls', direction, writeBytes: 64 * KiB, run: (bytes) => transferRaw(ports.tls, direction, bytes) })
    for (const writeBytes of [16 * KiB, 64 * KiB, 256 * KiB, 1024 * KiB, 4096 * KiB]) {
      rows.push({ name: 'wss', direction, writeBytes, run: (bytes) => transfer(wss, direction, bytes, writeBytes) })
    }
    for (const sockets of [2, 4]) {
      const run = async (bytes: number) => {
        await Promise.all(Array.from({ length: sockets }, () => transfer(wss, direction, Math.ceil(bytes / sockets), 256 * KiB)))
      }
      rows.push({ name: `wss, ${sockets} sockets`, direction, writeBytes: 256 * KiB, run })
    }
    rows.push({ name: 'ws', direction, writeBytes: 256 * KiB, run: (bytes) => transfer(ws, direction, bytes, 256 * KiB) })
  }
  return rows
}

async function timed(server: ChildProcess, bytes: number, { run }: Transfer): Promise<{ speed: number; cpuMs: number }> {
  const [serverBefore, cpuBefore, start] = [await ask(server), process.cpuUsage(), performance.now()]
  await run(bytes)
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpuBefore)
  return { speed: bytes / ms / 1000, cpuMs: (user + system) / 1000 + (await ask(server)).cpuMs - serverBefore.cpuMs }
}

async function ask(server: ChildProcess): Promise<Served> {
  server.send('how are you')
  const [answer] = await once(server, 'message')
  return answer as Served
}

/** The first write of a stream: what is wanted, and of how many bytes in writes of how many. */
function request(direction: string, bytes: number, writeBytes: number): Buffer {
  return Buffer.from(JSON.stringify({ direction, bytes, writeBytes }).padEnd(128))
}

async function transfer(connection: Connection, direction: string, bytes: number, writeBytes: number): Promise<void> {
  const stream = await connection.openStream()
  await stream.write(request(direction, bytes, writeBytes))
  if (direction === 'to server') await send(stream, bytes, writeBytes)
  await stream.end()
  await receive(stream)
}

async function send(stream: ByteStream, bytes: number, writeBytes: number): Promise<void> {
  const buffer = Buffer.alloc(writeBytes, 7)
  for (let left = bytes; left > 0; left -= writeBytes) await stream.write(left < writeBytes ? buffer.subarray(0, left) : buffer)
}

async function receive(stream: ByteStream): Promise<void> {
  while (await stream.read());
}

async function transferRaw(port: number, direction: string, bytes: number): Promise<void> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(request(direction, bytes, 64 * KiB))
  if (direction === 'to server') await sendRaw(socket, bytes)
  socket.end()
  socket.resume()
  await once(socket, 'close')
}

async function sendRaw(socket: tls.TLSSocket, bytes: number): Promise<void> {
  const buffer = Buffer.alloc(64 * KiB, 7)
  for (let left = bytes; left > 0; left -= buffer.length) {
    if (!socket.write(buffer)) await once(socket, 'drain')
  }
}

/** The other process: a TLS server and two WebSocket servers that do what the first 128 bytes of a stream say. */
async function serve(): Promise<void> {
  const [{ key, certificate }] = (await once(process, 'message')) as [TestCertificate]
  const raw = tls.createServer({ key, cert: certificate, allowHalfOpen: true }, (socket) => void answerRaw(socket))
  const servers = { tls: raw, wss: https.createServer({ key, cert: certificate }), ws: http.createServer() }
  for (const server of [servers.wss, servers.ws]) acceptWebSockets(server, { isPath: () => true, handler: answer })
  for (const server of Object.values(servers)) await once(server.listen(0, '127.0.0.1'), 'listening')
  const port = (server: { address(): unknown }) => (server.address() as AddressInfo).port
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.({ tls: port(raw), wss: port(servers.wss), ws: port(servers.ws), cpuMs: (user + system) / 1000 } satisfies Served)
  })
  process.once('disconnect', () => process.exit())
}

async function answer(stream: ByteStream): Promise<void> {
  const { direction, bytes, writeBytes } = JSON.parse(Buffer.from((await stream.read())!).toString('utf8', 0, 128))
  if (direction === 'to client') await send(stream, bytes, writeBytes)
  else await receive(stream)
}

async function answerRaw(socket: tls.TLSSocket): Promise<void> {
  const [first] = (await once(socket, 'data')) as [Buffer]
  const { direction, bytes } = JSON.parse(first.toString('utf8', 0, 128))
  const ended = once(socket, 'end')
  socket.resume()
  if (direction === 'to client') await sendRaw(socket, bytes)
  await ended
  socket.end()
}
