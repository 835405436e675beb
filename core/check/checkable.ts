import { openStored, type Environment, type StoredRepo } from '../repo.ts'
import type { ByteStore } from '../store/byte-store.ts'

/** What a check looks at: a repository, or the store of one without a working tree. */
export interface Checkable extends StoredRepo {
  /** Where the store lies on disk, for threads to read it by themselves. */
  readonly folder?: string
  readonly env: Pick<Environment, 'threads' | 'signal' | 'onProgress'>
}

/** The repository in a store, such as one of a server's. Throws `config-damaged` and what reading the store throws. */
export async function openCheckable(store: ByteStore, env: Checkable['env']): Promise<Checkable> {
  return { ...(await openStored(store)), env }
}
