import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { blake3 } from '../hash.ts'
import { PackIndex, PackIndexBuilder } from './pack-index.ts'

function buildIndex(count: number, seed = 1): { index: PackIndex; ids: Buffer[]; bytes: Uint8Array } {
  const random = createRandom(seed)
  const builder = new PackIndexBuilder()
  const ids: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const id = random.bytes(32)
    ids.push(id)
    builder.add(id, 1 + (i % 6), i % 2, 16 + i * 100, 50 + i, 60 + i)
  }
  const bytes = builder.encode(123_456)
  return { index: PackIndex.decode('p', bytes), ids, bytes }
}

describe('PackIndex', () => {
  it('finds every id that was added, with its row', () => {
    const { index, ids } = buildIndex(5000)
    expect(index.packBytes).toBe(123_456)
    ids.forEach((id, i) => {
      const rank = index.find(id)
      expect(index.row(rank)).toMatchObject({ offset: 16 + i * 100, stored: 50 + i, raw: 60 + i, codec: i % 2 })
      expect(Buffer.compare(index.idBytes(rank), id)).toBe(0)
    })
  })

  it('does not find what was not added, at either end either', () => {
    const { index } = buildIndex(300)
    const random = createRandom(99)
    for (let i = 0; i < 300; i++) expect(index.find(random.bytes(32))).toBe(-1)
    expect(index.find(Buffer.alloc(32))).toBe(-1)
    expect(index.find(Buffer.alloc(32, 255))).toBe(-1)
  })

  it('holds ids that differ in their last byte only', () => {
    const builder = new PackIndexBuilder()
    const ids = [3, 1, 2].map((last) => Buffer.concat([Buffer.alloc(31, 7), Buffer.from([last])]))
    ids.forEach((id, i) => builder.add(id, 1, 0, i, 0, 0))
    const index = PackIndex.decode('p', builder.encode(16))
    ids.forEach((id, i) => expect(index.row(index.find(id)).offset).toBe(i))
  })

  it('can be empty', () => {
    const index = PackIndex.decode('p', new PackIndexBuilder().encode(16))
    expect(index.count).toBe(0)
    expect(index.find(Buffer.alloc(32))).toBe(-1)
  })

  it('refuses any changed bit and any other length', () => {
    const { bytes } = buildIndex(40)
    const random = createRandom(5)
    for (let i = 0; i < 300; i++) {
      const changed = Buffer.from(bytes)
      const at = random.below(changed.length)
      changed[at] = changed[at]! ^ (1 << random.below(8))
      expect(() => PackIndex.decode('p', changed)).toThrow(/index of pack 'p'/)
    }
    for (const length of [0, 10, bytes.length - 1]) {
      expect(() => PackIndex.decode('p', bytes.subarray(0, length))).toThrow(/damaged/)
    }
  })

  it('is not believed where it says that it has 2^32 rows', () => {
    const bytes = Buffer.from(buildIndex(10).bytes)
    bytes.writeUInt32LE(0xffffffff, 12)
    bytes.set(blake3(bytes.subarray(0, bytes.length - 32)), bytes.length - 32)
    expect(() => PackIndex.decode('p', bytes)).toThrow(/damaged/)
  })
})
