import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { chunkLengths, chunkStream, createChunker, type Chunker, type ChunkSizes } from '../index.ts'
import { plainBytes, profiles, randomBytes, randomSource } from './inputs.ts'
import { referenceLengths } from './reference.ts'

const KiB = 1024
const video = profiles['video']!
const small = profiles['small']!

const oddSizes: ChunkSizes[] = [
  { min: 64, average: 256, max: 1024 },
  { min: 65, average: 256, max: 257 },
  { min: 256, average: 256, max: 256 },
  { min: 256, average: 256, max: 999 },
  { min: 101, average: 512, max: 512 },
  { min: 4096, average: 16_384, max: 65_535 },
  { min: 1023, average: 4096, max: 12_345 },
]

describe('the published answer', () => {
  const path = join(process.env['DITS_REAL_MEDIA'] ?? '', 'chunking/SekienAkashita.jpg')

  it.skipIf(!existsSync(path))('SekienAkashita.jpg is cut where FastCDC 2020 cuts it', () => {
    const sizes: ChunkSizes = { min: 4096, average: 16_384, max: 65_535 }
    expect(chunkLengths(readFileSync(path), sizes)).toEqual([21_325, 17_140, 28_084, 18_217, 24_700])
  })
})

describe('the pinned vectors', () => {
  it('the input is the one that they were made from', () => {
    expect(sha256(randomBytes(1024 * KiB, 1))).toBe('28d4d180002c6a9e935b6f917e7f2845bfb886c4aeddd037619755686ec6f8ae')
  })

  it('a megabyte is cut at 16/64/256 KiB as it always was', () => {
    expect(chunkLengths(randomBytes(1024 * KiB, 1), video)).toEqual([
      17866, 144431, 33233, 20108, 100290, 218417, 47610, 51559, 98633, 22480, 79136, 76537, 56433, 76080, 5763,
    ])
  })

  it.each([
    {
      min: 1024, average: 4096, max: 16384, normalization: 1, count: 208,
      sha256: 'b2bee32cb3bcdce01e093266e751aca87245d10a5a0c5504eb2f9913de1a7e8c',
    },
    {
      min: 2048, average: 8192, max: 32768, normalization: 1, count: 110,
      sha256: '66dded9b1f0c7581c00d0c9f6b1777fa1021a11c33512a7a0a706531e9fd2bd0',
    },
    {
      min: 4096, average: 16384, max: 65536, normalization: 1, count: 57,
      sha256: 'c262d9512d911c6e5a3a9012d65fd2b35ac820d4420e3a0656530ae18e3746e0',
    },
    {
      min: 1024, average: 4096, max: 16384, normalization: 0, count: 205,
      sha256: 'a20a39f1ef05952b8431239d17064e6eb637a55c7f59afb911d78372abc8e171',
    },
    {
      min: 1024, average: 4096, max: 16384, normalization: 2, count: 228,
      sha256: 'ab6b893b18290eeb42492cd630b959cc14bb3079cdb38d1ba6934508848ba7b6',
    },
    {
      min: 1024, average: 4096, max: 16384, normalization: 3, count: 238,
      sha256: 'ed8e0dbb7737bcb06671c3779dfc99f39936cae20c6602d60c9238db78904f0c',
    },
    {
      min: 64, average: 256, max: 1024, normalization: 3, count: 3811,
      sha256: '12aef7c8229170662a2e582b737047aaa1bd9d0f3258b08e12cb7d55ffa803e9',
    },
  ] as const)('the lengths at $min/$average/$max, level $normalization, are as they always were', (pin) => {
    const lengths = chunkLengths(randomBytes(1024 * KiB, 1), pin)
    expect({ count: lengths.length, sha256: sha256(Uint32Array.from(lengths)) }).toEqual({
      count: pin.count,
      sha256: pin.sha256,
    })
  })
})

