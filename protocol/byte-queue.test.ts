import { describe, expect, it } from 'vitest'
import { createRandom } from '../fixtures/random.ts'
import { ByteQueue } from './byte-queue.ts'

describe('a byte queue', () => {
  it('gives the bytes that came, however they came and are taken, and nothing changes afterwards', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = createRandom(seed)
      const bytes = random.bytes(random.below(60_000))
      const queue = new ByteQueue()
      const taken: Uint8Array[] = []
      const copies: Buffer[] = []
      let pushed = 0
      let read = 0
      while (read < bytes.length) {
        if (pushed < bytes.length && random.below(3) > 0) {
          const piece = bytes.subarray(pushed, pushed + random.pick([1, 2, 7, 100, 2047, 2048, 5000, 20_000]))
          queue.push(Uint8Array.from(piece))
          pushed += piece.length
        } else if (queue.length > 0) {
          const want = Math.min(queue.length, 1 + random.below(random.pick([3, 300, 30_000])))
          const got = random.below(2) ? queue.take(want) : queue.takeSome(want)
          taken.push(got)
          copies.push(Buffer.from(got))
          read += got.length
        }
        expect(queue.length).toBe(pushed - read)
      }
      expect(Buffer.concat(taken).equals(bytes), `seed ${seed}`).toBe(true)
      expect(Buffer.concat(taken).equals(Buffer.concat(copies)), `seed ${seed}`).toBe(true)
      expect(queue.takeSome(10)).toHaveLength(0)
    }
  })

  it('takes little more memory than its bytes where they come one by one', () => {
    const queue = new ByteQueue()
    const before = process.memoryUsage()
    for (let i = 0; i < 4_000_000; i++) queue.push(Uint8Array.of(i & 255))
    const after = process.memoryUsage()
    const whole = queue.take(4_000_000)
    expect(whole[3_999_999]).toBe(3_999_999 & 255)
    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(400_000_000)
  })
})
