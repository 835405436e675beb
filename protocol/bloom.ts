import { violation } from './frames.ts'
import { filterBytesMax } from './limits.ts'

/** Bits a key: with seven probes about 0.8 % of absent ids seem to be there. */
export const filterBitsPerKey = 10
const probes = 7
/** In a smaller filter the probes of an id fall on each other too often. */
const filterBytesMin = 128

/**
 * A Bloom filter over ids. Ids are hashes already, so its probes are taken
 * straight from their bytes: with `a` and `b` the low 53 bits of the first and
 * the second 8 bytes as little-endian integers, probe i of a filter of n bits
 * is `(a mod n + i * (b mod n)) mod n` (Kirsch and Mitzenmacher, "Less hashing,
 * same performance", 2006). What a false positive hides is asked for again, so
 * it costs a round and nothing else.
 */
export class IdFilter {
  /** A bit for each place, the lowest bit of a byte first. */
  readonly bits: Uint8Array
  readonly #places: number

  /** Room for `keys` ids, or the filter that a peer sent. Throws `protocol-violation` where that is empty or too large. */
  constructor(source: { keys: number } | { bits: Uint8Array }) {
    if ('bits' in source) {
      if (source.bits.length === 0 || source.bits.length > filterBytesMax) throw violation(`a filter of ${source.bits.length} bytes`)
      this.bits = source.bits
    } else this.bits = new Uint8Array(filterBytes(source.keys))
    this.#places = this.bits.length * 8
  }

  add(id: Uint8Array): void {
    this.#eachPlace(id, (place) => {
      this.bits[place >>> 3]! |= 1 << (place & 7)
      return true
    })
  }

  /** False: certainly not added. True: probably. */
  mayHave(id: Uint8Array): boolean {
    return this.#eachPlace(id, (place) => (this.bits[place >>> 3]! & (1 << (place & 7))) !== 0)
  }

  /** Visits the places of an id until `visit` answers false. */
  #eachPlace(id: Uint8Array, visit: (place: number) => boolean): boolean {
    let place = lowBits(id, 0) % this.#places
    const step = lowBits(id, 8) % this.#places
    for (let i = 0; i < probes; i++) {
      if (!visit(place)) return false
      place = (place + step) % this.#places
    }
    return true
  }
}

/** Bytes of the filter for so many keys; more than `filterBytesMax` means that there is none. */
export function filterBytes(keys: number): number {
  return Math.max(filterBytesMin, Math.ceil((keys * filterBitsPerKey) / 8))
}

/** The low 53 bits of the 8 bytes at `offset`, little-endian. */
function lowBits(id: Uint8Array, offset: number): number {
  const low = (id[offset]! | (id[offset + 1]! << 8) | (id[offset + 2]! << 16) | (id[offset + 3]! << 24)) >>> 0
  const high = id[offset + 4]! | (id[offset + 5]! << 8) | ((id[offset + 6]! & 0x1f) << 16)
  return high * 0x1_0000_0000 + low
}
