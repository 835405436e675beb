import { afterEach, describe, expect, it } from 'vitest'
import { createBlake3 } from '../../core/hash.ts'
import { streamBufferBytesMax, type ByteStream, type Connection, type StreamHandler } from '../../protocol/transport.ts'
import { echo } from './transport-echo.ts'

export interface OpenedTransport {
  connection: Connection
  /** Breaks the way between both sides without a word. */
  cut?(): void
  /** Ends what `open` started, beside the connection. */
  close(): Promise<void>
}

export interface TransportContractOptions {
  /** Bytes of the large echo. */
  echoBytes?: number
  /** Streams at once. */
  streams?: number
  /** False where there is nothing between both sides that could break; `OpenedTransport.cut` is there otherwise. */
  canBeCut?: boolean
}

/** More than any implementation and the system's own buffers may take from a writer whose reader does not read. */
const heldBytesMax = 32 * 1024 * 1024

/** The promises of ByteStream and Connection (protocol/transport.ts), for every transport. */
export function transportContract(name: string, open: (handler: StreamHandler) => Promise<OpenedTransport>, options: TransportContractOptions = {}): void {
  const { echoBytes = 50_000_000, streams = 40, canBeCut = true } = options

  describe(`${name} keeps the promises of a transport`, () => {
    let opened: OpenedTransport | undefined
    let releaseHandlers: () => void = () => {}
    afterEach(async () => {
      releaseHandlers()
      await opened?.connection.close()
      await opened?.close()
      opened = undefined
    })

    async function connect(handler: StreamHandler): Promise<Connection> {
      opened = await open(handler)
      return opened.connection
    }

    /** A connection of whose streams the test holds both ends. */
    async function connectPairs(): Promise<() => Promise<Pair>> {
      const arrived: ByteStream[] = []
      let onArrival: () => void = () => {}
      const released = Promise.withResolvers<void>()
      releaseHandlers = released.resolve
      const connection = await connect(async (stream) => {
        arrived.push(stream)
        onArrival()
        await released.promise
      })
      return async () => {
        const near = await connection.openStream()
        // Some transports tell the other side of a stream only when something is said on it.
        await near.write(text('!'))
        if (arrived.length === 0) await new Promise<void>((resolve) => (onArrival = resolve))
        const far = arrived.shift()!
        expect(await readText(far, 1)).toBe('!')
        return { near, far }
      }
    }

    async function openPair(): Promise<Pair> {
      return (await connectPairs())()
    }

    describe('bytes', () => {
      it(`come back from an echo in odd slices as they were, ${echoBytes / 1e6} MB of them`, async () => {
        const stream = await (await connect(echo)).openStream()
        const [sent, received] = [createBlake3(), createBlake3()]
        const sending = writeSlices(stream, echoBytes, (bytes) => sent.update(bytes))
        let receivedBytes = 0
        for await (const bytes of readsOf(stream)) {
          received.update(bytes)
          receivedBytes += bytes.length
        }
        await sending
        expect(receivedBytes).toBe(echoBytes)
        expect(hex(received.digest())).toBe(hex(sent.digest()))
      })

      it('of one long write are read in pieces of at most the bound, and at least one byte', async () => {
        const { near, far } = await openPair()
        const bytes = pattern(5 * streamBufferBytesMax + 7)
        const sending = near.write(bytes).then(() => near.end())
        const parts = []
        for await (const part of readsOf(far)) parts.push(part)
        await sending
        expect(Math.max(...parts.map(({ length }) => length))).toBeLessThanOrEqual(streamBufferBytesMax)
        expect(Math.min(...parts.map(({ length }) => length))).toBeGreaterThan(0)
        expect(Buffer.concat(parts).equals(bytes)).toBe(true)
      })

      it('may be changed by the writer after the write, and by the reader after the read', async () => {
        const { near, far } = await openPair()
        const bytes = pattern(100_000)
        const expected = Buffer.from(bytes)
        for (const round of [1, 2, 3]) {
          await near.write(bytes)
          bytes.fill(0)
          expect((await readExactly(far, expected.length)).equals(expected), `round ${round}`).toBe(true)
          bytes.set(expected)
        }
        await near.write(text('a'))
        ;(await far.read())?.fill(0)
        await near.write(text('b'))
        expect(await readText(far, 1)).toBe('b')
      })

      it('that are none send nothing, and end nothing', async () => {
        const { near, far } = await openPair()
        await near.write(new Uint8Array(0))
        await near.write(text('a'))
        await near.write(new Uint8Array(0))
        await near.end()
        expect(await readText(far)).toBe('a')
      })

      it(`of ${streams} streams at once do not mix`, async () => {
        const connection = await connect(echo)
        const spoken = Array.from({ length: streams }, (_, i) => `${i}:`.repeat(20_000))
        const heard = await Promise.all(spoken.map(async (said) => sayAndHear(await connection.openStream(), said)))
        expect(heard.map((said, i) => said === spoken[i])).toEqual(spoken.map(() => true))
      })
    })

    describe('an end', () => {
      it('closes one direction: the other side answers afterwards', async () => {
        const { near, far } = await openPair()
        await near.write(text('question'))
        await near.end()
        expect(await readText(far)).toBe('question')
        expect(await far.read()).toBeUndefined()
        await far.write(text('answer'))
        await far.end()
        expect(await readText(near)).toBe('answer')
        expect(await near.read()).toBeUndefined()
      })

      it('of the listening side leaves the opening side free to go on', async () => {
        const { near, far } = await openPair()
        await far.end()
        expect(await near.read()).toBeUndefined()
        await near.write(text('more'))
        await near.end()
        expect(await readText(far)).toBe('more')
      })

      it('may be said twice, and lets nothing be written after it', async () => {
        const { near, far } = await openPair()
        await near.write(text('all'))
        await near.end()
        await near.end()
        await expect(near.write(text('more'))).rejects.toThrow('after its end')
        expect(await readText(far)).toBe('all')
      })

      it('is said by a handler that returns', async () => {
        const connection = await connect(async (stream) => {
          await stream.read()
          await stream.write(text('bye'))
        })
        const stream = await connection.openStream()
        await stream.write(text('hello'))
        expect(await readText(stream)).toBe('bye')
        await stream.end()
      })

      it('of both sides loses nothing that a slow reader has not read yet', async () => {
        const { near, far } = await openPair()
        const bytes = pattern(400_000)
        await far.write(bytes)
        await far.end()
        await near.end()
        expect(await far.read()).toBeUndefined()
        expect((await readExactly(near, bytes.length)).equals(bytes)).toBe(true)
        expect(await near.read()).toBeUndefined()
      })
    })

    describe('a reader that does not read', () => {
      it.each(['opening', 'listening'])('makes the writer on the %s side wait, and gets everything when it does', async (side) => {
        const openNext = await connectPairs()
        const pair = await openNext()
        const other = await openNext()
        const [writer, reader] = side === 'opening' ? [pair.near, pair.far] : [pair.far, pair.near]
        const { acceptedBytes, finish } = await writeUntilItWaits(writer, other)
        expect(acceptedBytes).toBeLessThan(heldBytesMax)
        const [read, written] = await Promise.all([countBytes(reader), finish()])
        expect(read).toBe(written)
      })

      it('holds up no other stream', async () => {
        const openNext = await connectPairs()
        const [stuck, other] = [await openNext(), await openNext()]
        await writeUntilItWaits(stuck.near, other)
        await writeUntilItWaits(stuck.far, other)
        const third = await openNext()
        await roundTrips(third, 100)
        await roundTrips(other, 100)
        stuck.near.abort(new Error('enough'))
      })
    })

    describe('a failure', () => {
      it.each(['opening', 'listening'])('is told to the other side where the %s side gives up', async (side) => {
        const { near, far } = await openPair()
        const [quitter, other] = side === 'opening' ? [near, far] : [far, near]
        const waiting = other.read()
        quitter.abort(new Error('no more of this'))
        quitter.abort(new Error('twice'))
        await expect(waiting).rejects.toMatchObject({ code: 'connection-lost' })
        await expect(other.read()).rejects.toMatchObject({ code: 'connection-lost' })
        await expect(writeUntilItFails(other)).rejects.toMatchObject({ code: 'connection-lost' })
        await expect(quitter.read()).rejects.toMatchObject({ code: 'connection-lost', message: expect.stringContaining('no more of this') })
        await expect(quitter.write(text('x'))).rejects.toMatchObject({ code: 'connection-lost' })
        await expect(quitter.end()).rejects.toMatchObject({ code: 'connection-lost' })
      })

      it('wakes a writer whose reader gives up instead of reading', async () => {
        const openNext = await connectPairs()
        const pair = await openNext()
        const { finish } = await writeUntilItWaits(pair.near, await openNext())
        pair.far.abort(new Error('no'))
        await expect(finish()).rejects.toMatchObject({ code: 'connection-lost' })
      })

      it('of the handler is one of the stream', async () => {
        const connection = await connect(async (stream) => {
          await stream.read()
          throw new Error('the handler failed')
        })
        const stream = await connection.openStream()
        await stream.write(text('hello'))
        await expect(stream.read()).rejects.toMatchObject({ code: 'connection-lost' })
      })

      it('of one stream leaves the others alone', async () => {
        const openNext = await connectPairs()
        const [first, second] = [await openNext(), await openNext()]
        first.near.abort(new Error('enough'))
        await expect(first.far.read()).rejects.toMatchObject({ code: 'connection-lost' })
        await roundTrips(second, 10)
        await roundTrips(await openNext(), 10)
      })

      const itWhereCut = canBeCut ? it : () => {}
      itWhereCut('is what a cut is, never an end, for whoever waits on either side', async () => {
        const { near, far } = await openPair()
        const waiting = [near.read(), far.read()]
        await near.write(text('half'))
        opened!.cut!()
        const [nearRead, farRead] = await Promise.allSettled(waiting)
        expect(nearRead).toMatchObject({ status: 'rejected', reason: { code: 'connection-lost' } })
        if (farRead?.status === 'fulfilled') expect(Buffer.from(farRead.value!).toString()).toBe('half')
        await expect(readText(far)).rejects.toMatchObject({ code: 'connection-lost' })
        await expect(writeUntilItFails(near)).rejects.toMatchObject({ code: 'connection-lost' })
        await expect(writeUntilItFails(far)).rejects.toMatchObject({ code: 'connection-lost' })
      })

      it('is what is left of all streams when the connection is closed', async () => {
        const { near, far } = await openPair()
        const waiting = [near.read(), far.read()].map((read) => expect(read).rejects.toMatchObject({ code: 'connection-lost' }))
        await opened?.connection.close()
        await opened?.connection.close()
        await Promise.all(waiting)
        await expect(opened?.connection.openStream()).rejects.toMatchObject({ code: 'connection-lost' })
      })

      it('does not come from giving up what is over', async () => {
        const { near, far } = await openPair()
        await near.end()
        await far.end()
        expect([await near.read(), await far.read()]).toEqual([undefined, undefined])
        near.abort(new Error('too late'))
        far.abort(new Error('too late'))
        expect([await near.read(), await far.read()]).toEqual([undefined, undefined])
      })
    })
  })
}

