import type { ByteStream, Peer, StreamHandler } from './transport.ts'

/** What a client may still send after the handler's last word, before it is cut off. */
const unreadBytesMax = 16 * 1024 * 1024

/**
 * Runs a handler on a stream that a client opened, and brings the stream to
 * its end: a handler that resolves has ended its direction, one that rejects
 * has given up. Never throws, because the other streams must go on.
 */
export async function serveStream(stream: ByteStream, peer: Peer, handler: StreamHandler): Promise<void> {
  try {
    await handler(stream, peer)
    await stream.end()
    await discardRest(stream)
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
  }
}

/**
 * Waits for the end of what the client sends. Closing at once instead would
 * make the network throw away the answer that is still on its way.
 */
async function discardRest(stream: ByteStream): Promise<void> {
  let unreadBytes = 0
  for (;;) {
    const bytes = await stream.read()
    if (!bytes) return
    unreadBytes += bytes.length
    if (unreadBytes > unreadBytesMax) throw new Error('the client sent on after the answer')
  }
}
