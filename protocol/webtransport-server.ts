import type { StreamHandler } from './transport.ts'
import type { WebTransportImplementation, WebTransportRequest } from './webtransport-client.ts'
import { serveWebTransportSession, type WebTransportSession } from './webtransport.ts'

export interface AcceptWebTransportOptions {
  /** The UDP address to listen on, '0.0.0.0:8443': by custom that of the HTTPS server beside it. */
  address: string
  /** Both PEM. Clients that pin the certificate of the HTTPS server take this one for it only where it is the same. */
  certificate: string
  key: string
  /** Which paths are for sessions; the rest is 404. */
  isPath: (path: string) => boolean
  handler: StreamHandler
  limits?: Partial<WebTransportLimits>
  /** Told of each session that was turned away, for the log. */
  onRefused?: (path: string, why: string) => void
}

export interface WebTransportLimits {
  sessionsMax: number
  /** More streams of one session wait. */
  streamsPerSessionMax: number
  /** What running sessions get to finish when the listener is closed. */
  graceMs: number
}

export const webTransportLimits: Readonly<WebTransportLimits> = { sessionsMax: 256, streamsPerSessionMax: 64, graceMs: 10_000 }

/**
 * Serves every stream of every WebTransport session that clients open. The
 * peer's address is unknown to the interface, so `Peer.address` only says
 * 'webtransport'. `close` takes no new sessions, gives those that run
 * `graceMs`, then closes them, and resolves when their handlers have settled.
 * Throws what the implementation throws where it cannot listen.
 */
export function acceptWebTransport(implementation: WebTransportImplementation, options: AcceptWebTransportOptions): { close(): Promise<void> } {
  const limits = { ...webTransportLimits, ...options.limits }
  const listener = implementation.listen(options.address, options.certificate, options.key)
  const sessions = new Set<WebTransportSession>()
  const running = new Set<Promise<void>>()
  let accepted = 0
  const serve = async (request: WebTransportRequest) => {
    const path = pathOf(request.url)
    const [status, why] = options.isPath(path.split('?', 1)[0]!) ? [503, `there are ${limits.sessionsMax} sessions already`] : [404, 'there is nothing at this path']
    if (status === 404 || accepted >= limits.sessionsMax) {
      options.onRefused?.(path, why)
      return request.reject(status)
    }
    accepted++
    try {
      const session = await request.accept()
      sessions.add(session)
      const peer = { address: 'webtransport', transport: 'webtransport', path }
      await serveWebTransportSession(session, { handler: options.handler, peer, streamsMax: limits.streamsPerSessionMax })
      sessions.delete(session)
    } finally {
      accepted--
    }
  }
  const acceptAll = async () => {
    for (let request = await listener.accept(); request; request = await listener.accept()) {
      // A client that goes away in the middle of its request is no one else's concern.
      const serving: Promise<void> = serve(request).catch(() => {})
      running.add(serving)
      void serving.then(() => running.delete(serving))
    }
  }
  const accepting = acceptAll()
  return {
    close: async () => {
      listener.close()
      await accepting
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, limits.graceMs)
      await Promise.race([Promise.all(running), late.promise])
      clearTimeout(timer)
      for (const session of sessions) session.close({ closeCode: 1, reason: 'this server is stopping' })
      await Promise.all(running)
    },
  }
}

function pathOf(url: string): string {
  const parsed = URL.parse(url)
  return parsed ? parsed.pathname + parsed.search : url
}
