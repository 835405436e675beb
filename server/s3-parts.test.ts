import { describe, expect, it } from 'vitest'
import { cutParts, partBytes, Permits } from './s3-parts.ts'

describe('cutParts', () => {
  it.each([
    ['nothing', [], []],
    ['empty pieces', [0, 0], []],
    ['one short piece', [5], [5]],
    ['exactly one part', [partBytes], [partBytes]],
    ['a part and a byte', [partBytes, 1], [partBytes, 1]],
    ['many pieces', Array.from({ length: 30 }, () => 1_000_000), [partBytes, partBytes, partBytes, 30_000_000 - 3 * partBytes]],
    ['one long piece', [2 * partBytes + 7], [partBytes, partBytes, 7]],
  ])('cuts %s', async (_, sizes, expected) => {
    const parts = []
    for await (const part of cutParts(pieces(sizes))) parts.push(Buffer.from(part))
    expect(parts.map((part) => part.length)).toEqual(expected)
    expect(Buffer.concat(parts).every((byte, i) => byte === i % 251)).toBe(true)
  })

  async function* pieces(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
    const memory = Buffer.alloc(Math.max(0, ...sizes))
    let at = 0
    for (const size of sizes) {
      for (let i = 0; i < size; i++) memory[i] = at++ % 251
      yield memory.subarray(0, size)
      memory.fill(255)
    }
  }
})

describe('Permits', () => {
  it('lets in as many as there are, and the others in their order', async () => {
    const permits = new Permits(2)
    const seen: number[] = []
    const all = [1, 2, 3, 4].map((n) => permits.take().then(() => seen.push(n)))
    await Promise.all(all.slice(0, 2))
    expect(seen).toEqual([1, 2])
    permits.give()
    await all[2]
    expect(seen).toEqual([1, 2, 3])
    permits.give()
    permits.give()
    await all[3]
    expect(seen).toEqual([1, 2, 3, 4])
  })
})
