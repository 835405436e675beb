import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import type { Id } from './id.ts'
import { assertReadable, decodeManifest, encodeManifest, type Manifest, type Segment } from './manifest.ts'
import { buildList, CountingObjects, randomChunks } from './objects-fixture.ts'

const list = buildList(new CountingObjects().emit, randomChunks(createRandom(1), 3))
const longList = buildList(new CountingObjects().emit, randomChunks(createRandom(2), 1000))
const hash = 'ab'.repeat(32) as Id
const good: Manifest = { profile: 'video', size: list.size, hash, segments: [], root: list.node }

const plain = (size: number): Segment => ({ type: 'plain', size })
const deflate = (size: number, stored: number): Segment => ({
  type: 'deflate', codec: 7, size, stored, parameters: Buffer.from('how'),
})

describe('a manifest', () => {
  it.each<[string, Manifest]>([
    ['a few chunks', good],
    ['a list of several levels', { ...good, size: longList.size, root: longList.node }],
    ['another profile', { ...good, profile: 'small' }],
    ['a deflate stream between plain parts', {
      ...good, size: 10 + 500 + list.size - 1010, segments: [plain(10), deflate(500, 1000), plain(list.size - 1010)],
    }],
    ['only a deflate stream', { ...good, size: 5, segments: [deflate(5, list.size)] }],
    ['deflate streams of nothing', {
      ...good, size: 4, root: Buffer.from('01000000', 'hex'), segments: [deflate(2, 0), deflate(2, 0)],
    }],
  ])('comes back as it was: %s', (_, manifest) => {
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest)
  })

  it.each<[string, Partial<Manifest>]>([
    ['a size that is not that of its chunks', { size: list.size + 1 }],
    ['a single chunk', { root: buildList(() => hash, randomChunks(createRandom(1), 1)).node, size: 1 }],
    ['no chunks', { root: Buffer.from('01000000', 'hex'), size: 0 }],
    ['a root that is not a list node', { root: Buffer.alloc(3) }],
    ['a plain segment alone', { segments: [plain(list.size)] }],
    ['two plain segments in a row', { segments: [plain(1), plain(list.size - 1)] }],
    ['an empty segment', { segments: [plain(0), deflate(list.size, list.size)] }],
    ['segments that make too little', { segments: [deflate(list.size - 1, list.size)] }],
    ['segments that take too little', { segments: [deflate(list.size, list.size - 1)] }],
    ['too many segments', { segments: Array.from({ length: 65_537 }, () => deflate(1, 0)), size: 65_537 }],
  ])('cannot be made with %s', (_, change) => {
    expect(() => encodeManifest({ ...good, ...change })).toThrow(expect.objectContaining({ code: 'object-damaged' }))
  })

  const withSegment = encodeManifest({ ...good, size: 5, segments: [deflate(5, list.size)] })
  it.each<[string, number, number]>([
    ['an unknown format', 0, 2],
    ['an unknown profile', 1, 4],
    ['a reserved byte', 2, 1],
    ['more segments than there are', 4, 2],
    ['a size above 2^53-1', 15, 1],
    ['an unknown segment', 48, 2],
    ['a plain segment with a codec', 48, 0],
    ['reserved bytes in a segment', 52, 1],
    ['parameters beyond its end', 51, 255],
    ['a stored size above 2^53-1', 71, 255],
  ])('is refused with %s', (_, offset, value) => {
    const bytes = Buffer.from(withSegment)
    expect(() => decodeManifest(bytes)).not.toThrow()
    bytes[offset] = value
    expect(() => decodeManifest(bytes)).toThrow(expect.objectContaining({ code: 'object-damaged' }))
  })
})

describe('assertReadable', () => {
  it('refuses what no codec of this version can make', () => {
    const manifest = { ...good, segments: [deflate(list.size, list.size)] }
    expect(() => assertReadable(manifest)).toThrow(expect.objectContaining({ code: 'unsupported-segment' }))
    expect(() => assertReadable(good)).not.toThrow()
  })
})
