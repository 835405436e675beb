import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FrameStream } from '../protocol/frames.ts'
import { protocolVersion } from '../protocol/limits.ts'
import { RemoteSession } from '../protocol/remote-session.ts'
import { connectWebSocket } from '../protocol/websocket.ts'
import { runAtTerminal } from './at-terminal.ts'
import { createTestCertificate } from './certificate.ts'
import { runDits, startServe, type ServeProcess } from './serve-process.ts'
import { itWith } from './tools.ts'

let folder: string
let running: ServeProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dits-serve-'))
  running = []
})
afterEach(async () => {
  for (const { signal } of running) signal('SIGKILL')
  await Promise.all(running.map(({ ended }) => ended))
  rmSync(folder, { recursive: true, force: true })
})

const data = () => join(folder, 'data')

async function serve(...args: string[]): Promise<ServeProcess> {
  const server = await startServe(['--data', data(), ...args])
  running.push(server)
  return server
}

const dits = (args: readonly string[], input = '') => runDits(args, { home: folder, input })

/** Asks for a page, over TLS where the address says so, whatever the certificate. */
async function get(url: string, token?: string): Promise<{ status: number; text: string }> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  if (url.startsWith('http:')) {
    const response = await fetch(url, { headers })
    return { status: response.status, text: await response.text() }
  }
  const request = https.get(url, { headers, rejectUnauthorized: false, agent: false })
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
  let text = ''
  for await (const piece of response) text += String(piece)
  return { status: response.statusCode!, text }
}

function connect({ url, fingerprint }: ServeProcess) {
  return connectWebSocket(`${url}/dits`, { tls: { onCertificate: (shown) => shown === fingerprint } })
}

/** A stream in the middle of a request: objects are announced, and have not come. */
async function beginStore(server: ServeProcess): Promise<FrameStream> {
  const frames = new FrameStream(await (await connect(server)).openStream(), { now: Date.now, silenceMs: 60_000 })
  await frames.send(['hello', protocolVersion, 'film', server.token!, 'test'])
  expect((await frames.nextMessage())?.[0]).toBe('welcome')
  await frames.send(['store'])
  return frames
}

async function openSession(server: ServeProcess, repository: string, token: string | undefined): Promise<RemoteSession> {
  return RemoteSession.open(await connect(server), { repository, token, agent: 'test', now: Date.now })
}

