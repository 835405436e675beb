import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DitsError } from '../core/errors.ts'
import type { Connection } from '../protocol/transport.ts'
import type { ClientGreeting, RemoteSession } from '../protocol/remote-session.ts'
import type { Context } from './context.ts'
import { withSchemeHint } from './scheme-hint.ts'
import { readVersion } from './version.ts'

/** Where a remote is, by the form of its URL. */
export type RemoteAddress =
  | { kind: 'server'; origin: string; repository: string; url: string }
  | { kind: 'path'; folder: string }
  | { kind: 'ssh'; host: string; port: string | undefined; path: string }

/**
 * Reads a remote's URL: `https://HOST/TEAM/PROJECT` (also wss, http, ws),
 * `ssh://[USER@]HOST[:PORT]/PATH`, `[USER@]HOST:PATH` (but not `HOST:DIGITS/…`), `file:///PATH`, or the
 * path of a folder, of which a relative one starts at `cwd`. Throws `bad-url`.
 */
export function parseRemoteUrl(text: string, cwd: string): RemoteAddress {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'file') return { kind: 'path', folder: orBadUrl(text, () => fileURLToPath(text)) }
  if (scheme === 'ssh') return readSshUrl(text)
  if (scheme !== undefined) return readServerUrl(text, scheme)
  const short = /^([^/:]+):(?!\/\/)(.+)$/.exec(text)
  if (short && !isAbsolute(text) && !existsSync(resolve(cwd, text))) {
    refuseBarePort(text)
    return { kind: 'ssh', host: safeHost(short[1]!, text), port: undefined, path: short[2]! }
  }
  return { kind: 'path', folder: resolve(cwd, text) }
}

/**
 * Opens a greeted stream to a remote, and asks for `prefixes` of refs in the
 * same breath. Closing the session closes the way as well. Throws `bad-url`,
 * `connection-failed`, `access-denied`, `server-changed` and others of their kind.
 */
export async function openRemote(context: Context, url: string, prefixes?: readonly string[]): Promise<RemoteSession> {
  const address = parseRemoteUrl(url, context.cwd)
  const { RemoteSession } = await import('../protocol/remote-session.ts')
  const connection = await connect(context, address).catch((error: unknown) => {
    throw address.kind === 'server' ? withSchemeHint(error, address.origin) : error
  })
  const greeting = await greetingFor(context, address)
  try {
    const session = await RemoteSession.open(connection, greeting, prefixes)
    session.onClose(() => connection.close())
    if (context.verbose) context.stderr.line(`connected to ${url} by ${session.transport}, as ${session.role}`)
    return session
  } catch (error) {
    await connection.close()
    throw withHint(context, error, address)
  }
}

async function connect(context: Context, address: RemoteAddress): Promise<Connection> {
  if (address.kind === 'path') return connectPath(context, address.folder)
  if (address.kind === 'ssh') return connectSsh(context, address)
  const { connectRemote } = await import('../protocol/connect.ts')
  const { certificateCheck, knownFingerprint } = await import('./known-servers.ts')
  const fingerprint = await knownFingerprint(context, address.url)
  return connectRemote(`${address.origin}/dits`, {
    tls: { onCertificate: certificateCheck(context, address.url) },
    ...(fingerprint !== undefined && { fingerprint }),
    onChoice: (why) => context.verbose && context.stderr.line(why),
    signal: context.signal,
  })
}

/** dits at the far end of ssh, which asks for what it needs on the terminal. DITS_SSH is another program for it. */
async function connectSsh(context: Context, { host, port, path }: RemoteAddress & { kind: 'ssh' }): Promise<Connection> {
  const { connectProcess } = await import('../protocol/process.ts')
  const program = context.environment.variables['DITS_SSH'] || 'ssh'
  const options = port === undefined ? [] : ['-p', port]
  return connectProcess(program, [...options, '--', host, `dits serve --stdio ${quoteForShell(path)}`], {
    transport: 'ssh',
    subject: `ssh://${host}/${path.replace(/^\//, '')}`,
    signal: context.signal,
  })
}

