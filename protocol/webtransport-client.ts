import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { WebTransportPair, WebTransportSession } from './webtransport.ts'

/** An implementation of WebTransport that runs on this machine. */
export interface WebTransportImplementation {
  /** Begins a session; its `ready` tells how that went. With fingerprints, a certificate with one of these SHA-256 (64 hex digits) is trusted and no other. */
  connect(url: string, fingerprints: readonly string[]): WebTransportSession
  /** Listens on a UDP address, '127.0.0.1:4433', with a certificate and key in PEM. Throws where it cannot. */
  listen(address: string, certificate: string, key: string): WebTransportListener
}

/** A listener of an implementation. */
export interface WebTransportListener {
  /** The next session that a client asks for; undefined once the listener is closed. */
  accept(): Promise<WebTransportRequest | undefined>
  close(): void
}

/** A session that a client asks for. */
export interface WebTransportRequest {
  /** The whole URL. */
  url: string
  accept(): Promise<WebTransportSession>
  /** Answers with an HTTP status. */
  reject(status: number): Promise<void>
}

let loaded: WebTransportImplementation | string | undefined

/**
 * The implementation of the optional package @moq/web-transport, or in one
 * line why there is none: it is not installed, or not made for this system
 * (it needs glibc 2.38). Quiet, and tried once only.
 */
export function loadWebTransport(): WebTransportImplementation | string {
  loaded ??= load()
  return loaded
}

/**
 * The package's own entry is TypeScript, which Node does not run out of
 * node_modules; what it wraps is CommonJS. So its native classes are given the
 * W3C interface here.
 */
function load(): WebTransportImplementation | string {
  try {
    const require = createRequire(import.meta.url)
    const entry = require.resolve('@moq/web-transport')
    const native = require(join(dirname(entry), '../napi.cjs')) as Native
    return { connect: (url, fingerprints) => connect(native, url, fingerprints), listen: (...options) => listen(native, ...options) }
  } catch (error) {
    return `@moq/web-transport does not load here: ${reasonOf(error)}`
  }
}

/** The package tries several files and keeps each failure as the cause of the next; one of them may know about the system. */
function reasonOf(error: unknown): string {
  const messages: string[] = []
  for (let cause = error; cause instanceof Error && messages.length < 10; cause = cause.cause) messages.push(cause.message.split('\n')[0]!)
  return messages.find((message) => /GLIBC|dlopen|shared object/.test(message)) ?? messages[0] ?? String(error)
}

function connect({ NapiClient }: Native, url: string, fingerprints: readonly string[]): WebTransportSession {
  const hashes = fingerprints.map((hex) => Buffer.from(hex, 'hex'))
  const client = hashes.length > 0 ? NapiClient.withCertificateHashes(hashes) : NapiClient.withSystemRoots()
  const connecting = client.connect(url)
  let isClosed = false
  void connecting.then((session) => isClosed && session.close(0, '')).catch(() => {})
  return sessionOf(connecting, () => (isClosed = true))
}

function listen({ NapiServer }: Native, address: string, certificate: string, key: string): WebTransportListener {
  const server = NapiServer.bind(address, Buffer.from(certificate), Buffer.from(key))
  const closed = Promise.withResolvers<undefined>()
  let isClosed = false
  const next = async () => {
    const request = await server.accept()
    if (!request || !isClosed) return request ?? undefined
    // Closing the native listener while it waits for a client would stop the process for good, so that is done now.
    await request.reject(503)
    server.close()
    return undefined
  }
  return {
    accept: async () => {
      const request = await Promise.race([next(), closed.promise])
      if (!request) return undefined
      return {
        url: await request.url,
        accept: async () => sessionOf(Promise.resolve(await request.ok())),
        reject: (status) => request.reject(status),
      }
    },
    close: () => {
      isClosed = true
      closed.resolve(undefined)
    },
  }
}

function sessionOf(connecting: Promise<NativeSession>, onClose: () => void = () => {}): WebTransportSession {
  let session: NativeSession | undefined
  const ready = connecting.then((established) => {
    session = established
  })
  const closed = connecting.then((established) => established.closed())
  // Whoever looks at one of them need not look at the other.
  for (const settled of [ready, closed]) settled.catch(() => {})
  return {
    ready,
    closed,
    incomingBidirectionalStreams: new ReadableStream<WebTransportPair>(
      {
        pull: async (controller) => {
          try {
            controller.enqueue(pairOf(await (await connecting).acceptBi()))
          } catch {
            controller.close()
          }
        },
      },
      { highWaterMark: 0 },
    ),
    datagrams: { writable: new WritableStream({ write: (bytes) => session?.sendDatagram(Buffer.from(bytes)) }) },
    createBidirectionalStream: async () => pairOf(await (await connecting).openBi()),
    close: ({ closeCode = 0, reason = '' } = {}) => {
      onClose()
      session?.close(closeCode, reason)
    },
  }
}

const readBytesMax = 256 * 1024

function pairOf(stream: NativeStream): WebTransportPair {
  const source = stream.takeRecv()
  const sink = stream.takeSend()
  const readable = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const bytes = await source.read(readBytesMax)
        if (bytes) controller.enqueue(bytes)
        else controller.close()
      },
      cancel: () => source.stop(0),
    },
    // Nothing is read ahead of whoever reads, because giving up has to wait for a read of the native stream.
    { highWaterMark: 0 },
  )
  const writable = new WritableStream<Uint8Array>({
    write: (bytes) => sink.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
    close: () => sink.finish(),
    abort: () => sink.reset(0),
  })
  return { readable, writable }
}

/** What is used of the package's native classes, as its napi.d.cts describes them. */
interface Native {
  NapiClient: { withCertificateHashes(hashes: Buffer[]): NativeClient; withSystemRoots(): NativeClient }
  NapiServer: { bind(address: string, certificate: Buffer, key: Buffer): NativeServer }
}

interface NativeClient {
  connect(url: string): Promise<NativeSession>
}

interface NativeServer {
  accept(): Promise<{ url: Promise<string>; ok(): Promise<NativeSession>; reject(status: number): Promise<void> } | null>
  close(): void
}

interface NativeSession {
  acceptBi(): Promise<NativeStream>
  openBi(): Promise<NativeStream>
  sendDatagram(bytes: Buffer): void
  close(code: number, reason: string): void
  closed(): Promise<unknown>
}

interface NativeStream {
  takeSend(): { write(bytes: Buffer): Promise<void>; finish(): Promise<void>; reset(code: number): Promise<void> }
  takeRecv(): { read(bytesMax: number): Promise<Buffer | null>; stop(code: number): Promise<void> }
}
