import type { StreamHandler } from '../protocol/transport.ts'
import { loadWebTransport } from '../protocol/webtransport-client.ts'
import { acceptWebTransport } from '../protocol/webtransport-server.ts'
import type { ListenAddress, TlsKeys } from './http.ts'
import type { Log } from './log.ts'

export interface WebTransportListenOptions {
  /** That of the HTTPS server: the same host, and the same port over UDP. */
  address: ListenAddress
  tls: TlsKeys
  path: string
  handler: StreamHandler
  graceMs: number
  log: Log
}

/**
 * Serves streams over WebTransport as well, where an implementation is
 * installed and runs on this machine; the log says why where it does not, and
 * clients use WebSocket then. Answers what stops it.
 */
export function listenForWebTransport({ address, tls, path, handler, graceMs, log }: WebTransportListenOptions): () => Promise<void> {
  const implementation = loadWebTransport()
  if (typeof implementation === 'string') {
    log.debug({ why: implementation }, 'no WebTransport')
    return async () => {}
  }
  try {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host
    const { close } = acceptWebTransport(implementation, {
      address: `${host}:${address.port}`,
      certificate: tls.cert.toString(),
      key: tls.key.toString(),
      isPath: (asked) => asked === path,
      handler,
      limits: { graceMs },
      onRefused: (asked, why) => log.warn({ path: asked, why }, 'turned away'),
    })
    log.info({ udpPort: address.port }, 'listening for WebTransport')
    return close
  } catch (error) {
    log.warn({ error }, 'no WebTransport')
    return async () => {}
  }
}
