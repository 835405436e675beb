import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { fnv1a, isBoundary, nodeEnds } from './split.ts'

describe('fnv1a', () => {
  it('gives the published values', () => {
    expect(fnv1a('')).toBe(0x811c9dc5)
    expect(fnv1a('a')).toBe(0xe40c292c)
    expect(fnv1a('foobar')).toBe(0xbf9cf968)
  })

  it('hashes bytes above 127 as bytes', () => {
    expect(fnv1a('\xe9')).toBe((Math.imul(0x811c9dc5 ^ 0xe9, 0x01000193)) >>> 0)
  })
})

describe('isBoundary', () => {
  it('follows the formula of the format, written with big integers', () => {
    const random = createRandom(1)
    for (let i = 0; i < 2000; i++) {
      const h = random.bytes(4).readUInt32LE()
      const level = random.below(12)
      expect(isBoundary(h, level), `h ${h}, level ${level}`).toBe(boundaryByBigInt(h, level))
    }
  })

  it('is about one in 64, and another one at another level', () => {
    const found = [0, 1].map((level) => {
      const hits = new Set<number>()
      for (let h = 0; h < 64_000; h++) if (isBoundary(h, level)) hits.add(h)
      return hits
    })
    for (const hits of found) {
      expect(hits.size).toBeGreaterThan(850)
      expect(hits.size).toBeLessThan(1150)
    }
    const both = [...found[0]!].filter((h) => found[1]!.has(h))
    expect(both.length).toBeLessThan(60)
  })
})

describe('nodeEnds', () => {
  const boundary = Array.from({ length: 1000 }, (_, h) => h).find((h) => isBoundary(h, 0))!
  const other = Array.from({ length: 1000 }, (_, h) => h).find((h) => !isBoundary(h, 0))!

  it.each([
    { rows: 15, h: boundary, ends: false },
    { rows: 16, h: boundary, ends: true },
    { rows: 16, h: other, ends: false },
    { rows: 255, h: other, ends: false },
    { rows: 256, h: other, ends: true },
  ])('answers $ends for $rows rows ending with $h', ({ rows, h, ends }) => {
    expect(nodeEnds(rows, h, 0)).toBe(ends)
  })
})

function boundaryByBigInt(h: number, level: number): boolean {
  const mask = 0xffff_ffffn
  let x = (BigInt(h) + BigInt(level) * 0x9e3779b1n) & mask
  x ^= x >> 16n
  x = (x * 0x85ebca6bn) & mask
  x ^= x >> 13n
  x = (x * 0xc2b2ae35n) & mask
  x ^= x >> 16n
  return (x & 63n) === 0n
}
