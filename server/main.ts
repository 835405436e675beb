import type { Server } from 'node:http'
import { join } from 'node:path'
import { DitsError, hasCode } from '#core'
import type { Role, ServedEvent } from '../protocol/host.ts'
import { serveSession } from '../protocol/serve.ts'
import type { StreamHandler } from '../protocol/transport.ts'
import { acceptWebSockets } from '../protocol/websocket-server.ts'
import { createAccounts, type Accounts, type Clock } from './accounts.ts'
import { Attempts } from './attempts.ts'
import { fingerprintOf } from './fingerprint.ts'
import { createHost } from './host.ts'
import { createPageServer, listen, urlOf, type ListenAddress, type TlsKeys } from './http.ts'
import type { Log } from './log.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { openDataToServe } from './open-data.ts'
import { openOwnCertificate } from './own-certificate.ts'
import { createPages } from './pages.ts'
import { createRepositories } from './repositories.ts'
import { listenForWebTransport } from './web-transport.ts'

/** Where WebSockets are opened; which repository is meant stands in the greeting. */
export const webSocketPath = '/dits'
/** Streams at once, in all and from one address, behind which there may be an office. */
const socketsMax = 1024
const socketsPerAddressMax = 256
/** How long after the grace period streams may take to notice that they are abandoned. */
const abandonMs = 5_000

/** What a server is told when it starts, the clock and the log included. */
export interface ServerOptions {
  /** A folder, or an address such as `s3://bucket/prefix`. */
  data: string
  listen: ListenAddress
  /** Keys that were given; or a certificate of the server's own, kept in a folder; or no TLS. */
  tls: TlsKeys | { ownIn: string | undefined } | 'none'
  /** Where Prometheus finds the figures, in plain HTTP without a token. Nowhere where it is absent. */
  metrics?: ListenAddress | undefined
  /** True where all clients come from the address of a proxy, so that no one address may be given less than all together. */
  behindProxy: boolean
  /** Who may make a repository by pushing to a new name. */
  autoCreate: Role | undefined
  /** What running streams get to finish when the server stops. */
  graceMs: number
  clock: Clock
  /** Resolves after so many milliseconds. */
  wait(ms: number): Promise<void>
  log: Log
  version: string
}

/** A server that listens. */
export interface RunningServer {
  readonly url: string
  /** SHA-256 of the certificate, as 64 hex digits. */
  readonly fingerprint: string | undefined
  readonly metricsUrl: string | undefined
  /** The administrator that was made because there was no user: the only time that the secret can be seen. */
  readonly firstToken: { user: string; secret: string } | undefined
  /** Takes no new streams, gives running ones `graceMs`, then abandons them. Every push is whole or has not happened. */
  stop(): Promise<void>
}

/**
 * Starts a server and resolves when it listens. Throws `data-folder-busy`,
 * `address-unavailable`, `certificate-damaged`, `unsupported-version`, and
 * what the store throws.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const data = await openDataToServe(options.data)
  // What was started is stopped in the opposite order, also where the next step fails.
  const cleanUp: (() => Promise<void>)[] = [data.close]
  const cleanUpAll = async () => {
    for (const step of cleanUp.splice(0).reverse()) await step()
  }
  try {
    const { clock, log } = options
    await data.sweep(clock.now()).catch((error: unknown) => log.warn({ error }, 'what interrupted writes left was not removed'))
    const accounts = createAccounts(data.store, clock)
    const tls = await chooseKeys(options, data.folder)
    const attempts = new Attempts({ elapsedMs: clock.elapsedMs, wait: options.wait }, options.behindProxy ? { waitingMax: socketsMax } : {})
    const metrics = createMetrics(() => countConnections(server))
    const repositories = createRepositories(data.store, clock)
    const report = (event: ServedEvent) => {
      metrics.countEvent(event)
      logEvent(log, event)
    }
    const pages = createPages({ ...options, store: data.store, accounts, attempts, report })
    const server = createPageServer(pages, { tls, onError: (error) => log.error({ error }, 'page failed') })
    const host = createHost({ accounts, repositories, attempts, clock, autoCreate: options.autoCreate, report })

    const stopping = new AbortController()
    const ending = new AbortController()
    const handler: StreamHandler = (stream, peer) => serveSession(stream, peer, host, { now: clock.elapsedMs, signal: ending.signal, stopping: stopping.signal })
    cleanUp.push(acceptStreams(server, counted(metrics, handler), { options, metrics, stopping, ending }))
    const address = await listen(server, options.listen)
    cleanUp.push(async () => closeListener(server))
    if (tls) {
      const over = { address: { host: options.listen.host, port: address.port }, tls, path: webSocketPath }
      cleanUp.push(listenForWebTransport({ ...over, handler: counted(metrics, handler), graceMs: options.graceMs, log }))
    }
    const metricsUrl = options.metrics && (await serveMetrics(options.metrics, metrics, log, cleanUp))
    // Last, because a start that fails would keep the token to itself.
    const firstToken = await createFirstUser(accounts)
    const url = urlOf(tls ? 'https' : 'http', address)
    log.info({ url, data: options.data, version: options.version }, 'listening')
    return {
      url,
      fingerprint: tls && fingerprintOf(tls.cert),
      metricsUrl,
      firstToken,
      async stop() {
        const stopped = cleanUpAll()
        log.info({ graceMs: options.graceMs }, 'stopping')
        await stopped
        log.info({}, 'stopped')
      },
    }
  } catch (error) {
    await cleanUpAll()
    throw error
  }
}

/** Where there is no user yet, makes one who may do everything. Of several servers that start on one bucket, one does. */
async function createFirstUser(accounts: Accounts): Promise<{ user: string; secret: string } | undefined> {
  for await (const _user of accounts.listUsers()) return undefined
  try {
    const { name } = await accounts.addUser('admin', 'admin')
    return { user: name, secret: (await accounts.createToken({ user: name, label: 'first start' })).secret }
  } catch (error) {
    if (hasCode(error, 'user-exists')) return undefined
    throw error
  }
}

