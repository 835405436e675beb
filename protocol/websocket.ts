import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { openSocket, type TlsOptions } from './network-socket.ts'
import { connectionFailed, connectionLost, type Connection } from './transport.ts'
import { messageBytesMax, WebSocketStream } from './websocket-stream.ts'

export interface WebSocketOptions {
  tls?: TlsOptions
  /** Sent with the request that opens each stream: 'Authorization'. Never before the certificate was accepted. */
  headers?: Record<string, string>
  /** For each of the steps that open a stream; 20 seconds if absent. */
  timeoutMs?: number
  /** As `WebSocketStreamOptions.idleMs`; a minute if absent. */
  idleMs?: number
  /** Gives up what is being opened, and closes the connection. */
  signal?: AbortSignal
}

/** What a receiver may be made to keep of one message in pieces. */
const receiverLimits = { maxFragments: 1024, maxBufferedChunks: 4096, perMessageDeflate: false }

/**
 * A connection to a server whose streams are one WebSocket each. The first is
 * opened at once, to know that the server can be reached, and becomes the
 * first stream. `url` has the scheme wss, ws, https or http; a user and
 * password in it are not sent. Throws `connection-failed`,
 * `certificate-refused`, or the signal's reason.
 */
export async function connectWebSocket(url: string | URL, options: WebSocketOptions = {}): Promise<Connection> {
  const target = targetOf(url)
  const connection = new WebSocketConnection(target, options)
  await connection.prepare()
  return connection
}

/** Makes WebSockets of the upgrade requests of an HTTP server. */
export function createUpgrader(options: { messageBytesMax: number; idleMs: number }): (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: options.messageBytesMax,
    // A stream that is over has said all; this is how long its last bytes may take to a slow reader.
    ...{ closeTimeout: options.idleMs },
    ...receiverLimits,
  })
  return (request, socket, head) => new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve))
}

class WebSocketConnection implements Connection {
  readonly transport = 'websocket'
  readonly #url: URL
  readonly #subject: string
  readonly #options: WebSocketOptions
  readonly #open = new Set<WebSocketStream>()
  readonly #accepted = new Set<string>()
  #prepared: WebSocketStream | undefined
  #closed: Promise<void> | undefined
  readonly #onAbort = () => void this.close()

  constructor(url: URL, options: WebSocketOptions) {
    this.#url = url
    // As people write it: they gave an https address.
    this.#subject = `${url.protocol.replace('ws', 'http')}//${url.host}${url.pathname}`
    this.#options = options
  }

  async prepare(): Promise<void> {
    this.#prepared = await this.#openStream()
    this.#options.signal?.addEventListener('abort', this.#onAbort)
  }

  async openStream(): Promise<WebSocketStream> {
    if (this.#closed) throw connectionLost(this.#subject, 'it was closed')
    const prepared = this.#prepared
    this.#prepared = undefined
    if (prepared) return prepared
    try {
      return await this.#openStream()
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'connection-failed') throw connectionLost(this.#subject, error.message, error)
      throw error
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  async #closeAll(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    const streams = [...this.#open]
    for (const stream of streams) stream.terminate()
    await Promise.all(streams.map(({ closed }) => closed))
  }

  async #openStream(): Promise<WebSocketStream> {
    const { tls, headers = {}, timeoutMs = 20_000, idleMs = 60_000, signal } = this.#options
    const socket = await openSocket(this.#url, this.#subject, { tls: this.#rememberAccepted(tls), timeoutMs, signal })
    const webSocket = new WebSocket(this.#url, {
      headers,
      createConnection: () => socket,
      maxPayload: messageBytesMax,
      ...{ closeTimeout: idleMs },
      ...receiverLimits,
      // Masks protect proxies that see the bytes. Inside TLS none does, and a mask of zeros saves a copy of all that is sent.
      ...(this.#url.protocol === 'wss:' ? { generateMask: (mask: Buffer) => void mask.fill(0) } : {}),
    })
    await opened(webSocket, this.#subject, { timeoutMs, signal })
    const stream = new WebSocketStream(webSocket, { subject: this.#subject, idleMs, bytesRead: () => socket.bytesRead, side: 'client', socket })
    this.#open.add(stream)
    void stream.closed.then(() => this.#open.delete(stream))
    if (this.#closed) stream.terminate()
    return stream
  }

  /** A person who accepted a certificate is not asked again for the next stream. */
  #rememberAccepted(tls: TlsOptions = {}): TlsOptions {
    const { onCertificate } = tls
    if (!onCertificate) return tls
    const decide = async (fingerprint: string, isTrusted: boolean) => {
      if (this.#accepted.has(fingerprint)) return true
      const isAccepted = await onCertificate(fingerprint, isTrusted)
      if (isAccepted) this.#accepted.add(fingerprint)
      return isAccepted
    }
    return { ...tls, onCertificate: decide }
  }
}

/** Resolves when the server has agreed to speak WebSocket. */
function opened(webSocket: WebSocket, subject: string, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const giveUp = (reason: unknown) => {
    reject(reason)
    webSocket.terminate()
  }
  const onAbort = () => giveUp(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  const timer = setTimeout(() => giveUp(connectionFailed(subject, `no answer within ${timeoutMs / 1000} seconds`)), timeoutMs)
  webSocket.once('open', resolve)
  // Also keeps quiet what `terminate` makes of a WebSocket that never opened.
  webSocket.on('error', (cause) => reject(connectionFailed(subject, cause.message, { cause })))
  webSocket.once('unexpected-response', (_request, response: IncomingMessage) => {
    const hint = hintOfStatus[response.statusCode ?? 0]
    giveUp(connectionFailed(subject, `it answered ${response.statusCode} ${response.statusMessage}`, hint === undefined ? {} : { hint }))
  })
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  })
}

const hintOfStatus: Readonly<Record<number, string>> = {
  401: 'run: dits login',
  403: 'ask the owner of the server for access',
  404: 'check the path of the address',
  429: 'the server has too many connections of yours; wait, or close some',
  503: 'the server is busy or stopping; try again later',
}

function targetOf(url: string | URL): URL {
  const target = new URL(url)
  if (target.protocol === 'https:') target.protocol = 'wss:'
  if (target.protocol === 'http:') target.protocol = 'ws:'
  target.username = ''
  target.password = ''
  target.hash = ''
  return target
}

