import type { ChunkSizes } from '../sizes.ts'

/** The four profiles that dits cuts files with. */
export const profiles: Record<string, ChunkSizes> = {
  small: sizesInKiB(1, 4, 16),
  project: sizesInKiB(2, 8, 32),
  general: sizesInKiB(4, 16, 64),
  video: sizesInKiB(16, 64, 256),
}

function sizesInKiB(min: number, average: number, max: number): ChunkSizes {
  return { min: min * 1024, average: average * 1024, max: max * 1024 }
}

/** A seeded source of unsigned 32-bit integers: xorshift32 (Marsaglia 2003). `seed` is not zero. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
}

/** Bytes that look random: the second lowest byte of each integer of the source. */
export function randomBytes(length: number, seed: number): Uint8Array {
  const next = randomSource(seed)
  return Uint8Array.from({ length }, () => next() >>> 8)
}

/** Runs of a few values, as in flat images and padded records. */
export function plainBytes(length: number, seed: number): Uint8Array {
  const next = randomSource(seed)
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    const run = 1 + (next() % 40)
    bytes.fill(next() % 4, at, at + run)
    at += run
  }
  return bytes
}