describe('dits serve', () => {
  it('says that it is well, counts what it does, and lets in who has a token', async () => {
    const server = await serve()
    const token = server.token!
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect([await get(`${server.url}/healthz`), await get(`${server.url}/readyz`)]).toEqual([
      { status: 200, text: 'ok\n' },
      { status: 200, text: 'ready\n' },
    ])
    expect((await get(`${server.url}/metrics`, token)).status).toBe(404)
    expect(JSON.parse((await get(`${server.url}/whoami`, token)).text)).toMatchObject({ user: 'admin', role: 'admin' })

    const session = await openSession(server, 'studio/new', token)
    expect(session.role).toBe('admin')
    expect((await session.refs([''])).headBranch).toBe('refs/heads/main')
    await session.close()
    for (const wrong of [undefined, `dits_${'A'.repeat(43)}`, token.slice(0, -1)]) {
      await expect(openSession(server, 'studio/new', wrong)).rejects.toMatchObject({ code: 'access-denied' })
    }

    const { text } = await get(server.metrics)
    expect(text).toMatch(/^dits_refused_total\{code="access-denied"\} 3$/m)
    expect(text).toMatch(/^dits_request_seconds_count\{request="refs"\} 1$/m)
    expect(text).toMatch(/^dits_streams_total\{transport="websocket"\} 4$/m)
    expect(text).toMatch(/^process_resident_memory_bytes \d/m)
  })

  it('writes no token into its log, whatever a client does', async () => {
    const server = await serve('--verbose')
    const token = server.token!
    await get(`${server.url}/whoami?token=${token}`, token)
    await get(`${server.url}/${token}`)
    const session = await openSession(server, 'film', token)
    await session.refs([`refs/${token}`])
    await session.close()
    await openSession(server, token, token).catch(() => undefined)
    await openSession(server, `film/${token}`, token).catch(() => undefined)
    const frames = new FrameStream(await (await connect(server)).openStream(), { now: Date.now, silenceMs: 60_000 })
    await frames.send(['hello', protocolVersion, 'film', token, token])
    await frames.send([token])
    await expect(frames.nextMessage().then(() => frames.nextMessage())).rejects.toThrow()
    server.signal('SIGTERM')
    expect(await server.ended).toBe(0)
    const log = server.log()
    expect(log).toContain('"code":"bad-repository-name"')
    expect(log).not.toContain(token.slice('dits_'.length, 'dits_'.length + 12))
    // Nor does it lie anywhere in the data.
    for (const file of readdirSync(data(), { recursive: true, withFileTypes: true })) {
      if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name), 'latin1'), file.name).not.toContain(token.slice('dits_'.length))
    }
  })

  it('is administered while it runs, and follows within seconds', async () => {
    const server = await serve()
    await dits(['server', 'user', 'add', 'ada', '--role', 'read', '--data', data()])
    const ada = JSON.parse((await dits(['server', 'token', 'create', 'ada', '--data', data(), '--json'])).stdout) as { id: string; token: string }
    await dits(['server', 'repo', 'create', 'film', '--data', data()])
    expect((await openSession(server, 'film', ada.token)).role).toBe('read')
    await dits(['server', 'token', 'revoke', ada.id, '--data', data()])
    // `/whoami` looks at what is stored now.
    expect((await get(`${server.url}/whoami`, ada.token)).status).toBe(401)
  })

  it('lets people log in, remembers its certificate with them, and is refused with another', async () => {
    const server = await serve()
    const mistyped = await dits(['login', server.url, '--token', '-', '--fingerprint', '0'.repeat(64)], `${server.token}\n`)
    expect([mistyped.exitCode, mistyped.stderr]).toEqual([2, expect.stringContaining('not the one you named')])
    const wrong = await dits(['login', server.url, '--token', '-'], 'dits_wrong\n')
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringMatching(new RegExp(`${server.fingerprint}[^]*does not know this token`))])
    const right = await dits(['login', server.url, '--token', '-'], `${server.token}\n`)
    expect(right).toEqual({ stdout: `Logged in to ${server.url} as 'admin'\n`, stderr: '', exitCode: 0 })
    expect(readFileSync(join(folder, 'config/dits/credentials'), 'utf8')).toContain(`${server.url} ${server.token}\n`)

    server.signal('SIGTERM')
    await server.ended
    rmSync(join(data(), 'tls'), { recursive: true })
    const { port } = new URL(server.url)
    const changed = await serve('--listen', `127.0.0.1:${port}`)
    expect(changed.fingerprint).not.toBe(server.fingerprint)
    const refused = await dits(['login', server.url, '--token', '-'], `${server.token}\n`)
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringMatching(new RegExp(`before: ${server.fingerprint}\\n.*now: +${changed.fingerprint}`))])
    expect((await dits(['login', server.url, '--fingerprint', changed.fingerprint, '--token', '-'], `${server.token}\n`)).exitCode).toBe(0)
    expect((await dits(['logout', server.url])).exitCode).toBe(0)
    expect(readFileSync(join(folder, 'config/dits/credentials'), 'utf8')).not.toContain('dits_')
  })

  itWith('python3', 'asks at a terminal about a certificate that is new, before it asks for the token', async () => {
    const server = await serve()
    const [asked, token] = ["Is that what 'dits serve' printed there? [y/N] ", `Token for ${server.url}: `] as const
    const login = (...answers: [string, string][]) => runAtTerminal(['login', server.url], { home: folder, answers })
    const refused = await login([asked, 'no\n'], [token, `${server.token}\n`])
    expect([refused.exitCode, refused.shown]).toEqual([2, expect.stringContaining(`SHA-256 ${server.fingerprint}\n${asked}no\n`)])
    expect(refused.shown).not.toContain(token)
    expect(existsSync(join(folder, 'config/dits/known-servers'))).toBe(false)
    const interrupted = await login([asked, '\x03'])
    expect(interrupted.exitCode).toBe(130)
    const accepted = await login([asked, 'yes\n'], [token, `${server.token}\r`])
    expect([accepted.exitCode, accepted.shown]).toEqual([0, expect.stringMatching(/Token for[^]*Logged in to .* as 'admin'\n$/)])
    expect(accepted.shown).not.toContain(server.token)
    const again = await login([token, `${server.token}\r`])
    expect([again.exitCode, again.shown]).toEqual([0, expect.not.stringContaining(asked)])
  })

  it('is to be spoken to encrypted, and whoever does not is told', async () => {
    const { url, token } = await serve()
    const plain = url.replace('https:', 'http:')
    const tried = [await dits(['clone', `${plain}/studio/film`]), await dits(['login', plain, '--token', '-'], `${token}\n`)]
    for (const { exitCode, stderr } of tried) expect([exitCode, stderr]).toEqual([4, expect.stringContaining(`write ${url}`)])
  })

  it('starts again with the same data, certificate and tokens, and makes no second administrator', async () => {
    const first = await serve()
    first.signal('SIGTERM')
    expect(await first.ended).toBe(0)
    const second = await serve()
    expect([second.token, second.fingerprint]).toEqual([null, first.fingerprint])
    expect((await get(`${second.url}/whoami`, first.token!)).status).toBe(200)
    second.signal('SIGKILL')
    expect(await second.ended).toBe('SIGKILL')
    const third = await serve()
    expect((await get(`${third.url}/whoami`, first.token!)).status).toBe(200)
  })

  it('does not serve a folder that another one serves', async () => {
    await serve()
    await expect(startServe(['--data', data()])).rejects.toThrow(/ended with 5: .*"data-folder-busy".*is served by another dits serve/)
  })

  it('says which address it cannot have', async () => {
    const server = await serve()
    const other = startServe(['--data', join(folder, 'other'), '--listen', new URL(server.url).host])
    await expect(other).rejects.toThrow(/ended with 2: .*"address-unavailable".*EADDRINUSE/)
    // That start did not keep the first token to itself.
    expect((await serve('--data', join(folder, 'other'))).token).toMatch(/^dits_/)
  })

  it('shows the certificate that it was given, and refuses one without its key', async () => {
    const [given, other] = [createTestCertificate(), createTestCertificate()]
    for (const [name, text] of [['cert', given.certificate], ['key', given.key], ['other', other.key]] as const) writeFileSync(join(folder, `${name}.pem`), text)
    const server = await serve('--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem'))
    expect(server.fingerprint).toBe(given.fingerprint)
    await (await openSession(server, 'film', server.token!)).close()
    const wrong = startServe(['--data', join(folder, 'other'), '--cert', join(folder, 'cert.pem'), '--key', join(folder, 'other.pem')])
    await expect(wrong).rejects.toThrow(/ended with 3: .*"certificate-damaged"/)
  })

  it('is alive but not ready while its data are not to be had', async () => {
    const server = await serve()
    renameSync(join(data(), 'auth'), join(data(), 'elsewhere'))
    expect([(await get(`${server.url}/healthz`)).status, (await get(`${server.url}/readyz`)).status]).toEqual([200, 503])
  })

  it('drops who says nothing, and goes on for all others', async () => {
    const server = await serve()
    const { port } = new URL(server.url)
    const silent = Array.from({ length: 20 }, () => net.connect(Number(port), '127.0.0.1'))
    const noise = net.connect(Number(port), '127.0.0.1')
    noise.on('error', () => undefined).end('GET / HTTP/1.1\r\n'.repeat(1000))
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    expect((await get(`${server.url}/healthz`)).status).toBe(200)
    await Promise.all(silent.map(async (socket) => once(socket.on('error', () => undefined).resume(), 'close')))
  })
})

