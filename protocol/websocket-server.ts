import { STATUS_CODES, type IncomingMessage, type Server as HttpServer } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { serveStream } from './serve-stream.ts'
import { connectionLost, type StreamHandler } from './transport.ts'
import { closeCodes, messageBytesMax, WebSocketStream } from './websocket-stream.ts'
import { createUpgrader } from './websocket.ts'

export interface WebSocketLimits {
  /** Streams at once, in all and from one address. */
  socketsMax: number
  socketsPerAddressMax: number
  /** Of one message; a longer one fails its stream. */
  messageBytesMax: number
  /** From the connection to the end of its request's head. For the agreement on keys, https.createServer has `handshakeTimeout`. */
  handshakeMs: number
  /** As `WebSocketStreamOptions.idleMs`. */
  idleMs: number
  /** What running streams get to finish when the listener is closed. */
  graceMs: number
}

export const webSocketLimits: Readonly<WebSocketLimits> = {
  socketsMax: 1024,
  socketsPerAddressMax: 64,
  messageBytesMax,
  handshakeMs: 10_000,
  idleMs: 60_000,
  graceMs: 10_000,
}

export interface AcceptOptions {
  /** Which paths, such as '/team/film', are for WebSockets. Other listeners may take the rest; without any it is 404. */
  isPath: (path: string) => boolean
  handler: StreamHandler
  limits?: Partial<WebSocketLimits>
  /** Told of each connection that was turned away or too slow, for the log. */
  onRefused?: (address: string, why: string) => void
}

/**
 * Serves every WebSocket that is opened on an HTTP server as one stream.
 * Whatever a client does, at worst its own stream fails with
 * `connection-lost`. `close` takes no new ones, gives those that run
 * `graceMs`, then fails them, and resolves when their handlers have settled;
 * the HTTP server is its owner's to close.
 */
export function acceptWebSockets(httpServer: HttpServer | HttpsServer, options: AcceptOptions): { close(): Promise<void> } {
  const listener = new WebSocketListener({ ...options, limits: { ...webSocketLimits, ...options.limits } })
  const arrival = httpServer instanceof HttpsServer ? 'secureConnection' : 'connection'
  const onArrival = (socket: Socket) => listener.expectRequest(socket)
  const onRequest = (request: IncomingMessage) => listener.requestArrived(request.socket)
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    listener.requestArrived(request.socket)
    const isMine = options.isPath(pathOf(request).split('?', 1)[0]!)
    if (isMine || httpServer.listenerCount('upgrade') === 1) listener.upgrade(request, socket, head, isMine)
  }
  httpServer.on(arrival, onArrival).on('request', onRequest).on('upgrade', onUpgrade)
  return {
    close: async () => {
      await listener.close()
      httpServer.off(arrival, onArrival).off('request', onRequest).off('upgrade', onUpgrade)
    },
  }
}

class WebSocketListener {
  readonly #options: AcceptOptions & { limits: WebSocketLimits }
  readonly #upgradeSocket: ReturnType<typeof createUpgrader>
  readonly #handshakes = new WeakMap<Socket, NodeJS.Timeout>()
  readonly #streams = new Set<WebSocketStream>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #perAddress = new Map<string, number>()
  #count = 0
  #isClosing = false

  constructor(options: AcceptOptions & { limits: WebSocketLimits }) {
    this.#options = options
    this.#upgradeSocket = createUpgrader(options.limits)
  }

  expectRequest(socket: Socket): void {
    const address = addressOf(socket)
    const timer = setTimeout(() => {
      this.#options.onRefused?.(address, 'it asked for nothing in time')
      socket.destroy()
    }, this.#options.limits.handshakeMs)
    this.#handshakes.set(socket, timer)
    socket.once('close', () => clearTimeout(timer))
  }

  requestArrived(socket: Socket): void {
    clearTimeout(this.#handshakes.get(socket))
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, isMine: boolean): void {
    const [status, why] = isMine ? this.#refusal(request.socket) : [404, 'there is nothing at this path']
    if (status !== undefined) {
      this.#options.onRefused?.(addressOf(request.socket), why)
      return refuse(socket, status)
    }
    this.#occupy(request.socket)
    const running = this.#serve(request, socket, head)
    this.#running.add(running)
    void running.then(() => this.#running.delete(running))
  }

  async close(): Promise<void> {
    this.#isClosing = true
    const timer = Promise.withResolvers<void>()
    const timeout = setTimeout(timer.resolve, this.#options.limits.graceMs)
    await Promise.race([Promise.all(this.#running), timer.promise])
    clearTimeout(timeout)
    for (const stream of this.#streams) stream.close(closeCodes.stopping, connectionLost('a client', 'this server is stopping'))
    await Promise.all(this.#running)
    for (const stream of this.#streams) stream.terminate()
    await Promise.all([...this.#streams].map(({ closed }) => closed))
  }

  #refusal(socket: Socket): [number, string] | [undefined, ''] {
    const { socketsMax, socketsPerAddressMax } = this.#options.limits
    if (this.#isClosing) return [503, 'this server is stopping']
    if (this.#count >= socketsMax) return [503, `there are ${socketsMax} streams already`]
    const ofAddress = this.#perAddress.get(socket.remoteAddress ?? '') ?? 0
    if (ofAddress >= socketsPerAddressMax) return [429, `there are ${socketsPerAddressMax} streams from this address already`]
    return [undefined, '']
  }

  /** Counts a connection until its socket is gone. */
  #occupy(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    this.#count++
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1)
    socket.once('close', () => {
      this.#count--
      const left = this.#perAddress.get(address)! - 1
      if (left > 0) this.#perAddress.set(address, left)
      else this.#perAddress.delete(address)
    })
  }

  async #serve(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new Promise<undefined>((resolve) => socket.once('close', () => resolve(undefined)))
    const address = addressOf(request.socket)
    const webSocket = await Promise.race([this.#upgradeSocket(request, socket, head), gone])
    if (!webSocket) return this.#options.onRefused?.(address, 'its request was no WebSocket handshake')
    const { authorization } = request.headers
    const stream = new WebSocketStream(webSocket, { subject: address, idleMs: this.#options.limits.idleMs, bytesRead: () => request.socket.bytesRead, side: 'server', socket })
    this.#streams.add(stream)
    void stream.closed.then(() => this.#streams.delete(stream))
    const peer = { address, transport: 'websocket', path: pathOf(request), ...(authorization === undefined ? {} : { authorization }) }
    await serveStream(stream, peer, this.#options.handler)
  }
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url
}

function addressOf({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`
}
