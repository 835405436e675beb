import { DitsError } from '#core'

/**
 * What the protocol asks of a transport: reliable bidirectional streams of
 * bytes between two sides. Everything above works the same over loopback,
 * WebSocket, WebTransport and the standard input and output of a process.
 *
 * What every implementation promises:
 *
 * - **Reliable and in order.** What is read is what was written, byte for
 *   byte, or the stream fails. How bytes were divided into writes is not kept.
 * - **Back pressure.** `write` waits while the other side reads slower than
 *   this side writes; what a stream holds in memory is bounded by a few
 *   `streamBufferBytesMax`, whatever its peer does.
 * - **Two directions.** `end` closes one direction; the other one stays open.
 *   When both have ended, the stream is over and lets go of all it held.
 * - **Failure is told.** Where the connection is lost, or the other side gave
 *   up, every waiting and later call of the stream throws `connection-lost`;
 *   only reads may first hand out what had arrived. An end that was not
 *   announced by `end` is a failure, never an end.
 * - **Independent.** A stream that nobody reads holds up no other stream.
 *
 * What is asked of its user: one `read` and one `write` at a time (a read and
 * a write may wait side by side), and an `end` or an `abort` for every stream.
 */
export interface ByteStream {
  /**
   * The next bytes, at least one and at most `streamBufferBytesMax`; they may
   * be kept and changed by the caller. `undefined` when the other side ended,
   * however often it is asked.
   */
  read(): Promise<Uint8Array | undefined>
  /**
   * Resolves when more may be written. The bytes belong to the stream until
   * then. No bytes are no message: nothing is sent. After `end`, an assertion
   * fails.
   */
  write(bytes: Uint8Array): Promise<void>
  /**
   * No more bytes from this side. Resolves when all that was written has been
   * handed to the network. Called again, it answers the same.
   */
  end(): Promise<void>
  /** Gives up both directions at once: the other side's calls throw. Never throws, and does nothing to a stream that is over. */
  abort(reason: Error): void
}

/** One end of a way between two sides; a client's can open streams. */
export interface Connection {
  /** For people: 'websocket', 'webtransport', 'loopback', 'ssh'. */
  readonly transport: string
  /**
   * A new stream. Throws `connection-lost` where the other side cannot be
   * reached any longer, or this connection was closed.
   */
  openStream(): Promise<ByteStream>
  /** Ends every stream that is still open. Never throws. */
  close(): Promise<void>
}

/**
 * What a listening side does with each stream that a client opens; it settles
 * when the stream is over. A handler that resolves has ended its direction;
 * one that rejects has given the stream up.
 */
export type StreamHandler = (stream: ByteStream, peer: Peer) => Promise<void>

/** What a listener knows of who opened a stream, for logs and limits. */
export interface Peer {
  /** The address as the transport sees it: '127.0.0.1:51234'. */
  address: string
  transport: string
  /** The path and query that the client asked for, '/team/film?x=1'; absent where the transport has none. */
  path?: string
  /** The Authorization header of the request, which is a secret: it must not reach a log. */
  authorization?: string
}

/** Bytes that one read hands out at most, and that one direction of a stream keeps waiting for its reader before it stops the writer. */
export const streamBufferBytesMax = 1024 * 1024

/** The failure of a stream or connection that was there. `subject` names it for people: an address or a URL without secrets. */
export function connectionLost(subject: string, why: string, cause?: unknown): DitsError {
  return new DitsError('connection-lost', `the connection to '${subject}' was lost: ${why}`, { hint: 'run the command again; what had arrived is kept', cause })
}

/** The failure of a connection that never came about. */
export function connectionFailed(subject: string, why: string, options: { hint?: string; cause?: unknown } = {}): DitsError {
  return new DitsError('connection-failed', `'${subject}' cannot be reached: ${why}`, { hint: 'check the address and the network', ...options })
}
