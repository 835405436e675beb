import { mergeConfigs, parseConfig } from '../config.ts'
import { createOpLog } from '../oplog.ts'
import { PackedObjects } from '../pack/packed-objects.ts'
import { createRefs } from '../refs/refs.ts'
import type { Environment, Repo } from '../repo.ts'
import type { ByteStore } from '../store/byte-store.ts'

/** What a check looks at: a repository, or the store of one without a working tree. */
export interface Checkable extends Pick<Repo, 'objects' | 'refs' | 'oplog' | 'config'> {
  readonly store: ByteStore
  /** Where the store lies on disk, for threads to read it by themselves. */
  readonly folder?: string
  readonly env: Pick<Environment, 'threads' | 'signal' | 'onProgress'>
}

/** The repository in a store, such as one of a server's. Throws `config-damaged` and what reading the store throws. */
export async function openCheckable(store: ByteStore, env: Checkable['env']): Promise<Checkable> {
  const own = await store.get('config')
  return {
    store,
    objects: await PackedObjects.open(store),
    refs: createRefs(store),
    oplog: createOpLog(store),
    config: mergeConfigs([parseConfig(own ? Buffer.from(own.bytes).toString('utf8') : '', 'config')]),
    env,
  }
}