async function chooseKeys({ tls, clock }: ServerOptions, dataFolder: string | undefined): Promise<TlsKeys | undefined> {
  if (tls === 'none') return undefined
  if ('cert' in tls) return tls
  const folder = tls.ownIn ?? (dataFolder && join(dataFolder, 'tls'))
  if (folder === undefined) {
    throw new DitsError('bad-arguments', 'a server whose data lie in a bucket needs a place for its certificate', { hint: 'add --tls-folder FOLDER, or --cert and --key' })
  }
  const { certificate, privateKey } = await openOwnCertificate(folder, clock.now())
  return { cert: certificate, key: privateKey }
}

/** Opens the way for streams; answers what stops it. */
function acceptStreams(server: Server, handler: StreamHandler, { options, metrics, stopping, ending }: { options: ServerOptions; metrics: Metrics; stopping: AbortController; ending: AbortController }): () => Promise<void> {
  const accepting = acceptWebSockets(server, {
    isPath: (path) => path === webSocketPath,
    handler,
    limits: { graceMs: options.graceMs, socketsMax, socketsPerAddressMax: options.behindProxy ? socketsMax : socketsPerAddressMax },
    onRefused(address, why) {
      metrics.countTurnedAway()
      options.log.warn({ address, why }, 'turned away')
    },
  })
  return async () => {
    stopping.abort()
    const timer = setTimeout(() => ending.abort(), options.graceMs)
    // A store that answers nothing any more must not keep the process from ending; what it was to store does not count yet.
    await Promise.race([accepting.close(), options.wait(options.graceMs + abandonMs)])
    clearTimeout(timer)
    server.closeAllConnections()
  }
}

function counted(metrics: Metrics, handler: StreamHandler): StreamHandler {
  return async (stream, peer) => {
    const end = metrics.countStream(peer.transport)
    try {
      await handler(stream, peer)
    } finally {
      end()
    }
  }
}

async function serveMetrics(address: ListenAddress, metrics: Metrics, log: Log, cleanUp: (() => Promise<void>)[]): Promise<string> {
  const page = async () => ({ status: 200, text: await metrics.text(), contentType: metrics.contentType })
  const server = createPageServer({ '/metrics': page }, { onError: (error) => log.error({ error }, 'page failed') })
  const url = urlOf('http', await listen(server, address))
  cleanUp.unshift(async () => closeListener(server))
  return `${url}/metrics`
}

function closeListener(server: Server): void {
  server.close()
  server.closeIdleConnections()
}

function countConnections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))))
}

function logEvent(log: Log, event: ServedEvent): void {
  switch (event.kind) {
    case 'refused': {
      // The peer may hold the token that it came with.
      const { repository, user, code, message, peer } = event
      return log.warn({ repository, user, code, message, address: peer.address }, 'refused')
    }
    case 'failed':
      return log.error({ fault: event.fault, repository: event.repository, user: event.user, request: event.request, error: event.error }, 'failed')
    case 'moved':
      return log.info({ repository: event.repository, user: event.user, moves: event.moves }, 'moved')
    case 'request': {
      const { repository, user, request, ms, bytesIn, bytesOut } = event
      return log.debug({ repository, user, request, ms: Math.round(ms), bytesIn, bytesOut }, 'request')
    }
  }
}
