import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { codecs, type Codec } from './pack-format.ts'

/** Whether and how an object's bytes are compressed. Media stays as it stands, so that it can be read without a copy. */

const sampleBytes = 1024
/**
 * How much likelier two bytes of a sample must be to agree than in uniform
 * bytes, before zstd is tried: on camera noise that is a little uneven, zstd
 * spends its time and saves a few percent.
 */
const agreementMin = 4
const zstdOptions = (size: number) => ({
  pledgedSrcSize: size,
  params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_contentSizeFlag]: 1 },
})
const packedBytesMin = 128
const counts = new Uint16Array(256)

/** The payload to store for `bytes`: compressed where that saves at least one part in sixteen. */
export function compress(bytes: Uint8Array): { codec: Codec; payload: Uint8Array } {
  if (bytes.length < packedBytesMin || !looksCompressible(bytes)) return { codec: codecs.plain, payload: bytes }
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
  // n + n(n-1)/256 is what uniform bytes give.
  return sum > (length + (length * (length - 1)) / 256) * agreementMin
}
