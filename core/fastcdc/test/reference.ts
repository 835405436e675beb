import { createHash } from 'node:crypto'
import type { ChunkSizes } from '../sizes.ts'

/**
 * FastCDC 2020 as plainly as it can be written, from the definition and
 * without a line of the package: what the WebAssembly is compared with. The
 * 64-bit hash is a pair of unsigned 32-bit halves.
 */
export function referenceLengths(bytes: Uint8Array, sizes: ChunkSizes): number[] {
  const lengths: number[] = []
  let start = 0
  while (start < bytes.length) {
    const length = referenceLength(bytes, start, sizes)
    lengths.push(length)
    start += length
  }
  return lengths
}

function referenceLength(bytes: Uint8Array, start: number, sizes: ChunkSizes): number {
  const { min, average, max, normalization = 1 } = sizes
  const end = Math.min(bytes.length, start + max)
  const [highBefore, lowBefore] = maskHalves(Math.log2(average) + normalization)
  const [highAfter, lowAfter] = maskHalves(Math.log2(average) - normalization)
  let high = 0
  let low = 0
  for (let at = start + min; at < end; at++) {
    const byte = bytes[at]!
    const sum = low * 2 + gearLow[byte]!
    high = (high * 2 + gearHigh[byte]! + Math.floor(sum / 0x1_0000_0000)) >>> 0
    low = sum >>> 0
    const before = at - start < average
    const masked = (high & (before ? highBefore : highAfter)) | (low & (before ? lowBefore : lowAfter))
    if (masked === 0) return at - start
  }
  return end - start
}

const gearHigh = new Float64Array(256)
const gearLow = new Float64Array(256)
for (let i = 0; i < 256; i++) {
  const digest = createHash('md5').update(Buffer.alloc(64, i)).digest()
  gearHigh[i] = digest.readUInt32BE(0)
  gearLow[i] = digest.readUInt32BE(4)
}

/** High and low half of each mask, by its number of one bits. */
const masks: Record<number, readonly [number, number]> = {
  5: [0x0000_0000, 0x0180_4110],
  6: [0x0000_0000, 0x0180_3110],
  7: [0x0000_0000, 0x1803_5100],
  8: [0x0000_0018, 0x0003_5300],
  9: [0x0000_0190, 0x0035_3000],
  10: [0x0000_5900, 0x0353_0000],
  11: [0x0000_d900, 0x0353_0000],
  12: [0x0000_d901, 0x0353_0000],
  13: [0x0000_d903, 0x0353_0000],
  14: [0x0000_d903, 0x1353_0000],
  15: [0x0000_d90f, 0x0353_0000],
  16: [0x0000_d903, 0x0353_7000],
  17: [0x0000_d907, 0x0353_7000],
  18: [0x0000_d907, 0x0753_7000],
  19: [0x0000_d917, 0x0753_7000],
  20: [0x0000_d917, 0x4753_7000],
  21: [0x0000_d917, 0x6753_7000],
  22: [0x0000_d937, 0x6753_7000],
  23: [0x0000_d937, 0x7753_7000],
  24: [0x0000_d937, 0x7757_7000],
  25: [0x0000_db37, 0x7757_7000],
}

function maskHalves(bits: number): readonly [number, number] {
  return masks[bits]!
}
