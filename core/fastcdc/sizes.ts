/** What decides where chunks end. Sizes are in bytes. */
export interface ChunkSizes {
  /** No chunk but the last of an input is shorter. 64 to `average`. */
  min: number
  /** The size around which chunk lengths gather. A power of two, 256 to 4 MiB. */
  average: number
  /** No chunk is longer. `average` to 16 MiB. */
  max: number
  /** By how many bits a cut is made less likely before the average and more likely after it; 1 if left out. */
  normalization?: 0 | 1 | 2 | 3
}

/** Sizes that were checked, with the masks that follow from them. */
export interface CutRules {
  min: number
  average: number
  max: number
  /** For bytes before the average. */
  maskBefore: bigint
  /** For bytes from the average on. */
  maskAfter: bigint
}

/**
 * The rules for the given sizes. Throws a RangeError, which names the size,
 * where one is out of its bounds.
 */
export function cutRules(sizes: ChunkSizes): CutRules {
  const { min, average, max, normalization = 1 } = sizes
  const bits = Math.log2(average)
  requireRange('average', average, 256, 4 * 1024 * 1024)
  if (!Number.isInteger(bits)) throw new RangeError(`average must be a power of two, not ${average}`)
  requireRange('min', min, 64, average)
  requireRange('max', max, average, 16 * 1024 * 1024)
  requireRange('normalization', normalization, 0, 3)
  return { min, average, max, maskBefore: maskOf(bits + normalization), maskAfter: maskOf(bits - normalization) }
}

/** Throws a RangeError unless `value` is an integer from `least` to `most`. */
export function requireRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`)
}

const fewestBits = 5
/**
 * The canonical masks, by their number of one bits from 5 to 25: those of the
 * paper's reference implementation, continued upwards as other
 * implementations do. Their bits are spread, so that a cut depends on the
 * last 48 bytes and not on a handful.
 */
const masks = [
  0x0000000001804110n, 0x0000000001803110n, 0x0000000018035100n, 0x0000001800035300n, 0x0000019000353000n,
  0x0000590003530000n, 0x0000d90003530000n, 0x0000d90103530000n, 0x0000d90303530000n, 0x0000d90313530000n,
  0x0000d90f03530000n, 0x0000d90303537000n, 0x0000d90703537000n, 0x0000d90707537000n, 0x0000d91707537000n,
  0x0000d91747537000n, 0x0000d91767537000n, 0x0000d93767537000n, 0x0000d93777537000n, 0x0000d93777577000n,
  0x0000db3777577000n,
]

function maskOf(bits: number): bigint {
  const mask = masks[bits - fewestBits]
  if (mask === undefined) throw new RangeError(`there is no mask of ${bits} bits`)
  return mask
}
