import { inTime } from './in-time.ts'
import { lingerBytesMax, lingerMs } from './limits.ts'
import type { ByteStream, Peer, StreamHandler } from './transport.ts'

/**
 * Runs a handler on a stream that a client opened, and brings the stream to
 * its end: a handler that resolves has ended its direction, one that rejects
 * has given up. Never throws, because the other streams must go on.
 */
export async function serveStream(stream: ByteStream, peer: Peer, handler: StreamHandler, withinMs = lingerMs): Promise<void> {
  try {
    await handler(stream, peer)
    await stream.end()
    await inTime(discardRest(stream), withinMs)
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
  }
}

/**
 * Waits for the end of what the client sends. Closing at once instead would
 * make the network throw away the answer that is still on its way. A client
 * that never ends is not waited for: it may be one that was let in nowhere.
 */
async function discardRest(stream: ByteStream): Promise<void> {
  let unreadBytes = 0
  for (;;) {
    const bytes = await stream.read()
    if (!bytes) return
    unreadBytes += bytes.length
    if (unreadBytes > lingerBytesMax) throw new Error('the client sent on after the answer')
  }
}
