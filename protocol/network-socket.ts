import net from 'node:net'
import tls from 'node:tls'
import { DitsError } from '#core'
import { connectionFailed } from './transport.ts'

/** Whom to believe that he is the server. */
export interface TlsOptions {
  /** Authorities to trust beside those of Node, as PEM. */
  ca?: string | Buffer
  /**
   * Decides on the server's certificate before anything is said to it.
   * `fingerprint` is the SHA-256 of the certificate's DER as 64 hex digits;
   * `isTrusted` says whether an authority vouches for it and for the name in
   * the URL. A server with a certificate of its own is thus asked about on
   * first use, and its fingerprint kept and compared afterwards. Without this,
   * only what is trusted is accepted.
   */
  onCertificate?: (fingerprint: string, isTrusted: boolean) => boolean | Promise<boolean>
}

export interface SocketOptions {
  tls?: TlsOptions
  /** For the way to the server and the agreement on keys; not for a person who is asked about a certificate. */
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/**
 * A TCP connection to the host of a URL, with TLS where its scheme is
 * 'https:' or 'wss:'. Throws `connection-failed`, `certificate-refused`, or
 * the signal's reason.
 */
export async function openSocket(url: URL, subject: string, options: SocketOptions): Promise<net.Socket> {
  const socket = await dial(url, subject, options)
  if (!(socket instanceof tls.TLSSocket)) return socket
  const fingerprint = fingerprintOf(socket)
  const isTrusted = socket.authorized
  const isAccepted = options.tls?.onCertificate ? await options.tls.onCertificate(fingerprint, isTrusted) : isTrusted
  if (!isAccepted) {
    socket.destroy()
    throw certificateRefused(subject, fingerprint, String(socket.authorizationError ?? 'it was not accepted'))
  }
  // Servers do not wait while a person thinks; what was accepted is accepted on a second connection too.
  return socket.readable ? socket : redial(url, subject, fingerprint, options)
}

async function redial(url: URL, subject: string, fingerprint: string, options: SocketOptions): Promise<net.Socket> {
  const socket = (await dial(url, subject, options)) as tls.TLSSocket
  if (fingerprintOf(socket) === fingerprint) return socket
  socket.destroy()
  throw certificateRefused(subject, fingerprintOf(socket), 'it changed within a moment')
}

function dial(url: URL, subject: string, { tls: trust, timeoutMs, signal }: SocketOptions): Promise<net.Socket> {
  signal?.throwIfAborted()
  const isTls = url.protocol === 'https:' || url.protocol === 'wss:'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = Number(url.port) || (isTls ? 443 : 80)
  const socket = isTls
    ? tls.connect({
        host,
        port,
        servername: net.isIP(host) ? '' : host,
        // `openSocket` looks at the outcome before a byte of ours is sent.
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
        ...(trust?.ca === undefined ? {} : { ca: [...tls.rootCertificates, trust.ca] }),
      })
    : net.connect({ host, port })
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>()
  const giveUp = (reason: unknown) => {
    reject(reason)
    socket.destroy()
  }
  const timer = setTimeout(() => giveUp(connectionFailed(subject, `no answer within ${timeoutMs / 1000} seconds`)), timeoutMs)
  const onAbort = () => giveUp(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  socket.once('error', (cause) => giveUp(connectionFailed(subject, cause.message, { cause })))
  socket.once(isTls ? 'secureConnect' : 'connect', () => resolve(socket))
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  })
}

function fingerprintOf(socket: tls.TLSSocket): string {
  return socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase()
}

function certificateRefused(subject: string, fingerprint: string, why: string): DitsError {
  return new DitsError('certificate-refused', `the certificate of '${subject}' is not to be trusted: ${why.toLowerCase()}`, {
    hint: `its SHA-256 is ${fingerprint}; compare that with what the server's owner says`,
  })
}