describe('people at a dits serve', () => {
  it('push where they may write, clone where they may read, and are refused what they may not', async () => {
    const server = await serve()
    for (const [name, role] of [['ada', 'write'], ['bob', 'read']] as const) {
      await dits(['server', 'user', 'add', name, '--role', role, '--data', data()])
      const { stdout } = await dits(['server', 'token', 'create', name, '--data', data()])
      await runDits(['login', server.url, '--token', '-'], { home: join(folder, name), input: stdout })
    }
    await dits(['server', 'repo', 'create', 'studio/film', '--data', data()])
    const ada = (...args: string[]) => runDits(args, { home: join(folder, 'ada') })
    const bob = (...args: string[]) => runDits(args, { home: join(folder, 'bob') })
    await ada('init', 'film')
    await ada('-C', 'film', 'commit', '--allow-empty', '-m', 'first')
    await ada('-C', 'film', 'remote', 'add', 'origin', `${server.url}/studio/film`)
    expect((await ada('-C', 'film', 'push', 'origin', 'main')).exitCode).toBe(0)
    // A branch that is not there is found out before anything is asked for that travels.
    const transfers = async () => (await get(server.metrics)).text.split('\n').filter((line) => /^dits_request_seconds_count\{request="(?!refs")/.test(line))
    const before = await transfers()
    expect((await bob('clone', '-b', 'mian', `${server.url}/studio/film`)).stderr).toContain("has no branch 'mian'")
    expect([await transfers(), existsSync(join(folder, 'bob/film'))]).toEqual([before, false])
    expect((await bob('clone', `${server.url}/studio/film`)).exitCode).toBe(0)
    expect(await transfers()).not.toEqual(before)
    expect((await bob('-C', 'film', 'log', '--oneline')).stdout).toMatch(/first\n$/)
    expect(await ada('-C', 'film', 'push', 'origin', 'main:edit')).toMatchObject({ exitCode: 0 })
    const kept = await ada('-C', 'film', 'push', '--delete', 'origin', 'main')
    expect([kept.exitCode, kept.stderr]).toEqual([2, expect.stringMatching(/'main' is the branch of 'studio\/film' that clones start on[^]*dits server repo branch studio\/film BRANCH/)])
    expect((await dits(['server', 'repo', 'branch', 'studio/film', 'edit', '--data', data()])).stdout).toBe("Clones of 'studio/film' start on 'edit'\n")
    expect(await ada('-C', 'film', 'push', '--delete', 'origin', 'main')).toMatchObject({ exitCode: 0 })
    expect((await bob('clone', '--json', `${server.url}/studio/film`, 'later')).stdout).toContain('"branch":"edit"')
    expect(await ada('-C', 'film', 'push', 'origin', 'main')).toMatchObject({ exitCode: 0 })
    await bob('-C', 'film', 'commit', '--allow-empty', '-m', 'second')
    const refused = await bob('-C', 'film', 'push', 'origin', 'main')
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining("you may read 'studio/film' but not change it")])
    expect((await bob('clone', `${server.url}/studio/none`)).stderr).toContain("no access to 'studio/none'")
  })
})