/** The repository of a folder of this machine, served within this process. */
async function connectPath(context: Context, folder: string): Promise<Connection> {
  const [{ connectLoopback }, { folderHandler }] = await Promise.all([import('../protocol/loopback.ts'), import('./serve-folder.ts')])
  return connectLoopback(await folderHandler(context, folder))
}

async function greetingFor(context: Context, address: RemoteAddress): Promise<ClientGreeting> {
  const common = { agent: `dits ${readVersion()}`, now: () => performance.now() }
  if (address.kind === 'path') return { ...common, repository: address.folder }
  if (address.kind === 'ssh') return { ...common, repository: address.path }
  const { tokenFor } = await import('./credentials.ts')
  return { ...common, repository: address.repository, token: await tokenFor(context, address.url) }
}

function readServerUrl(text: string, scheme: string): RemoteAddress {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  const repository = parsed && orBadUrl(text, () => decodeURIComponent(parsed.pathname)).replace(/^\/+|\/+$/g, '')
  if (!parsed || !['https', 'http', 'wss', 'ws'].includes(scheme)) throw badUrl(text)
  if (!repository) throw new DitsError('bad-url', `'${text}' names a server but no repository`, { hint: 'write it as https://HOST/TEAM/PROJECT' })
  const secure = scheme === 'https' || scheme === 'wss'
  return { kind: 'server', origin: `${secure ? 'https' : 'http'}://${parsed.host}`, repository, url: text }
}

function readSshUrl(text: string): RemoteAddress {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  if (!parsed || parsed.hostname === '' || parsed.pathname.length < 2) throw badUrl(text)
  const [user, path] = orBadUrl(text, () => [decodeURIComponent(parsed.username), decodeURIComponent(parsed.pathname)] as const)
  return { kind: 'ssh', host: safeHost(`${user === '' ? '' : `${user}@`}${parsed.hostname}`, text), port: parsed.port || undefined, path }
}

/** 'HOST:3487/TEAM/PROJECT' is a server's address without its scheme, far more often than a folder of that number in a home folder there. */
function refuseBarePort(text: string): void {
  const [, host, path] = /^([^/:@]+):(\d{1,5}\/.*)$/.exec(text) ?? []
  if (host === undefined || path === undefined) return
  throw new DitsError('bad-url', `'${text}' does not say whether it is a server or a machine for ssh`, {
    hint: `did you mean https://${text}? (ssh: write ssh://${host}/PATH, or ${host}:./${path})`,
  })
}

/** What Node cannot read as a part of a URL, such as '%zz', is no address. */
function orBadUrl<T>(text: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof URIError || error instanceof TypeError)) throw error
    throw badUrl(text)
  }
}

/** What starts with a dash would be an option of ssh. */
function safeHost(host: string, text: string): string {
  if (host.startsWith('-')) throw badUrl(text)
  return host
}

function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function badUrl(text: string): DitsError {
  return new DitsError('bad-url', `'${text}' is not the address of a repository`, {
    hint: 'addresses are https://HOST/TEAM/PROJECT, ssh://USER@HOST/PATH, or the path of a folder',
  })
}

/** What went wrong before the other side said anything, with what can be done about it here. */
function withHint(context: Context, error: unknown, address: RemoteAddress): unknown {
  if (!(error instanceof DitsError)) return error
  if (error.code === 'access-denied' && address.kind === 'server') return new DitsError(error.code, error.message, { hint: loginHint(context, address.origin), cause: error })
  if (error.code === 'connection-lost' && address.kind === 'ssh') {
    return new DitsError('connection-failed', error.message, { hint: `is dits installed there, and the path right? Try: ssh ${address.host} dits version`, cause: error })
  }
  return error
}

function loginHint({ environment }: Context, origin: string): string {
  if (environment.variables['DITS_TOKEN']) return "check the repository's name, and DITS_TOKEN, which goes before what 'dits login' keeps"
  return `check the repository's name, or log in with: dits login ${origin}`
}