describe('chunk lengths', () => {
  for (const [name, sizes] of Object.entries(profiles)) {
    it(`profile ${name} cuts as the reference does`, () => {
      for (const normalization of [0, 1, 2, 3] as const) {
        compareAllInputs({ ...sizes, normalization })
      }
    })
  }

  it.each(oddSizes)('$min/$average/$max cuts as the reference does', (sizes) => {
    for (const normalization of [0, 1, 2, 3] as const) {
      compareAllInputs({ ...sizes, normalization })
    }
  })

  it('random sizes cut as the reference does', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = randomSource(seed)
      const average = 2 ** (8 + (next() % 6))
      const min = 64 + (next() % (average - 63))
      const max = average + (next() % (4 * average))
      const bytes = seed % 3 === 0 ? plainBytes(100_000, seed) : randomBytes(100_000, seed)
      const sizes: ChunkSizes = { min, average, max, normalization: (next() % 4) as 0 | 1 | 2 | 3 }
      expect(chunkLengths(bytes, sizes), `seed ${seed}`).toEqual(referenceLengths(bytes, sizes))
    }
  })

  it('an input longer than the window is cut as the reference does', () => {
    const bytes = randomBytes(3 * KiB * KiB + 777, 5)
    expect(chunkLengths(bytes, video)).toEqual(referenceLengths(bytes, video))
  })

  it('the largest sizes cut as the reference does', () => {
    const sizes: ChunkSizes = { min: 64, average: 4 * KiB * KiB, max: 16 * KiB * KiB, normalization: 3 }
    const bytes = randomBytes(5 * KiB * KiB, 6)
    expect(chunkLengths(bytes, sizes)).toEqual(referenceLengths(bytes, sizes))
  })

  it('no bytes have no chunks', () => {
    expect(chunkLengths(new Uint8Array(0), video)).toEqual([])
  })

  it('an insertion moves only the cuts near it', () => {
    const before = randomBytes(512 * KiB, 7)
    const after = Buffer.concat([before.subarray(0, 1000), Buffer.from('inserted'), before.subarray(1000)])
    const ends = new Set(endsOf(chunkLengths(before, small)).map((end) => end + 8))
    const moved = endsOf(chunkLengths(after, small)).filter((end) => !ends.has(end))
    expect(moved.length).toBeLessThan(5)
  })
})

