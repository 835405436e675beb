import { describe, expect, it } from 'vitest'
import { blake3, hasCode } from '#core'
import { createRandom } from '../fixtures/random.ts'
import { filterBytes, IdFilter } from './bloom.ts'
import { filterBytesMax } from './limits.ts'

function idOf(number: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(number)
  return blake3(bytes)
}

function shareOfFalse(filter: IdFilter, from: number, tries: number): number {
  let held = 0
  for (let i = 0; i < tries; i++) if (filter.mayHave(idOf(from + i))) held++
  return held / tries
}

describe('a filter of ids', () => {
  it.each([1, 7, 102, 103, 250, 5_000, 100_000])('of %d ids has all of them, and takes less than one in a hundred others for one of them', (keys) => {
    const filter = new IdFilter({ keys })
    for (let i = 0; i < keys; i++) filter.add(idOf(i))
    for (let i = 0; i < keys; i++) expect(filter.mayHave(idOf(i))).toBe(true)
    // 0.82 % is what ten bits a key and seven probes give.
    expect(shareOfFalse(filter, keys, 50_000)).toBeLessThan(0.01)
  })

  it('says the same after it travelled', () => {
    const filter = new IdFilter({ keys: 1000 })
    for (let i = 0; i < 1000; i++) filter.add(idOf(i))
    const other = new IdFilter({ bits: Uint8Array.from(filter.bits) })
    for (let i = 0; i < 3000; i++) expect(other.mayHave(idOf(i))).toBe(filter.mayHave(idOf(i)))
  })

  it('takes its places from the ids as PROTOCOL.md says, of any length', () => {
    const random = createRandom(5)
    for (let round = 0; round < 300; round++) {
      const id = random.bytes(32)
      const filter = new IdFilter({ bits: new Uint8Array(1 + random.below(5000)) })
      filter.add(id)
      const n = BigInt(filter.bits.length * 8)
      const low53 = (at: number) => id.readBigUInt64LE(at) & ((1n << 53n) - 1n)
      const places = new Set(Array.from({ length: 7 }, (_, i) => Number(((low53(0) % n) + BigInt(i) * (low53(8) % n)) % n)))
      const set = [...filter.bits].flatMap((byte, i) => Array.from({ length: 8 }, (_, bit) => ((byte >>> bit) & 1 ? i * 8 + bit : -1))).filter((place) => place >= 0)
      expect(new Set(set)).toEqual(places)
    }
  })

  it('that a peer sends is neither empty nor larger than any may be', () => {
    for (const length of [0, filterBytesMax + 1]) {
      expect(() => new IdFilter({ bits: new Uint8Array(length) })).toThrow(expect.toSatisfy((error) => hasCode(error, 'protocol-violation')))
    }
    expect(filterBytes(1000)).toBe(1250)
  })
})