describe('the end of dits serve', () => {
  it('waits for who is at work, takes nobody new, and is no failure', async () => {
    const server = await serve('--grace', '1h')
    const frames = await beginStore(server)
    server.signal('SIGTERM')
    // It says so after the listener was closed.
    await server.logged(/"stopping"/)
    await expect(connect(server)).rejects.toMatchObject({ code: 'connection-failed' })
    await frames.send(['store-end'])
    expect((await frames.nextMessage())?.[0]).toBe('stored')
    await frames.end()
    expect(await server.ended).toBe(0)
    expect(server.log()).toContain('"stopped"')
  })

  it('does not wait for who only keeps a stream open', async () => {
    const server = await serve('--grace', '1h')
    const session = await openSession(server, 'film', server.token!)
    expect((await session.refs([''])).refs.size).toBe(0)
    server.signal('SIGTERM')
    expect(await server.ended).toBe(0)
    await expect(session.refs([''])).rejects.toMatchObject({ code: 'connection-lost' })
  })

  it('abandons who takes too long', async () => {
    const server = await serve('--grace', '10ms')
    const session = await openSession(server, 'film', server.token!)
    server.signal('SIGINT')
    expect(await server.ended).toBe(0)
    await expect(session.refs([''])).rejects.toMatchObject({ code: 'connection-lost' })
  })

  it('does not wait for who is kept waiting', async () => {
    const server = await serve('--grace', '10ms')
    const attempts = Array.from({ length: 6 }, () => get(`${server.url}/whoami`, 'wrong').catch(() => undefined))
    await server.logged(/(?:"code":"access-denied"[^]*){6}/)
    const session = openSession(server, 'film', 'wrong').catch((error: { code: string }) => error.code)
    server.signal('SIGTERM')
    expect(await server.ended).toBe(0)
    await Promise.all(attempts)
    expect(['connection-lost', 'connection-failed']).toContain(await session)
  })

  it('comes at once at a second signal', async () => {
    const server = await serve('--grace', '1h')
    await beginStore(server)
    server.signal('SIGTERM')
    await server.logged(/"stopping"/)
    server.signal('SIGTERM')
    expect(await server.ended).toBe('SIGTERM')
  })
})