/** The two ends of one stream. */
interface Pair {
  near: ByteStream
  far: ByteStream
}

/** Writes `total` bytes in slices of odd lengths, then ends. */
async function writeSlices(stream: ByteStream, total: number, onWritten: (bytes: Uint8Array) => void): Promise<void> {
  const source = pattern(1_500_007)
  const lengths = [1, 70_001, 0, 3, 65_536, 300_007, 1_200_011, 16_385, 2]
  for (let sent = 0, i = 0; sent < total; i++) {
    const length = Math.min(lengths[i % lengths.length]!, total - sent)
    const from = (i * 7919) % (source.length - length)
    const bytes = source.subarray(from, from + length)
    onWritten(bytes)
    await stream.write(bytes)
    sent += length
  }
  await stream.end()
}

/**
 * Writes to a stream that nobody reads, until a write is still waiting after
 * many round trips on another stream of the connection. `finish` waits for
 * that write, ends the stream, and answers how many bytes it took.
 */
async function writeUntilItWaits(writer: ByteStream, other: Pair): Promise<{ acceptedBytes: number; finish(): Promise<number> }> {
  const bytes = pattern(1_000_003)
  for (let acceptedBytes = 0; ; acceptedBytes += bytes.length) {
    let isAccepted = false
    const writing = writer.write(bytes).then(() => {
      isAccepted = true
    })
    writing.catch(() => {})
    await roundTrips(other, 60)
    if (isAccepted && acceptedBytes <= heldBytesMax) continue
    const finish = async () => {
      await writing
      await writer.end()
      return acceptedBytes + bytes.length
    }
    return { acceptedBytes, finish }
  }
}

