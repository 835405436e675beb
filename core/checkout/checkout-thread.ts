import { PackedObjects } from '../pack/packed-objects.ts'
import { DiskStore } from '../store/disk-store.ts'
import type { BatchServer, ThreadContext } from '../threads/thread-context.ts'
import { Placer } from '../worktree/place.ts'
import { ContentReader } from './content-reader.ts'
import { FileWriter, type CheckedOut, type CheckoutJob } from './file-writer.ts'

/** What every thread of a checkout is told. */
export interface CheckoutStart {
  root: string
  storeFolder: string
  foldsCase: boolean
}

/** One thread of `writeFiles`. */
export async function openCheckout({ start, onBytes }: ThreadContext<CheckoutStart>): Promise<BatchServer<CheckoutJob, CheckedOut, null>> {
  const store = new DiskStore(start.storeFolder)
  const writer = new FileWriter(new Placer(start.root, { foldsCase: start.foldsCase }), new ContentReader(await PackedObjects.open(store)), onBytes)
  return {
    run: (job) => writer.write(job),
    finish: async () => {
      await store.close()
      return null
    },
    abandon: () => store.close(),
  }
}
