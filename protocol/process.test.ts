import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { transportContract } from '../test/contracts/transport.ts'
import { connectProcess, stdioStream } from './process.ts'
import { serveStream } from './serve-stream.ts'

/** A program that hands its standard input and output to a socket, behind which this process plays the far end. */
const bridge = `
const socket = require('node:net').connect(process.argv[1])
process.stdin.pipe(socket).pipe(process.stdout)
socket.on('error', () => process.exit(3))
process.stdout.on('error', () => process.exit(3))
`

transportContract(
  'a child process',
  async (handler) => {
    const folder = mkdtempSync(join(tmpdir(), 'dits-process-'))
    const path = join(folder, 'socket')
    const sockets = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      void serveStream(stdioStream(socket, socket), { address: 'child', transport: 'process' }, handler)
    })
    server.listen(path)
    await once(server, 'listening')
    const connection = connectProcess(process.execPath, ['-e', bridge, path], { transport: 'process', subject: 'child' })
    const cut = () => sockets.forEach((socket) => socket.destroy())
    const close = async () => {
      cut()
      server.close()
      await once(server, 'close')
      rmSync(folder, { recursive: true })
    }
    return { connection, cut, close }
  },
  { streams: 8 },
)

describe('a stream to a process', () => {
  const open = (program: string, command = process.execPath) => connectProcess(command, ['-e', program], { transport: 'ssh', subject: 'ssh://host/film' })

  it('meets the standard input and output of the process itself', async () => {
    const module = fileURLToPath(new URL('process.ts', import.meta.url))
    const connection = open(`import(${JSON.stringify(module)}).then(async ({ ownStdioStream }) => {
      const stream = ownStdioStream()
      for (let bytes = await stream.read(); bytes; bytes = await stream.read()) await stream.write(bytes)
      await stream.end()
    })`)
    const stream = await connection.openStream()
    const sending = stream.write(Buffer.alloc(3_000_000, 'a')).then(() => stream.end())
    let count = 0
    for (let bytes = await stream.read(); bytes; bytes = await stream.read()) count += bytes.length
    await sending
    expect(count).toBe(3_000_000)
    await connection.close()
  })

  it('fails with the exit code and the last words of the process', async () => {
    const connection = open(`console.error('ssh: Could not resolve\\thostname host'); process.exitCode = 255`)
    const stream = await connection.openStream()
    await expect(stream.read()).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringMatching(/^the connection to 'ssh:\/\/host\/film' was lost: '.*' ended with exit code 255: ssh: Could not resolve hostname host$/),
    })
    await connection.close()
  })

  it('fails where the process is killed, though its pipes end as if it had finished', async () => {
    const connection = open(`process.kill(process.pid, 'SIGKILL')`)
    const stream = await connection.openStream()
    await expect(stream.read()).rejects.toMatchObject({ code: 'connection-lost', message: expect.stringContaining('was ended by SIGKILL') })
    await connection.close()
  })

  it('quotes what a login script printed in its way', async () => {
    const connection = open(`console.log('Welcome to host'); process.stdin.resume()`)
    const stream = await connection.openStream()
    await expect(stream.read()).rejects.toMatchObject({ code: 'connection-lost', message: expect.stringContaining(`it sent 'Welc…'`) })
    await connection.close()
  })

  it('does not begin where the program is not there', async () => {
    const connection = open('', '/no/such/program')
    await expect(connection.openStream()).rejects.toMatchObject({ code: 'connection-failed', hint: expect.stringContaining('installed') })
    await connection.close()
  })
})
