import { PackedObjects } from '../pack/packed-objects.ts'
import { DiskStore } from '../store/disk-store.ts'
import { serveBatches } from '../threads/worker-thread.ts'
import { Placer } from '../worktree/place.ts'
import { ContentReader } from './content-reader.ts'
import { FileWriter, type CheckedOut, type CheckoutJob } from './file-writer.ts'

/** A thread that writes files for `writeFiles`. */

export interface CheckoutWorkerStart {
  root: string
  storeFolder: string
  foldsCase: boolean
}

serveBatches<CheckoutWorkerStart, CheckoutJob, CheckedOut, null>(async ({ start, onBytes }) => {
  const store = new DiskStore(start.storeFolder)
  const writer = new FileWriter(new Placer(start.root, { foldsCase: start.foldsCase }), new ContentReader(await PackedObjects.open(store)), onBytes)
  return {
    run: (job) => writer.write(job),
    finish: async () => {
      await store.close()
      return null
    },
  }
})
