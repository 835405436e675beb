import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findModernNode, type ModernNode } from './modern-node.ts'
import { itWith } from './tools.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Set up when the tests run, because it may have to download something. */
let node: ModernNode | string
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dits-quic-'))
  node = findModernNode()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts this Node with a C library that the native part of WebTransport runs with. */
function startNode({ command, args }: ModernNode, ...parameters: string[]): ChildProcess {
  return spawn(command, [...args, ...parameters], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
}

describe('WebTransport over QUIC', () => {
  it('keeps the promises of a transport between the adapters of client and server, over good and bad lines', async (context) => {
    context.skip(typeof node === 'string', String(node))
    const report = join(folder, 'report.json')
    const child = startNode(node as ModernNode, 'node_modules/vitest/vitest.mjs', 'run', '--config', 'test/quic/vitest.config.ts', '--reporter=json', `--outputFile=${report}`)
    child.stdout?.resume()
    const [code] = await once(child, 'close')
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
    const failed = testResults.flatMap(({ message, assertionResults }) => [
      ...(message ? [message] : []),
      ...assertionResults.filter(({ status }) => status === 'failed').map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join('; ')}`),
    ])
    expect(failed).toEqual([])
    expect(numPassedTests).toBeGreaterThan(20)
    expect(code).toBe(0)
  })

  it('carries a push and a clone between dits and dits serve', async (context) => {
    context.skip(typeof node === 'string', String(node))
    const { command, args } = node as ModernNode
    const environment = { ...process.env, HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), DITS_AUTHOR_NAME: 'Ada', DITS_AUTHOR_EMAIL: 'ada@example.com' }
    const dits = (cwd: string, token: string, ...words: string[]) =>
      spawnSync(command, [...args, join(root, 'cli/main.ts'), ...words], { cwd, env: { ...environment, DITS_TOKEN: token }, encoding: 'utf8' })
    const server = spawn(command, [...args, join(root, 'cli/main.ts'), 'serve', '--data', join(folder, 'served'), '--listen', '127.0.0.1:0', '--json'], { env: environment, stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const [line] = (await once(server.stdout, 'data')) as [Buffer]
      const { url, token, fingerprint } = JSON.parse(line.toString()) as { url: string; token: string; fingerprint: string }
      const project = join(folder, 'project')
      mkdirSync(project)
      writeFileSync(join(project, 'clip.mov'), randomBytes(3_000_000))
      dits(project, token, 'login', url, '--token', token, '--fingerprint', fingerprint)
      for (const words of [['init'], ['add', '.'], ['commit', '-m', 'one'], ['remote', 'add', 'origin', `${url}/film/cut`]]) dits(project, token, ...words)
      const pushed = dits(project, token, 'push', 'origin', 'main', '--verbose')
      expect(pushed.stderr).toContain('connected by WebTransport')
      expect(pushed.status).toBe(0)
      const cloned = dits(folder, token, 'clone', `${url}/film/cut`, 'copy', '--verbose')
      expect(cloned.stderr).toContain('connected by WebTransport')
      expect(readFileSync(join(folder, 'copy/clip.mov')).equals(readFileSync(join(project, 'clip.mov')))).toBe(true)
    } finally {
      server.kill('SIGTERM')
      expect(await once(server, 'close')).toEqual([0, null])
    }
  })

  itWith('chromium', 'is understood by Chromium, whose streams end in one direction before the other, many at once', async (context) => {
    context.skip(typeof node === 'string', String(node))
    const server = startNode(node as ModernNode, 'test/quic/echo-server.ts')
    const [line] = (await once(server.stdout!, 'data')) as [Buffer]
    const { port, fingerprint } = JSON.parse(line.toString()) as { port: number; fingerprint: string }
    try {
      const result = await runInChromium(`(${clientPage})(${JSON.stringify({ port, fingerprint })})`)
      expect(result).toEqual({ echoed: 3_000_000, isSame: true, streams: 10 })
    } finally {
      server.stdin?.end()
      await once(server, 'close')
    }
  })
})

interface Report {
  numPassedTests: number
  testResults: { message: string; assertionResults: { fullName: string; status: string; failureMessages: string[] }[] }[]
}

/** What the page does, with the W3C interface only; its text is sent to the browser. */
const clientPage = `async function ({ port, fingerprint }) {
  const hash = Uint8Array.from(fingerprint.match(/../g), (digits) => parseInt(digits, 16))
  const session = new WebTransport('https://127.0.0.1:' + port + '/team/film', { serverCertificateHashes: [{ algorithm: 'sha-256', value: hash }] })
  await session.ready
  const echo = async (bytes) => {
    const { readable, writable } = await session.createBidirectionalStream()
    const writer = writable.getWriter()
    const writing = writer.write(bytes).then(() => writer.close())
    const back = new Uint8Array(await new Response(readable).arrayBuffer())
    await writing
    return back
  }
  const sent = Uint8Array.from({ length: 3000000 }, (_, i) => (i * 7919) >> 8)
  const back = await echo(sent)
  const small = await Promise.all(Array.from({ length: 10 }, (_, i) => echo(new TextEncoder().encode('stream ' + i))))
  session.close()
  return {
    echoed: back.length,
    isSame: back.every((byte, i) => byte === sent[i]),
    streams: small.filter((bytes, i) => new TextDecoder().decode(bytes) === 'stream ' + i).length,
  }
}`

/** Evaluates an expression in a page of a headless Chromium; what it resolves to comes back by POST. */
async function runInChromium(expression: string): Promise<unknown> {
  const answer = Promise.withResolvers<string>()
  const page = `<!doctype html><script type="module">
    const say = (result) => fetch('/', { method: 'POST', body: JSON.stringify(result) })
    const result = ${expression}
    result.then(say, (error) => say({ error: String(error) }))
  </script>`
  const server = http.createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.setHeader('content-type', 'text/html').end(page)
    answer.resolve(Buffer.concat(await request.toArray()).toString())
    response.end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', `--user-data-dir=${join(folder, 'chromium')}`]
  // A group of its own, because the browser is many processes.
  const browser = spawn('chromium', [...flags, url], { stdio: 'ignore', detached: true })
  const closed = once(browser, 'close')
  try {
    return JSON.parse(await Promise.race([answer.promise, closed.then(() => '{"error":"chromium ended"}')]))
  } finally {
    if (browser.exitCode === null) process.kill(-browser.pid!, 'SIGKILL')
    await closed
    server.closeAllConnections()
    server.close()
  }
}
