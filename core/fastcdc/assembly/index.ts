import { gear } from './gear'

/**
 * FastCDC 2020 (Xia et al., "The Design of Fast Content-Defined Chunking for
 * Data Deduplication Based Storage Systems", IEEE TPDS 2020), over bytes that
 * the host has put into this module's memory. `gear` is generated at build
 * time and lies in static memory.
 */

let minimum: u32
let average: u32
let maximum: u32
let maskBefore: u64
let maskAfter: u64
let window: usize
let lengths: usize

/** The hash where `scan` stopped without a hit, so that a chunk's second scan goes on from its first. */
let hash: u64

/** The first address that the host may use for its own. */
export function freeMemory(): usize {
  return __heap_base
}

/** Sizes are in bytes, masks those before and after the average; `window` and `lengths` are addresses. */
export function configure(
  min: u32, avg: u32, max: u32, before: u64, after: u64, windowAt: usize, lengthsAt: usize,
): void {
  minimum = min
  average = avg
  maximum = max
  maskBefore = before
  maskAfter = after
  window = windowAt
  lengths = lengthsAt
}

/**
 * Cuts the first `filled` bytes of the window, writes the lengths of the
 * chunks one after another as u32, and answers how many there are. Where more
 * input follows (`last` is false), a tail that could still grow is left out.
 */
export function cut(filled: u32, last: bool): u32 {
  let start: u32 = 0
  let count: u32 = 0
  while (start < filled) {
    const left = filled - start
    const length = chunkLength(window + start, left)
    const undecided = length == left && left < maximum && !last
    if (undecided) break
    store<u32>(lengths + (count << 2), length)
    count++
    start += length
  }
  return count
}

/** The length of the chunk at `start`, where `left` bytes (at least 1) of input are there. */
function chunkLength(start: usize, left: u32): u32 {
  if (left <= minimum) return left
  const end = start + min(left, maximum)
  const centre = min(start + average, end)
  hash = 0
  let found = scan(start + minimum, centre, maskBefore)
  if (found == centre) found = scan(centre, end, maskAfter)
  return <u32>(found - start)
}

/**
 * The first address from `from` at which the rolling hash has only zeros under
 * the mask, or `to`. This is the hot loop. A step is written as a shift and an
 * add because engines make one instruction of the pair (`lea`), which keeps
 * the chain of dependent work at one cycle a byte; eight bytes a turn spread
 * the cost of the loop. More lanes, more bytes a turn or wider loads measured
 * no faster.
 */
function scan(from: usize, to: usize, mask: u64): usize {
  let at = from
  let h = hash
  while (at + 8 <= to) {
    h = (h << 1) + gearOf(load<u8>(at))
    if (!(h & mask)) return at
    h = (h << 1) + gearOf(load<u8>(at, 1))
    if (!(h & mask)) return at + 1
    h = (h << 1) + gearOf(load<u8>(at, 2))
    if (!(h & mask)) return at + 2
    h = (h << 1) + gearOf(load<u8>(at, 3))
    if (!(h & mask)) return at + 3
    h = (h << 1) + gearOf(load<u8>(at, 4))
    if (!(h & mask)) return at + 4
    h = (h << 1) + gearOf(load<u8>(at, 5))
    if (!(h & mask)) return at + 5
    h = (h << 1) + gearOf(load<u8>(at, 6))
    if (!(h & mask)) return at + 6
    h = (h << 1) + gearOf(load<u8>(at, 7))
    if (!(h & mask)) return at + 7
    at += 8
  }
  while (at < to) {
    h = (h << 1) + gearOf(load<u8>(at))
    if (!(h & mask)) return at
    at++
  }
  hash = h
  return to
}

// @ts-ignore: decorator
@inline
function gearOf(byte: u8): u64 {
  return load<u64>((<usize>byte << 3) + gear)
}
