import { concatBytes } from '../bytes.ts'
import { blake3Text } from '../hash.ts'
import type { ByteRange, ByteStore, PutCondition, Stored } from './byte-store.ts'
import { checkKey, checkKeyPrefix, rangeLength } from './key.ts'
import { checkWholeRead, keyConflict } from './store-error.ts'

interface Value {
  bytes: Uint8Array
  modifiedMs: number
}

/** A ByteStore in memory. Durable for as long as the object lives. */
export class MemoryStore implements ByteStore {
  readonly #values = new Map<string, Value>()
  /** How many values lie below each folder, to refuse what a disk would refuse. */
  readonly #folders = new Map<string, number>()
  readonly #nowMs: () => number
  #sorted: string[] | undefined

  /** `nowMs` gives the time that `stat` reports; without it every value is from 1970. */
  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs
  }

  async get(key: string, range?: ByteRange): Promise<Stored | undefined> {
    checkKey(key)
    const value = this.#values.get(key)
    if (!value) return undefined
    if (range) {
      const length = rangeLength(range, value.bytes.length)
      return { bytes: copy(value.bytes.subarray(range.offset, range.offset + length)), version: '' }
    }
    checkWholeRead(key, value.bytes.length)
    return { bytes: copy(value.bytes), version: blake3Text(value.bytes) }
  }

  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: PutCondition): Promise<boolean> {
    checkKey(key)
    const bytes = await collect(body)
    // From here on nothing waits, so that the condition and the change are one step.
    if (!this.#holds(key, condition)) return false
    this.#checkConflict(key)
    if (!this.#values.has(key)) this.#count(key, 1)
    this.#values.set(key, { bytes, modifiedMs: this.#nowMs() })
    return true
  }

  async stat(key: string): Promise<{ size: number; modifiedMs: number } | undefined> {
    checkKey(key)
    const value = this.#values.get(key)
    return value && { size: value.bytes.length, modifiedMs: value.modifiedMs }
  }

  async *list(prefix: string): AsyncIterable<string> {
    checkKeyPrefix(prefix)
    const keys = (this.#sorted ??= [...this.#values.keys()].sort())
    for (let i = firstAtLeast(keys, prefix); i < keys.length; i++) {
      const key = keys[i] as string
      if (!key.startsWith(prefix)) return
      if (this.#values.has(key)) yield key
    }
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    if (this.#values.delete(key)) this.#count(key, -1)
  }

  #holds(key: string, condition: PutCondition | undefined): boolean {
    if (!condition) return true
    const value = this.#values.get(key)
    if (condition.if === 'absent') return !value
    return value !== undefined && blake3Text(value.bytes) === condition.if.version
  }

  #checkConflict(key: string): void {
    const below = this.#folders.get(key) ?? 0
    if (below > 0 || foldersOf(key).some((folder) => this.#values.has(folder))) throw keyConflict(key)
  }

  #count(key: string, change: 1 | -1): void {
    this.#sorted = undefined
    for (const folder of foldersOf(key)) this.#folders.set(folder, (this.#folders.get(folder) ?? 0) + change)
  }
}

async function collect(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return copy(body)
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(copy(piece))
  return concatBytes(pieces)
}

/** A copy, also of a Buffer, whose own `slice` would share its memory. */
function copy(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes)
}

function foldersOf(key: string): string[] {
  const folders = []
  for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) folders.push(key.slice(0, slash))
  return folders
}

function firstAtLeast(keys: readonly string[], prefix: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as string) < prefix) low = middle + 1
    else high = middle
  }
  return low
}
