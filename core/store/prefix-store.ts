import type { ByteRange, ByteStore, PutCondition, Stored } from './byte-store.ts'
import { checkKey, checkKeyPrefix, isReservedKey } from './key.ts'
import { leftoversOf, type KeepsLeftovers, type Leftover } from './leftovers.ts'

/**
 * The values of another store whose keys start with `prefix` and '/', under
 * what follows: how one store holds many repositories. It keeps the promises
 * of the store below, and no key leads out of it.
 */
export class PrefixStore implements ByteStore, KeepsLeftovers {
  readonly #store: ByteStore
  readonly #start: string

  /** `prefix` is a key of `store`, of one name or several. Throws `bad-key`. */
  constructor(store: ByteStore, prefix: string) {
    checkKey(prefix)
    this.#store = store
    this.#start = `${prefix}/`
  }

  async get(key: string, range?: ByteRange): Promise<Stored | undefined> {
    return this.#store.get(this.#below(key), range)
  }

  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: PutCondition): Promise<boolean> {
    return this.#store.put(this.#below(key), body, condition)
  }

  async stat(key: string): Promise<{ size: number; modifiedMs: number } | undefined> {
    return this.#store.stat(this.#below(key))
  }

  async *list(prefix: string): AsyncIterable<string> {
    checkKeyPrefix(prefix)
    for await (const found of this.#store.list(this.#start + prefix)) {
      const key = found.slice(this.#start.length)
      // What a store of its own left in this place is no more a value here than it was there.
      if (!isReservedKey(key)) yield key
    }
  }

  async delete(key: string): Promise<void> {
    return this.#store.delete(this.#below(key))
  }

  leftovers(keyFolder: string): Promise<Leftover[] | undefined> {
    return leftoversOf(this.#store, this.#start + keyFolder)
  }

  /** The key in the store below. Checked by itself first: 'tmp/a' is refused here, though 'prefix/tmp/a' would not be there. */
  #below(key: string): string {
    checkKey(key)
    return this.#start + key
  }
}
