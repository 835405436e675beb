import { describe, expect, it } from 'vitest'
import { blake3Text, DitsError, encodeRecord, hasCode, type RecordValue } from '#core'
import { createRandom, type Random } from '../fixtures/random.ts'
import { clipText, readWords } from './fields.ts'
import { FrameStream, parseMessage, type Message } from './frames.ts'
import { dataFrameBytesMax, messageBytesMax, messagesBurstMax, messagesPerSecondMax } from './limits.ts'
import type { ByteStream } from './transport.ts'

/** A stream that hands out given bytes in given pieces, and keeps what is written. */
class Script implements ByteStream {
  readonly written: Uint8Array[] = []
  readonly #pieces: Uint8Array[]
  readonly #atEnd: 'end' | 'silence'

  constructor(pieces: Uint8Array[] = [], atEnd: 'end' | 'silence' = 'end') {
    this.#pieces = pieces
    this.#atEnd = atEnd
  }

  async read(): Promise<Uint8Array | undefined> {
    const piece = this.#pieces.shift()
    if (piece || this.#atEnd === 'end') return piece
    return new Promise(() => {})
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.written.push(Uint8Array.from(bytes))
  }

  async end(): Promise<void> {}
  abort(): void {}
}

function framesOf(pieces: Uint8Array[], options: { now?: () => number; silenceMs?: number; isServer?: boolean; atEnd?: 'end' | 'silence' } = {}): FrameStream {
  const { now = () => 0, silenceMs = 1000, isServer = false, atEnd = 'end' } = options
  return new FrameStream(new Script(pieces, atEnd), { now, silenceMs, isServer })
}

function head(length: number, type: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes.writeUInt32LE(length)
  bytes[4] = type
  return bytes
}

function cut(random: Random, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(random.pick([1, 4, 50, 5000]))
    pieces.push(Uint8Array.from(bytes.subarray(at, at + length)))
    at += length
  }
  return pieces
}

function randomValue(random: Random, depth: number): RecordValue {
  const choice = random.below(depth > 0 ? 5 : 4)
  if (choice === 0) return null
  if (choice === 1) return random.pick([0, 1, 127, 128, 65_536, 2 ** 31, 2 ** 52, -1, -40_000])
  if (choice === 2) return 'text é '.repeat(random.below(20))
  if (choice === 3) return new Uint8Array(random.bytes(random.below(300)))
  return Array.from({ length: random.below(6) }, () => randomValue(random, depth - 1))
}

/** What one side sends: messages and data. */
function randomFrames(random: Random): ({ message: Message } | { data: Uint8Array })[] {
  return Array.from({ length: random.below(12) }, () =>
    random.below(2)
      ? { message: ['name', ...Array.from({ length: random.below(5) }, () => randomValue(random, 2))] as unknown as Message }
      : { data: new Uint8Array(random.bytes(1 + random.below(random.pick([10, 3000])))) },
  )
}

async function readAll(frames: FrameStream): Promise<({ message: Message } | { data: Uint8Array })[]> {
  const all: ({ message: Message } | { data: Uint8Array })[] = []
  for (let frame = await frames.next(); frame; frame = await frames.next()) {
    const last = all.at(-1)
    if ('data' in frame && last && 'data' in last) last.data = Buffer.concat([last.data, frame.data])
    else all.push('data' in frame ? { data: frame.data } : frame)
  }
  return all
}

const code = (name: string) => expect.toSatisfy((error: unknown) => hasCode(error, name))
/** Short, so that a failure can be read. */
const asText = (frames: ({ message: Message } | { data: Uint8Array })[]) =>
  frames.map((frame) => ('message' in frame ? blake3Text(encodeRecord([...frame.message])) : blake3Text(frame.data)).slice(0, 12)).join()