describe('a chunker', () => {
  it('has the window and the room for lengths that were asked for', () => {
    const chunker = createChunker(video, { windowBytes: 100_000 })
    expect(chunker.window.length).toBe(100_000 + 256 * KiB)
    expect(createChunker(video).window.length).toBe((2048 + 256) * KiB)
    expect(chunker.lengths.length).toBeGreaterThanOrEqual(Math.ceil(chunker.window.length / video.min))
  })

  it('takes little memory beyond its window', () => {
    const { window } = createChunker(video)
    expect(window.buffer.byteLength - window.length).toBeLessThan(2 * 65_536)
  })

  it('cuts the same wherever the input is sliced', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = randomSource(seed)
      const bytes = seed % 4 === 0 ? plainBytes(200_000, seed) : randomBytes(200_000, seed)
      const sizes = oddSizes[seed % oddSizes.length]!
      const chunker = createChunker(sizes, { windowBytes: 1 + (next() % 5000) })
      const lengths = cutInSlices(chunker, bytes, () => 1 + (next() % 3000))
      expect(lengths, `seed ${seed}`).toEqual(referenceLengths(bytes, sizes))
    }
  })

  it('leaves out only a tail that could still grow', () => {
    const chunker = createChunker(small)
    const bytes = randomBytes(100 * KiB, 3)
    const whole = referenceLengths(bytes, small)
    const ends = endsOf(whole)
    chunker.window.set(bytes)
    expect(chunker.cut(ends[2]!, false)).toBe(2)
    expect(chunker.cut(ends[2]! + 1, false)).toBe(3)
    expect(Array.from(chunker.lengths.subarray(0, 3))).toEqual(whole.slice(0, 3))
  })

  it('decides a chunk that has the maximum, however the input goes on', () => {
    const chunker = createChunker(small)
    chunker.window.fill(0)
    expect(chunker.cut(small.max - 1, false)).toBe(0)
    expect(chunker.cut(small.max, false)).toBe(1)
    expect(chunker.lengths[0]).toBe(small.max)
  })

  it('has room for the lengths where every chunk has the minimum', () => {
    const sizes: ChunkSizes = { min: 256, average: 256, max: 1024, normalization: 3 }
    const alwaysCut = firstByteThatCutsAtOnce(sizes)
    const chunker = createChunker(sizes, { windowBytes: 10_001 })
    chunker.window.fill(alwaysCut)
    const count = chunker.cut(chunker.window.length, true)
    expect(count).toBe(Math.ceil(chunker.window.length / 256))
    expect(chunker.lengths.length).toBeGreaterThanOrEqual(count)
    expect(chunker.window.every((byte) => byte === alwaysCut)).toBe(true)
  })

  it('keeps nothing of one input for the next', () => {
    const chunker = createChunker(small)
    const bytes = randomBytes(60_000, 9)
    chunker.window.set(randomBytes(90_000, 8))
    chunker.cut(90_000, false)
    chunker.window.set(bytes)
    const count = chunker.cut(bytes.length, true)
    expect(Array.from(chunker.lengths.subarray(0, count))).toEqual(referenceLengths(bytes, small))
  })

  it('does not disturb another one', () => {
    const bytes = randomBytes(300_000, 10)
    const chunkers = Object.values(profiles).map((sizes) => ({ sizes, chunker: createChunker(sizes) }))
    for (const { chunker } of chunkers) chunker.window.set(bytes)
    const counts = chunkers.map(({ chunker }) => chunker.cut(bytes.length, true))
    chunkers.forEach(({ sizes, chunker }, i) => {
      expect(Array.from(chunker.lengths.subarray(0, counts[i]))).toEqual(referenceLengths(bytes, sizes))
    })
  })

  it.each([-1, 0.5, Number.NaN, 100_000 + 16 * KiB + 1])('refuses to cut %d bytes', (filled) => {
    const chunker = createChunker(small, { windowBytes: 100_000 })
    expect(() => chunker.cut(filled, true)).toThrow(RangeError)
  })

  it.each([
    ['min', { min: 63, average: 256, max: 1024 }],
    ['min', { min: 257, average: 256, max: 1024 }],
    ['min', { min: 100.5, average: 256, max: 1024 }],
    ['average', { min: 64, average: 300, max: 1024 }],
    ['average', { min: 64, average: 128, max: 1024 }],
    ['average', { min: 64, average: 2 ** 23, max: 2 ** 24 }],
    ['average', { min: 64, average: Number.NaN, max: 1024 }],
    ['max', { min: 64, average: 256, max: 255 }],
    ['max', { min: 64, average: 256, max: 2 ** 24 + 1 }],
    ['normalization', { min: 64, average: 256, max: 1024, normalization: 4 as 3 }],
    ['normalization', { min: 64, average: 256, max: 1024, normalization: -1 as 0 }],
  ] as [string, ChunkSizes][])('refuses a bad %s: %j', (name, sizes) => {
    expect(() => createChunker(sizes)).toThrow(RangeError)
    expect(() => createChunker(sizes)).toThrow(name)
    expect(() => chunkLengths(new Uint8Array(1), sizes)).toThrow(name)
  })

  it.each([0, -1, 1.5, 2 ** 30 + 1])('refuses a window of %d bytes', (windowBytes) => {
    expect(() => createChunker(small, { windowBytes })).toThrow('windowBytes')
  })
})

