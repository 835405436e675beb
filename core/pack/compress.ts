import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { codecs, type Codec } from './pack-format.ts'

/** Whether and how an object's bytes are compressed. Media stays as it stands, so that it can be read without a copy. */

const sampleBytes = 1024
/**
 * Sum over all byte values of count squared, in a sample of 1,024 bytes:
 * 5,116 for uniform bytes with a deviation of about 90. Above this limit,
 * zstd level 1 was measured to save at least a few percent.
 */
const collisionsMin = 5650
const zstdOptions = (size: number) => ({
  pledgedSrcSize: size,
  params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_contentSizeFlag]: 1 },
})
const counts = new Uint16Array(256)

/** The payload to store for `bytes`: compressed where that saves at least one part in sixteen. */
export function compress(bytes: Uint8Array): { codec: Codec; payload: Uint8Array } {
  if (bytes.length < 128 || !looksCompressible(bytes)) return { codec: codecs.plain, payload: bytes }
  const packed = zstdCompressSync(bytes, zstdOptions(bytes.length))
  if (packed.length > bytes.length - (bytes.length >>> 4)) return { codec: codecs.plain, payload: bytes }
  return { codec: codecs.zstd, payload: packed }
}

/** Undoes `compress`. Throws (an error of zlib) where the payload is no frame of at most `raw` bytes. */
export function decompress(codec: Codec, payload: Uint8Array, raw: number): Uint8Array {
  return codec === codecs.plain ? payload : zstdDecompressSync(payload, { maxOutputLength: Math.max(raw, 1) })
}

/** A cheap test of two samples: do byte values repeat more than in random bytes. */
export function looksCompressible(bytes: Uint8Array): boolean {
  if (bytes.length <= 2 * sampleBytes) return repeats(bytes, 0, bytes.length)
  const third = Math.floor(bytes.length / 3)
  return repeats(bytes, third - (sampleBytes >> 1), sampleBytes) || repeats(bytes, 2 * third - (sampleBytes >> 1), sampleBytes)
}

function repeats(bytes: Uint8Array, from: number, length: number): boolean {
  counts.fill(0)
  const end = from + length
  for (let i = from; i < end; i++) counts[bytes[i]!]!++
  let sum = 0
  for (let i = 0; i < 256; i++) sum += counts[i]! * counts[i]!
  // Scaled to the sample's length: n + n(n-1)/256 is what uniform bytes give.
  return sum > (length + (length * (length - 1)) / 256) * (collisionsMin / 5116)
}
