import { DitsError } from '#core'
import { connectionFailed, type Connection } from './transport.ts'
import { loadWebTransport, type WebTransportImplementation } from './webtransport-client.ts'
import { connectWebTransport } from './webtransport.ts'
import { connectWebSocket, type WebSocketOptions } from './websocket.ts'

export interface ConnectOptions extends WebSocketOptions {
  /**
   * The SHA-256 of the certificate that the server is known by, 64 hex digits.
   * WebTransport cannot show a certificate to be decided on, so it trusts this
   * one, or the authorities of the system where there is none.
   */
  fingerprint?: string
  /** Told which transport was taken and why: for --verbose. */
  onChoice?: (why: string) => void
  /** Stands in for what is installed, in tests. */
  webTransport?: WebTransportImplementation | string
}

/** How long a server may take to answer over WebTransport before WebSocket is tried. */
const webTransportMs = 800

/**
 * A connection to the server of a URL. Over https it is WebTransport where
 * both sides have it and nothing on the way holds up UDP, and WebSocket
 * otherwise, within a second; wss, ws and http are always WebSocket. Throws
 * `connection-failed`, `certificate-refused`, `bad-url`, or the signal's
 * reason.
 */
export async function connectRemote(url: string, options: ConnectOptions = {}): Promise<Connection> {
  const target = parseUrl(url)
  const outcome = target.protocol === 'https:' ? await tryWebTransport(target, options) : `the address says ${target.protocol.slice(0, -1)}`
  if (typeof outcome !== 'string') return outcome
  options.signal?.throwIfAborted()
  const connection = await connectWebSocket(target, options)
  options.onChoice?.(`connected by WebSocket: ${outcome}`)
  return connection
}

function parseUrl(url: string): URL {
  const target = URL.parse(url)
  if (target && ['https:', 'http:', 'wss:', 'ws:'].includes(target.protocol)) return target
  throw new DitsError('bad-url', `'${url}' is no address of a server`, { hint: 'such as https://media.example.org/team/film' })
}

/** A connection, or in words why there is none. */
async function tryWebTransport(target: URL, options: ConnectOptions): Promise<Connection | string> {
  const implementation = options.webTransport ?? loadWebTransport()
  if (typeof implementation === 'string') return implementation
  const subject = `${target.protocol}//${target.host}${target.pathname}`
  const bare = new URL(target)
  bare.username = ''
  bare.password = ''
  const session = implementation.connect(bare.href, options.fingerprint === undefined ? [] : [options.fingerprint])
  const tooLate = Promise.withResolvers<never>()
  const timer = setTimeout(() => tooLate.reject(connectionFailed(subject, `no answer over UDP within ${webTransportMs} ms`)), webTransportMs)
  const connecting = connectWebTransport(session, subject)
  connecting.catch(() => {})
  try {
    const connection = await Promise.race([connecting, tooLate.promise])
    options.onChoice?.('connected by WebTransport')
    return closeOnAbort(connection, options.signal)
  } catch (error) {
    // A session that is established after all must not linger.
    session.close()
    return `WebTransport does not work here: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    clearTimeout(timer)
  }
}

/** What `connectWebSocket` does with its signal. */
function closeOnAbort(connection: Connection, signal: AbortSignal | undefined): Connection {
  const onAbort = () => void connection.close()
  signal?.addEventListener('abort', onAbort, { once: true })
  return {
    transport: connection.transport,
    openStream: () => connection.openStream(),
    close: () => {
      signal?.removeEventListener('abort', onAbort)
      return connection.close()
    },
  }
}