describe('a chunk stream', () => {
  it('yields the chunks of the input however it is sliced', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const next = randomSource(seed)
      const bytes = randomBytes(300_000, seed)
      const chunks = await collect(chunkStream(slices(bytes, () => next() % 70_000), small))
      expect(chunks.map((chunk) => chunk.length), `seed ${seed}`).toEqual(referenceLengths(bytes, small))
      expect(Buffer.concat(chunks).equals(bytes), `seed ${seed}`).toBe(true)
    }
  })

  it('passes through an input longer than the window, in pieces longer than the window', async () => {
    const bytes = randomBytes(8 * KiB * KiB + 13, 11)
    const chunks = await collect(chunkStream(slices(bytes, () => 5_000_000), video))
    expect(chunks.map((chunk) => chunk.length)).toEqual(referenceLengths(bytes, video))
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
  })

  it('yields chunks that the caller may keep, and does not hold on to the pieces', async () => {
    const bytes = randomBytes(200_000, 12)
    async function* reused(): AsyncGenerator<Uint8Array> {
      const piece = new Uint8Array(1000)
      for (let at = 0; at < bytes.length; at += piece.length) {
        piece.set(bytes.subarray(at, at + piece.length))
        yield piece
      }
    }
    const chunks = await collect(chunkStream(reused(), small))
    chunkLengths(randomBytes(200_000, 13), small)
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
  })

  it('runs beside others of the same sizes', async () => {
    const inputs = [21, 22, 23, 24, 25, 26].map((seed) => randomBytes(150_000, seed))
    const results = await Promise.all(inputs.map((bytes) => collect(chunkStream(slices(bytes, () => 10_000), small))))
    results.forEach((chunks, i) => expect(Buffer.concat(chunks).equals(inputs[i]!), `input ${i}`).toBe(true))
  })

  it('yields nothing for no bytes', async () => {
    expect(await collect(chunkStream(slices(new Uint8Array(0), () => 1), small))).toEqual([])
  })

  it('passes on what the source throws', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10)
      throw new Error('the disk is gone')
    }
    await expect(collect(chunkStream(broken(), small))).rejects.toThrow('the disk is gone')
  })
})

/** Every kind of content at every length where something changes. */
function compareAllInputs(sizes: ChunkSizes): void {
  const { min, average, max } = sizes
  const around = [min, average, max, min + max, 2 * max].flatMap((size) => [size - 1, size, size + 1])
  const full = 3 * max + 12_345
  const kinds = { random: randomBytes(full, 17), plain: plainBytes(full, 18), zeros: new Uint8Array(full) }
  for (const [kind, bytes] of Object.entries(kinds)) {
    for (const length of [0, 1, 2, 7, 8, 9, ...around, full]) {
      const input = bytes.subarray(0, length)
      const what = `${kind}, ${length} bytes, ${JSON.stringify(sizes)}`
      expect(chunkLengths(input, sizes), what).toEqual(referenceLengths(input, sizes))
    }
  }
}

/** Cuts as a caller does who reads pieces of any length into the window and cuts after each. */
function cutInSlices(chunker: Chunker, bytes: Uint8Array, sliceLength: () => number): number[] {
  const { window } = chunker
  const found: number[] = []
  let read = 0
  let filled = 0
  while (read < bytes.length) {
    const piece = bytes.subarray(read, read + Math.min(sliceLength(), window.length - filled))
    window.set(piece, filled)
    read += piece.length
    filled += piece.length
    const count = chunker.cut(filled, read === bytes.length)
    const lengths = Array.from(chunker.lengths.subarray(0, count))
    const decided = lengths.reduce((sum, length) => sum + length, 0)
    found.push(...lengths)
    window.copyWithin(0, decided, filled)
    filled -= decided
  }
  return found
}

/** A value of which any run is cut at the minimum. */
function firstByteThatCutsAtOnce(sizes: ChunkSizes): number {
  for (let byte = 0; byte < 256; byte++) {
    const [first] = referenceLengths(new Uint8Array(sizes.min + 1).fill(byte), sizes)
    if (first === sizes.min) return byte
  }
  throw new Error('no value is cut at once')
}

async function* slices(bytes: Uint8Array, sliceLength: () => number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = sliceLength()
    yield bytes.subarray(at, at + length)
    at += length
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

function endsOf(lengths: number[]): number[] {
  let end = 0
  return lengths.map((length) => (end += length))
}

function sha256(view: Uint8Array | Uint32Array): string {
  return createHash('sha256').update(view).digest('hex')
}
