import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { zstdCompress, zstdDecompress } from './zstd.ts'

const random = createRandom(11)

function someText(length: number): Buffer {
  const words = ['mesh ', 'clip ', 'layer ', 'track ', '0.25 ', '\n', 'node ']
  let text = ''
  while (text.length < length) text += random.pick(words)
  return Buffer.from(text.slice(0, length))
}

describe('zstd frames', () => {
  it('are what any zstd reads, one after another from the same context', () => {
    for (let i = 0; i < 300; i++) {
      const bytes = someText(1 + random.below(70_000))
      const frame = zstdCompress(bytes, bytes.length + 100)
      expect(zstdDecompressSync(frame!).equals(bytes), `round ${i}`).toBe(true)
      expect(Buffer.from(zstdDecompress(zstdCompressSync(bytes), bytes.length)).equals(bytes)).toBe(true)
    }
  })

  it('are given up where they would not be short enough, and the next one is sound', () => {
    for (let i = 0; i < 50; i++) {
      const noise = random.bytes(5000)
      expect(zstdCompress(noise, 4900)).toBeUndefined()
      const text = someText(5000)
      expect(zstdDecompressSync(zstdCompress(text, 5000)!).equals(text)).toBe(true)
    }
  })

  it('that are damaged, cut short, or hold more or less than they should throw, and the next one is read', () => {
    const text = someText(9000)
    const frame = zstdCompressSync(text)
    for (let i = 0; i < 100; i++) {
      const bad = Buffer.from(frame)
      const at = random.below(4)
      bad[at] = bad[at]! ^ 0xff
      expect(() => zstdDecompress(bad, text.length)).toThrow()
      expect(() => zstdDecompress(frame.subarray(0, 1 + random.below(frame.length - 1)), text.length)).toThrow()
      expect(() => zstdDecompress(frame, text.length - 1)).toThrow()
      expect(() => zstdDecompress(frame, text.length + 1)).toThrow()
      expect(Buffer.from(zstdDecompress(frame, text.length)).equals(text)).toBe(true)
    }
    const bomb = zstdCompressSync(Buffer.alloc(50 << 20))
    expect(() => zstdDecompress(bomb, 65536)).toThrow()
  })

  it('are unpacked into the memory that is given, where they fit with a byte to spare', () => {
    const text = someText(5000)
    const frame = zstdCompressSync(text)
    for (const space of [0, 4999, 5000, 5001, 9000]) {
      const into = Buffer.alloc(space)
      const content = zstdDecompress(frame, text.length, into)
      expect(Buffer.from(content).equals(text), `${space} bytes`).toBe(true)
      if (space > text.length) expect(content.buffer).toBe(into.buffer)
    }
  })

  it('of nothing hold nothing', () => {
    expect(zstdDecompress(zstdCompressSync(Buffer.alloc(0)), 0).length).toBe(0)
  })
})
