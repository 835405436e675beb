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
 *   this side writes; what a stream holds in memory is bounded
 *   (`streamBufferBytesMax`), whatever its peer does.
 * - **Two directions.** `end` closes one direction; the other one stays open.
 * - **Failure is told.** Where the connection is lost, or the other side gave
 *   up, every waiting and later call of the stream throws `connection-lost`.
 *   An end that was not announced by `end` is a failure, never an end.
 * - **Independent.** A stream that nobody reads holds up no other stream.
 */
export interface ByteStream {
  /**
   * The next bytes, at least one and at most `streamBufferBytesMax`; they may
   * be kept and changed by the caller. `undefined` when the other side ended.
   */
  read(): Promise<Uint8Array | undefined>
  /** Resolves when more may be written. The bytes belong to the stream until then. */
  write(bytes: Uint8Array): Promise<void>
  /** No more bytes from this side. Resolves when all that was written has been handed to the network. */
  end(): Promise<void>
  /** Gives up both directions at once: the other side's calls throw. Never throws. */
  abort(reason: Error): void
}

/** One end of a way between two sides; a client's can open streams. */
export interface Connection {
  /** For people: 'websocket', 'webtransport', 'loopback', 'ssh'. */
  readonly transport: string
  /** A new stream. Throws `connection-lost` where the other side cannot be reached any longer. */
  openStream(): Promise<ByteStream>
  /** Ends every stream that is still open. Never throws. */
  close(): Promise<void>
}

/** What a listening side does with each stream that a client opens; it settles when the stream is over. */
export type StreamHandler = (stream: ByteStream, peer: Peer) => Promise<void>

/** What a listener knows of who opened a stream, for logs and limits. */
export interface Peer {
  /** The address as the transport sees it: '127.0.0.1:51234'. */
  address: string
  transport: string
}
