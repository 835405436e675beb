import { idFromBytes, idToBytes, type Id } from '../objects/id.ts'

/**
 * Numbers for ids, given in the order in which the ids were first seen: what a
 * walk over a million commits remembers of each. Ids are kept as 32 bytes in
 * one buffer with an open-addressing table over them: about 45 bytes an id,
 * where a Map of id strings takes 150.
 */
export class IdTable {
  #bytes = new Uint8Array(64 * 32)
  #slots = new Uint32Array(128)
  #count = 0

  /** How many ids were seen; their numbers are 0 to `size - 1`. */
  get size(): number {
    return this.#count
  }

  /** The number of `id`, which is new where it equals the `size` from before the call. */
  add(id: Id): number {
    if (2 * (this.#count + 1) > this.#slots.length) this.#grow()
    const bytes = idToBytes(id)
    const slot = this.#find(bytes)
    const found = this.#slots[slot]!
    if (found !== 0) return found - 1
    this.#bytes.set(bytes, this.#count * 32)
    this.#slots[slot] = ++this.#count
    return this.#count - 1
  }

  /** The number of `id`; `undefined` where it was never added. */
  numberOf(id: Id): number | undefined {
    const found = this.#slots[this.#find(idToBytes(id))]!
    return found === 0 ? undefined : found - 1
  }

  /** The id with this number. */
  idAt(number: number): Id {
    return idFromBytes(this.#bytes.subarray(number * 32, number * 32 + 32))
  }

  /** The slot that holds these bytes, or the free one where they belong. Ids are hashes: their first bytes spread well. */
  #find(id: Uint8Array): number {
    const mask = this.#slots.length - 1
    let slot = (id[0]! | (id[1]! << 8) | (id[2]! << 16) | (id[3]! << 24)) & mask
    for (;;) {
      const held = this.#slots[slot]!
      if (held === 0 || this.#holds(held - 1, id)) return slot
      slot = (slot + 1) & mask
    }
  }

  #holds(number: number, id: Uint8Array): boolean {
    const from = number * 32
    for (let i = 0; i < 32; i++) if (this.#bytes[from + i] !== id[i]) return false
    return true
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let number = 0; number < this.#count; number++) {
      this.#slots[this.#find(this.#bytes.subarray(number * 32, number * 32 + 32))] = number + 1
    }
    const bytes = new Uint8Array(this.#slots.length * 16)
    bytes.set(this.#bytes.subarray(0, this.#count * 32))
    this.#bytes = bytes
  }
}

/** A column of small numbers beside an IdTable, that grows as it is written; numbers never written are 0. */
export class NumberColumn {
  #values = new Float64Array(64)

  get(number: number): number {
    return this.#values[number] ?? 0
  }

  set(number: number, value: number): void {
    if (number >= this.#values.length) {
      const values = new Float64Array(Math.max(number + 1, this.#values.length * 2))
      values.set(this.#values)
      this.#values = values
    }
    this.#values[number] = value
  }
}
