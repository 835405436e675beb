import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { DitsError, isErrno } from '#core'

/** Where to listen. Port 0 takes one that is free. */
export interface ListenAddress {
  host: string
  port: number
}

/** Bounds against clients that are slow or say too much. Milliseconds unless the name says otherwise. */
const limits = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 20_000,
  keepAliveMs: 5_000,
  checkEveryMs: 2_000,
  headerBytesMax: 8 * 1024,
  headersMax: 64,
  requestsPerSocketMax: 100,
  connectionsMax: 4096,
}

/** What a page answers. */
export interface Page {
  status: number
  text: string
  contentType?: string
}

export interface PageRequest {
  /** The bearer token of the request; a secret. */
  token: string | undefined
  /** Of the client, with its port. */
  address: string
}

/** Pages by path; each is asked with GET or HEAD. */
export type Pages = Readonly<Record<string, (request: PageRequest) => Promise<Page>>>

/** Certificate and key as PEM. */
export interface TlsKeys {
  cert: string | Buffer
  key: string | Buffer
}

/**
 * A server for a few small pages, with TLS where there are keys. A page that
 * throws is 500, and `onError` is told. Throws `certificate-damaged` where the
 * keys cannot be used.
 */
export function createPageServer(pages: Pages, options: { tls?: TlsKeys | undefined; onError(error: unknown): void }): http.Server | https.Server {
  const settings = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    maxHeaderSize: limits.headerBytesMax,
  }
  const server = options.tls ? createTlsServer({ ...settings, ...options.tls }) : http.createServer(settings)
  server.maxHeadersCount = limits.headersMax
  server.maxRequestsPerSocket = limits.requestsPerSocketMax
  server.maxConnections = limits.connectionsMax
  server.on('request', (request, response) => void respond(pages, request, response, options.onError))
  return server
}

/** Starts to listen, and answers where. Throws `address-unavailable`. */
export async function listen(server: http.Server | https.Server, { host, port }: ListenAddress): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port }, resolve)
  try {
    await promise
  } catch (cause) {
    if (!isErrno(cause, 'EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND')) throw cause
    throw new DitsError('address-unavailable', `cannot listen on '${host}:${port}': ${cause.code}`, { hint: 'name another address or port with --listen', cause })
  } finally {
    server.off('error', reject)
  }
  return server.address() as AddressInfo
}

/** 'https://host:port', with an address that can be called where the server listens on all. */
export function urlOf(scheme: 'http' | 'https', { address, port, family }: AddressInfo): string {
  const everywhere = address === '0.0.0.0' || address === '::'
  const host = everywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
  return `${scheme}://${host}:${port}`
}

function createTlsServer(options: https.ServerOptions): https.Server {
  try {
    return https.createServer({ ...options, minVersion: 'TLSv1.2', handshakeTimeout: limits.handshakeMs, ALPNProtocols: ['http/1.1'] })
  } catch (cause) {
    throw new DitsError('certificate-damaged', 'the certificate and its key cannot be used', {
      hint: 'give --cert and --key as PEM files that belong together',
      cause,
    })
  }
}

async function respond(pages: Pages, request: http.IncomingMessage, response: http.ServerResponse, onError: (error: unknown) => void): Promise<void> {
  const page = await findPage(pages, request).catch((error: unknown) => {
    onError(error)
    return { status: 500, text: 'the server failed at this request\n' }
  })
  response.writeHead(page.status, {
    'content-type': 'contentType' in page && page.contentType !== undefined ? page.contentType : 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(page.text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(request.method === 'HEAD' ? '' : page.text)
  // What a request without need brings along is not read.
  if (!request.complete) response.once('finish', () => request.destroy())
}

async function findPage(pages: Pages, request: http.IncomingMessage): Promise<Page> {
  const path = (request.url ?? '/').split('?', 1)[0]!
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  if (!page) return { status: 404, text: 'there is nothing here\n' }
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, text: 'only GET and HEAD\n' }
  const token = /^Bearer ([\x21-\x7e]{1,1024})$/i.exec(request.headers.authorization ?? '')?.[1]
  return page({ token, address: addressOf(request.socket) })
}

function addressOf({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
}
