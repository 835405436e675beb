import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { compress, decompress } from './compress.ts'
import { codecs } from './pack-format.ts'

const random = createRandom(3)

describe('compress', () => {
  it('leaves random bytes as they stand, without copying them', () => {
    for (const length of [1, 127, 1024, 4096, 65536]) {
      const bytes = random.bytes(length)
      expect(compress(bytes)).toEqual({ codec: codecs.plain, payload: bytes })
      expect(compress(bytes).payload).toBe(bytes)
    }
  })

  it('packs text, and what is packed comes back', () => {
    const text = Buffer.from('an object, a vertex, a normal: 0.125 0.25 0.5\n'.repeat(200))
    const { codec, payload } = compress(text)
    expect(codec).toBe(codecs.zstd)
    expect(payload.length).toBeLessThan(text.length / 4)
    expect(Buffer.from(decompress(codec, payload, text.length))).toEqual(text)
  })

  it('never stores more than it was given', () => {
    for (let i = 0; i < 200; i++) {
      const bytes = random.bytes(1 + random.below(3000)).map((byte) => byte & (i % 2 ? 0xff : 0x7f))
      expect(compress(bytes).payload.length).toBeLessThanOrEqual(bytes.length)
    }
  })

  it('does not unpack a frame that grows beyond what it should be', () => {
    const bomb = compress(Buffer.alloc(1 << 20)).payload
    expect(() => decompress(codecs.zstd, bomb, 1000)).toThrow()
  })
})
