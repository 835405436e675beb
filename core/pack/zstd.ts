import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/**
 * Zstandard frames, one after another, in contexts that are kept. Node's own
 * one-shot functions make and free a context of a megabyte for every call,
 * which costs more than compressing a chunk of 8 KiB (measured: 60 to 120 µs of
 * CPU instead of 28, and 40 to 70 instead of 14 to decompress). The contexts
 * are those inside Node's streams, whose shape Node does not promise: they are
 * tried once, and where they do not do what is expected, the one-shot
 * functions do the work.
 */

const level = { [constants.ZSTD_c_compressionLevel]: 1 }

/** A frame of `bytes`; `undefined` where it would not be shorter than `limit` bytes. It is valid until the next call. */
export function zstdCompress(bytes: Uint8Array, limit: number): Uint8Array | undefined {
  const context = (compressor ??= openCompressor())
  if (!context) {
    const frame = zstdCompressSync(bytes, { pledgedSrcSize: bytes.length, params: level })
    return frame.length < limit ? frame : undefined
  }
  // Where even a frame of noise fits, the library compresses straight from the input to the output, without copies of both.
  const space = frameBytesMax(bytes.length)
  const target = outputOf(space)
  const length = context.run(bytes, target, space)
  // A frame that failed may still be in the context.
  if (length === undefined) compressor = openCompressor()
  return length !== undefined && length < limit ? target.subarray(0, length) : undefined
}

/**
 * The content of a frame that must be exactly `length` bytes long; in `into`
 * where that is given and longer than that. Throws where it is not.
 */
export function zstdDecompress(frame: Uint8Array, length: number, into?: Uint8Array): Uint8Array {
  const context = (decompressor ??= openDecompressor())
  if (!context) return zstdDecompressSync(frame, { maxOutputLength: Math.max(1, length) })
  // One byte more, to see where a frame holds more than it should.
  const target = into && into.length > length ? into : Buffer.allocUnsafe(length + 1)
  const produced = context.run(frame, target, length + 1)
  if (produced === length) return target.subarray(0, length)
  decompressor = openDecompressor()
  throw new Error(`a zstd frame does not hold the ${length} bytes that it should`)
}

/** The most that `length` bytes can take (ZSTD_compressBound of zstd.h), and one to tell that the frame ended before the space did. */
function frameBytesMax(length: number): number {
  const smallInputs = 128 * 1024
  return length + (length >>> 8) + (length < smallInputs ? (smallInputs - length) >>> 11 : 0) + 1
}

/** One context: handles of Node's zlib streams have this much in common. */
interface Handle {
  onerror: (message: string) => void
  writeSync(flush: number, input: Uint8Array, inputAt: number, inputLength: number, output: Uint8Array, outputAt: number, outputLength: number): void
}

interface Context {
  /** Runs a whole input through; answers the bytes produced, or `undefined` where it failed or `limit` was not enough. */
  run(input: Uint8Array, output: Uint8Array, limit: number): number | undefined
}

let compressor: Context | undefined | null
let decompressor: Context | undefined | null
let output = Buffer.alloc(0)
const sample = Buffer.from('dits '.repeat(100))

function outputOf(length: number): Buffer {
  if (output.length < length) output = Buffer.allocUnsafeSlow(length)
  return output
}

/** `null` where the contexts of this Node are not as expected. */
function openCompressor(): Context | null {
  const context = openContext(createZstdCompress({ params: level }))
  const target = Buffer.alloc(2 * sample.length)
  for (let round = 0; context && round < 2; round++) {
    const length = context.run(sample, target, target.length)
    if (length === undefined || !zstdDecompressSync(target.subarray(0, length)).equals(sample)) return null
  }
  return context
}

function openDecompressor(): Context | null {
  const context = openContext(createZstdDecompress())
  const target = Buffer.alloc(2 * sample.length)
  const frame = zstdCompressSync(sample)
  for (let round = 0; context && round < 2; round++) {
    const length = context.run(frame, target, target.length)
    if (length !== sample.length || !target.subarray(0, length).equals(sample)) return null
  }
  return context
}

function openContext(stream: unknown): Context | null {
  const { _handle: handle, _writeState: state } = stream as { _handle?: Partial<Handle>; _writeState?: unknown }
  if (!handle || typeof handle.writeSync !== 'function' || !(state instanceof Uint32Array) || state.length < 2) return null
  let failed = false
  handle.onerror = () => {
    failed = true
  }
  return {
    run(input, target, limit) {
      failed = false
      handle.writeSync!(constants.ZSTD_e_end, input, 0, input.length, target, 0, limit)
      const [outputLeft, inputLeft] = state
      return failed || inputLeft !== 0 || outputLeft === 0 ? undefined : limit - outputLeft!
    },
  }
}