/** How a writer learns of a failure that it was not waiting for: at some point a write throws. */
async function writeUntilItFails(stream: ByteStream): Promise<void> {
  for (let written = 0; written < 4 * heldBytesMax; written += 100_000) await stream.write(pattern(100_000))
}

async function roundTrips({ near, far }: Pair, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await near.write(text('?'))
    await readExactly(far, 1)
    await far.write(text('.'))
    await readExactly(near, 1)
  }
}

async function sayAndHear(stream: ByteStream, said: string): Promise<string> {
  const saying = stream.write(text(said)).then(() => stream.end())
  const heard = await readText(stream)
  await saying
  return heard
}

async function countBytes(stream: ByteStream): Promise<number> {
  let count = 0
  for await (const bytes of readsOf(stream)) count += bytes.length
  return count
}

async function* readsOf(stream: ByteStream): AsyncGenerator<Uint8Array> {
  for (let bytes = await stream.read(); bytes; bytes = await stream.read()) yield bytes
}

/** The next `count` bytes, of which the stream must have no more than that ready; fails where it ends before. */
async function readExactly(stream: ByteStream, count: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for (let missing = count; missing > 0; ) {
    const bytes = await stream.read()
    if (!bytes) throw new Error(`the stream ended ${missing} bytes too early`)
    parts.push(bytes)
    missing -= bytes.length
  }
  return Buffer.concat(parts)
}

/** The text up to the end, or of the next `count` bytes. */
async function readText(stream: ByteStream, count?: number): Promise<string> {
  if (count !== undefined) return (await readExactly(stream, count)).toString()
  const parts: Uint8Array[] = []
  for await (const bytes of readsOf(stream)) parts.push(bytes)
  return Buffer.concat(parts).toString()
}

/** Bytes that differ from place to place, the same each time. */
function pattern(length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let i = 0, state = 1; i < words.length; i++) words[i] = state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Buffer.from(words.buffer, 0, length)
}

const text = (said: string) => Buffer.from(said)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
