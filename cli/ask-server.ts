import http from 'node:http'
import { DitsError } from '../core/errors.ts'
import { openSocket, type TlsOptions } from '../protocol/network-socket.ts'
import type { Context } from './context.ts'
import { withSchemeHint } from './scheme-hint.ts'
import { serverOrigin } from './server-url.ts'

type CertificateCheck = NonNullable<TlsOptions['onCertificate']>

const timeoutMs = 30_000
const answerBytesMax = 64 * 1024

/** Who a server takes somebody for. */
export interface ServerIdentity {
  user: string
  /** What the user may do in all repositories. */
  role: string | undefined
  /** The only repository that the token opens. */
  repository: string | undefined
}

/**
 * Looks at a server's certificate, and says nothing to it. Throws
 * `connection-failed`, `certificate-refused`, and what `onCertificate` throws.
 */
export async function meetServer({ signal }: Context, url: string, onCertificate: CertificateCheck): Promise<void> {
  const target = new URL(serverOrigin(url))
  const socket = await openSocket(target, target.origin, { tls: { onCertificate }, timeoutMs, signal })
  socket.destroy()
}

/**
 * Asks a server whose token this is. Throws `access-denied` where it is
 * nobody's, `too-many-attempts`, `connection-failed`, what `onCertificate`
 * throws, and `not-a-server` where something else answers.
 */
export async function whoAmI(context: Context, url: string, token: string, onCertificate: CertificateCheck): Promise<ServerIdentity> {
  const origin = serverOrigin(url)
  const { status, text } = await request(context, `${origin}/whoami`, token, { onCertificate })
  if (status === 401) {
    throw new DitsError('access-denied', `'${origin}' does not know this token`, { hint: 'it may have expired or been revoked; ask who runs the server for a new one' })
  }
  if (status === 429) throw new DitsError('too-many-attempts', `'${origin}' has seen too many wrong tokens from here`, { hint: 'wait a minute and run the command again' })
  const identity = status === 200 ? parseIdentity(text) : undefined
  if (!identity) throw new DitsError('not-a-server', `what answers at '${origin}' is no dits server`, { hint: 'check the address and its port' })
  return identity
}

async function request(context: Context, url: string, token: string, tls: TlsOptions): Promise<{ status: number; text: string }> {
  const target = new URL(url)
  const { signal } = context
  // Nothing is said to the server, least of all the token, before its certificate was accepted.
  const socket = await openSocket(target, target.origin, { tls, timeoutMs, signal })
  try {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
    const headers = { host: target.host, authorization: `Bearer ${token}`, connection: 'close' }
    const asked = http.request({ createConnection: () => socket, path: target.pathname, headers, signal, timeout: timeoutMs }, resolve)
    asked.once('error', reject).once('timeout', () => asked.destroy(new Error('no answer in time'))).end()
    const response = await promise
    let text = ''
    for await (const piece of response as AsyncIterable<Buffer>) {
      text += piece.toString('utf8')
      if (text.length > answerBytesMax) break
    }
    return { status: response.statusCode ?? 0, text }
  } catch (cause) {
    signal.throwIfAborted()
    throw withSchemeHint(new DitsError('connection-failed', `'${target.origin}' gives no answer`, { hint: 'check the address and the network', cause }), target.origin)
  } finally {
    socket.destroy()
  }
}

function parseIdentity(text: string): ServerIdentity | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('user' in value) || typeof value.user !== 'string') return undefined
  const textOf = (name: string) => {
    const field: unknown = (value as Record<string, unknown>)[name]
    return typeof field === 'string' ? field : undefined
  }
  return { user: value.user, role: textOf('role'), repository: textOf('repository') }
}