describe('frames', () => {
  it('arrive as they were sent, however the stream cuts them', async () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = createRandom(seed)
      const sent = randomFrames(random)
      const script = new Script()
      const writer = new FrameStream(script, { now: () => 0, silenceMs: 1000 })
      for (const frame of sent) await ('message' in frame ? writer.send(frame.message) : writer.sendData(frame.data))
      const bytes = Buffer.concat(script.written)
      const expected: typeof sent = []
      for (const frame of sent) {
        const last = expected.at(-1)
        if ('data' in frame && last && 'data' in last) last.data = Buffer.concat([last.data, frame.data])
        else expected.push('data' in frame ? { data: frame.data } : frame)
      }
      expect(asText(await readAll(framesOf(cut(random, bytes)))), `seed ${seed}`).toBe(asText(expected))
    }
  })

  it('that are cut short, or are no frames, end with a code and never with anything else', async () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = createRandom(seed)
      const script = new Script()
      const writer = new FrameStream(script, { now: () => 0, silenceMs: 1000 })
      for (const frame of randomFrames(random)) await ('message' in frame ? writer.send(frame.message) : writer.sendData(frame.data))
      let bytes = Buffer.concat([...script.written, random.bytes(random.below(40))])
      if (bytes.length === 0) continue
      if (random.below(2)) bytes = bytes.subarray(0, random.below(bytes.length))
      for (let flips = random.below(4); flips > 0 && bytes.length > 0; flips--) bytes[random.below(bytes.length)] = random.below(256)
      try {
        await readAll(framesOf(cut(random, bytes)))
      } catch (error) {
        if (!(error instanceof DitsError) || !['protocol-violation', 'connection-lost'].includes(error.code)) throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  })

  it.each([
    ['a message of no bytes', head(0, 1)],
    ['a message that is too long', head(messageBytesMax + 1, 1)],
    ['a message of 4 GB', head(0xffff_ffff, 1)],
    ['data of no bytes', head(0, 2)],
    ['data that is too long', head(dataFrameBytesMax + 1, 2)],
    ['an unknown type', head(5, 9)],
    ['a sign of life with content', head(1, 3)],
    ['a message that is no record', Buffer.concat([head(1, 1), Buffer.from([0xc1])])],
    ['a message without a name', Buffer.concat([head(1, 1), Buffer.from([0x90])])],
    ['a message whose name is a number', Buffer.concat([head(2, 1), Buffer.from([0x91, 0x05])])],
    ['a map', Buffer.concat([head(1, 1), Buffer.from([0x80])])],
  ])('refuse %s before anything more is read', async (_, bytes) => {
    await expect(framesOf([bytes], { atEnd: 'silence' }).next()).rejects.toEqual(code('protocol-violation'))
  })

  it('from a client never say that it is at work', async () => {
    await expect(framesOf([head(0, 3)], { isServer: true }).next()).rejects.toEqual(code('protocol-violation'))
    expect(await framesOf([head(0, 3), head(0, 3)]).next()).toBeUndefined()
  })

  it('of a flood are cut off, and of a busy peer are not', async () => {
    const frame = Buffer.concat([head(2, 1), encodeRecord(['']).subarray(0, 2)])
    let now = 0
    const flood = framesOf(Array.from({ length: messagesBurstMax + 1 }, () => frame), { now: () => now })
    for (let i = 0; i < messagesBurstMax; i++) await flood.next()
    await expect(flood.next()).rejects.toEqual(code('protocol-violation'))
    const busy = framesOf(Array.from({ length: messagesBurstMax * 2 }, () => frame), { now: () => (now += 1000 / messagesPerSecondMax) })
    for (let i = 0; i < messagesBurstMax * 2; i++) await busy.next()
  })

  it('count a round where something was sent and then waited for, but not where answers were on their way already', async () => {
    const body = encodeRecord(['answer'])
    const answer = Buffer.concat([head(body.length, 1), body])
    const frames = framesOf([answer, answer, answer])
    await frames.send(['question'])
    await frames.send(['another'], 'ahead')
    await frames.next()
    await frames.send(['third'], 'ahead')
    await frames.next()
    expect(frames.counts.rounds).toBe(1)
    await frames.send(['fourth'])
    await frames.next()
    expect(frames.counts.rounds).toBe(2)
  })

  it('wait for a silent peer only so long, and for one that trickles no longer', async () => {
    await expect(framesOf([], { silenceMs: 30, atEnd: 'silence' }).next()).rejects.toEqual(code('peer-silent'))
    let now = 0
    let reads = 0
    const trickle = { read: async () => ((now += 900), Uint8Array.of(head(60_000, 1)[reads++] ?? 0)), write: async () => {}, end: async () => {}, abort: () => {} }
    await expect(new FrameStream(trickle, { now: () => now, silenceMs: 20_000 }).next()).rejects.toEqual(code('peer-silent'))
    expect(reads).toBeLessThan(30)
  })

  it('wait for each answer anew, however many short ones came late', async () => {
    const body = encodeRecord(['answer'])
    let now = 0
    const late = { read: async () => ((now += 900), Buffer.concat([head(body.length, 1), body])), write: async () => {}, end: async () => {}, abort: () => {} }
    const client = new FrameStream(late, { now: () => now, silenceMs: 1000 })
    for (let i = 0; i < 5; i++) {
      await client.send(['question'])
      expect((await client.nextMessage())?.[0]).toBe('answer')
    }
    // What is sent ahead does not begin anew: those are answers to one question.
    await client.send(['question'], 'ahead')
    await client.nextMessage()
    await expect(client.nextMessage()).rejects.toEqual(code('peer-silent'))
    const server = new FrameStream(late, { now: () => now, silenceMs: 1000, isServer: true })
    for (let i = 0; i < 5; i++) expect((await server.nextMessage(10_000))?.[0]).toBe('answer')
  })

  it('tell a client that its server is at work, between other frames and never within one', async () => {
    const script = new Script()
    const server = new FrameStream(script, { now: () => 0, silenceMs: 8, isServer: true })
    const { promise, resolve } = Promise.withResolvers<void>()
    const isSeen = () => script.written.some((bytes) => bytes[4] === 3)
    const look = setInterval(() => isSeen() && resolve(), 1)
    await server.whileWorking(async () => {
      await promise
      await server.sendData(new Uint8Array(3 * dataFrameBytesMax))
    })
    clearInterval(look)
    const all = await readAll(framesOf([Buffer.concat(script.written)]))
    expect(all).toHaveLength(1)
  })
})

