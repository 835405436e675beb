import type { WebTransportPair, WebTransportSession } from './webtransport.ts'

/** Both ends of a session in one process, of Node's own streams: what the interface says, and nothing more. */
export function createSessions(): { client: WebTransportSession; server: WebTransportSession; end(): void } {
  const closed = Promise.withResolvers<void>()
  const opened = new TransformStream<WebTransportPair, WebTransportPair>()
  const opener = opened.writable.getWriter()
  const session = (rest: Pick<WebTransportSession, 'createBidirectionalStream' | 'incomingBidirectionalStreams'>) => ({
    ready: Promise.resolve(),
    closed: closed.promise,
    close: () => closed.resolve(),
    ...rest,
  })
  const client = session({
    incomingBidirectionalStreams: new ReadableStream(),
    createBidirectionalStream: async () => {
      const [there, back] = [createPipe(), createPipe()]
      await opener.write({ readable: there.readable, writable: back.writable })
      return { readable: back.readable, writable: there.writable }
    },
  })
  const server = session({
    incomingBidirectionalStreams: opened.readable,
    createBidirectionalStream: () => Promise.reject(new Error('only clients open streams here')),
  })
  void closed.promise.then(() => opener.close()).catch(() => {})
  return { client, server, end: closed.resolve }
}

/** A direction of a stream that, like a network, takes some bytes before anybody reads. */
function createPipe(): TransformStream<Uint8Array, Uint8Array> {
  const transform = (bytes: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>) => controller.enqueue(new Uint8Array(bytes))
  return new TransformStream({ transform }, undefined, new ByteLengthQueuingStrategy({ highWaterMark: 500_000 }))
}
