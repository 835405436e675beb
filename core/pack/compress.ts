import { codecs, type Codec } from './pack-format.ts'
import { zstdCompress, zstdDecompress } from './zstd.ts'

/** Whether and how an object's bytes are compressed. Media stays as it stands, so that it can be read without a copy. */

/** Bytes of each of two samples. Longer ones chose no better and took longer than hashing the chunk. */
const sampleBytes = 256
/**
 * Bits a byte, by the order-0 entropy of the samples, under which zstd is
 * tried. Measured on the benchmark's media: chunks above it give up 3 percent
 * or less and take a third of all the time that compressing everything takes.
 */
const entropyBitsMax = 7.2
const packedBytesMin = 128
const counts = new Uint16Array(256)
/** n * log2(n) of every count that a sample can have. */
const weights = Float64Array.from({ length: 2 * sampleBytes + 1 }, (_, n) => (n === 0 ? 0 : n * Math.log2(n)))

/** The payload to store for `bytes`, valid until the next call: compressed where that saves at least one part in 32. */
export function compress(bytes: Uint8Array): { codec: Codec; payload: Uint8Array } {
  if (bytes.length < packedBytesMin || !looksCompressible(bytes)) return { codec: codecs.plain, payload: bytes }
  const packed = zstdCompress(bytes, bytes.length - (bytes.length >>> 5))
  return packed ? { codec: codecs.zstd, payload: packed } : { codec: codecs.plain, payload: bytes }
}

/** Undoes `compress`, in `into` where that is given and longer than `raw`. Throws where the payload is no frame of exactly `raw` bytes. */
export function decompress(codec: Codec, payload: Uint8Array, raw: number, into?: Uint8Array): Uint8Array {
  return codec === codecs.plain ? payload : zstdDecompress(payload, raw, into)
}

/**
 * A cheap test: the order-0 entropy (Shannon) of two samples, which also tells
 * text and tables apart, because their bytes are uneven.
 */
export function looksCompressible(bytes: Uint8Array): boolean {
  counts.fill(0)
  if (bytes.length <= 2 * sampleBytes) count(bytes, 0, bytes.length)
  else {
    const third = Math.floor(bytes.length / 3)
    count(bytes, third - (sampleBytes >> 1), sampleBytes)
    count(bytes, 2 * third - (sampleBytes >> 1), sampleBytes)
  }
  const total = Math.min(bytes.length, 2 * sampleBytes)
  let sum = 0
  for (let i = 0; i < 256; i++) sum += weights[counts[i]!]!
  return Math.log2(total) - sum / total + shortage(total) < entropyBitsMax
}

function count(bytes: Uint8Array, from: number, length: number): void {
  const end = from + length
  for (let i = from; i < end; i++) counts[bytes[i]!]!++
}

/** How far below its true value the entropy of `total` bytes is measured: a few bytes look uneven whatever they come from (Miller, 1955). */
function shortage(total: number): number {
  return 255 / (2 * Math.LN2 * total)
}