describe('a message', () => {
  it('that is no canonical record of its types, sizes and depth is refused', () => {
    for (let seed = 1; seed <= 3000; seed++) {
      const random = createRandom(seed)
      const bytes = random.below(2) ? random.bytes(random.below(60)) : Buffer.from(encodeRecord(['name', randomValue(random, 2), randomValue(random, 2)]))
      for (let flips = random.below(3); flips > 0 && bytes.length > 0; flips--) bytes[random.below(bytes.length)] = random.below(256)
      try {
        expect(Buffer.from(encodeRecord([...parseMessage(bytes)]))).toEqual(Buffer.from(bytes))
      } catch (error) {
        if (!hasCode(error, 'protocol-violation')) throw new Error(`seed ${seed}`, { cause: error })
      }
    }
    for (const bytes of [Buffer.alloc(1000, 0x91), Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), Buffer.from([0x91, 0xc6, 0xff, 0xff, 0xff, 0xff])]) {
      expect(() => parseMessage(bytes)).toThrow(code('protocol-violation'))
    }
  })

  it('for people reaches no terminal with control characters, and is cut between characters', () => {
    expect(readWords('\x1b[2Jé\u009b1m\r\nok\u202eback', 'message')).toBe('?[2Jé?1m??ok?back')
    for (const text of ['é'.repeat(5000), '🎬'.repeat(5000), `${'a'.repeat(4090)}🎬🎬`, 'a\ud800'.repeat(3000)]) {
      const clipped = clipText(text)
      expect(clipped.isWellFormed()).toBe(true)
      expect(Buffer.byteLength(clipped)).toBeLessThanOrEqual(4096)
      expect(text.toWellFormed().startsWith(clipped)).toBe(true)
    }
  })
})
