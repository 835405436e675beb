import { DitsError } from '../errors.ts'
import type { ByteRange, ByteStore, Stored } from './byte-store.ts'

/** Another store, of which nothing can be changed: `put` and `delete` throw `store-read-only`. */
export class ReadOnlyStore implements ByteStore {
  readonly #store: ByteStore

  constructor(store: ByteStore) {
    this.#store = store
  }

  get(key: string, range?: ByteRange): Promise<Stored | undefined> {
    return this.#store.get(key, range)
  }

  stat(key: string): Promise<{ size: number; modifiedMs: number } | undefined> {
    return this.#store.stat(key)
  }

  list(prefix: string): AsyncIterable<string> {
    return this.#store.list(prefix)
  }

  async put(key: string): Promise<boolean> {
    throw readOnly(key)
  }

  async delete(key: string): Promise<void> {
    throw readOnly(key)
  }
}

function readOnly(key: string): DitsError {
  return new DitsError('store-read-only', `cannot change '${key}': the repository was opened for reading only`)
}
