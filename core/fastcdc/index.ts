/**
 * FastCDC 2020: content-defined cut points. The same bytes are cut at the same
 * places wherever they lie in a file, so an insertion changes the chunks
 * around it and no others. The work is done in WebAssembly (assembly/index.ts).
 */
import { instantiate } from './instance.ts'
import { type ChunkSizes, type CutRules, cutRules, requireRange } from './sizes.ts'

export type { ChunkSizes } from './sizes.ts'

/**
 * Cuts a long input that passes through a window of memory: read into the
 * window, `cut`, move the tail that was left out to the front, read on behind
 * it. Where the cuts fall does not depend on how the input was sliced. It has
 * no state between calls, so one chunker serves any number of inputs in turn.
 */
export interface Chunker {
  /** WebAssembly memory that the caller reads input into; `windowBytes` + `max` long. */
  readonly window: Uint8Array
  /** Lengths of the chunks found by the last `cut`, in order, from index 0: a view of WebAssembly memory. */
  readonly lengths: Uint32Array
  /**
   * Cuts window[0..filled) and answers how many chunks were found; their
   * lengths are in `lengths` until the next call. Unless `last`, the tail
   * whose end is not decided yet is left out; it is shorter than `max`.
   * Throws a RangeError where `filled` is not within the window.
   */
  cut(filled: number, last: boolean): number
}

/**
 * A chunker with its own memory: `windowBytes` (2 MiB unless given, at most
 * 1 GiB) and `max` for the window, and 4 bytes for each chunk that fits in it.
 * Throws a RangeError where a size is out of its bounds.
 */
export function createChunker(sizes: ChunkSizes, options: { windowBytes?: number } = {}): Chunker {
  const { windowBytes = defaultWindowBytes } = options
  requireRange('windowBytes', windowBytes, 1, 1024 * 1024 * 1024)
  return chunkerOf(cutRules(sizes), windowBytes)
}

/** The lengths of the chunks of `bytes`, in order; none for no bytes. Throws a RangeError as `createChunker` does. */
export function chunkLengths(bytes: Uint8Array, sizes: ChunkSizes): number[] {
  const loan = borrow(sizes)
  try {
    return lengthsIn(bytes, loan.chunker)
  } finally {
    giveBack(loan)
  }
}

/**
 * The chunks of a stream, each a copy that the caller may keep. Pieces of the
 * source may be of any length and are not held on to. Chunks come in bursts,
 * when the window is full. Throws a RangeError as `createChunker` does, and
 * what the source throws.
 */
export async function* chunkStream(source: AsyncIterable<Uint8Array>, sizes: ChunkSizes): AsyncGenerator<Uint8Array> {
  const loan = borrow(sizes)
  const { window } = loan.chunker
  try {
    let filled = 0
    for await (const piece of source) {
      let taken = 0
      while (taken < piece.length) {
        const part = piece.subarray(taken, taken + window.length - filled)
        window.set(part, filled)
        taken += part.length
        filled += part.length
        if (filled === window.length) filled = yield* drain(loan.chunker, filled, false)
      }
    }
    yield* drain(loan.chunker, filled, true)
  } finally {
    giveBack(loan)
  }
}

const defaultWindowBytes = 2 * 1024 * 1024
const wasmPageBytes = 65_536

function chunkerOf(rules: CutRules, windowBytes: number): Chunker {
  const { memory, freeMemory, configure, cut } = instantiate()
  const windowLength = windowBytes + rules.max
  // Every chunk but the last of an input has at least the minimum.
  const lengthsCapacity = Math.floor(windowLength / rules.min) + 1
  const lengthsAt = roundUp(freeMemory(), 16)
  const windowAt = roundUp(lengthsAt + lengthsCapacity * 4, 16)
  memory.grow(Math.ceil((windowAt + windowLength) / wasmPageBytes) - memory.buffer.byteLength / wasmPageBytes)
  configure(rules.min, rules.average, rules.max, rules.maskBefore, rules.maskAfter, windowAt, lengthsAt)
  return {
    window: new Uint8Array(memory.buffer, windowAt, windowLength),
    lengths: new Uint32Array(memory.buffer, lengthsAt, lengthsCapacity),
    cut(filled, last) {
      requireRange('filled', filled, 0, windowLength)
      return cut(filled, last ? 1 : 0)
    },
  }
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}

function lengthsIn(bytes: Uint8Array, chunker: Chunker): number[] {
  const { window, lengths } = chunker
  const found: number[] = []
  let start = 0
  while (start < bytes.length) {
    const piece = bytes.subarray(start, start + window.length)
    window.set(piece)
    const count = chunker.cut(piece.length, start + piece.length === bytes.length)
    for (const length of lengths.subarray(0, count)) {
      found.push(length)
      start += length
    }
  }
  return found
}

/** Yields copies of the decided chunks, moves the rest to the front of the window and answers its length. */
function* drain(chunker: Chunker, filled: number, last: boolean): Generator<Uint8Array, number> {
  const { window, lengths } = chunker
  const count = chunker.cut(filled, last)
  let start = 0
  for (let i = 0; i < count; i++) {
    const end = start + (lengths[i] ?? 0)
    yield window.slice(start, end)
    start = end
  }
  window.copyWithin(0, start, filled)
  return filled - start
}

/**
 * A new memory costs far more than cutting a small input, and engines reserve
 * much address space for each, so the functions above that make their own
 * chunkers keep a few for the next call.
 */
interface Loan {
  key: string
  chunker: Chunker
}
const spares: Loan[] = []
const sparesMax = 4

function borrow(sizes: ChunkSizes): Loan {
  const { min, average, max, normalization = 1 } = sizes
  const key = `${min}/${average}/${max}/${normalization}`
  const index = spares.findIndex((spare) => spare.key === key)
  return spares.splice(index, index < 0 ? 0 : 1)[0] ?? { key, chunker: createChunker(sizes) }
}

function giveBack(loan: Loan): void {
  spares.push(loan)
  if (spares.length > sparesMax) spares.shift()
}
