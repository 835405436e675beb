import type { PackReport } from '../pack/pack-scan.ts'
import { DiskStore } from '../store/disk-store.ts'
import type { BatchServer, ThreadContext } from '../threads/thread-context.ts'
import { verifyPackIfThere } from './verify-pack.ts'

/** What every thread of a check is told. */
export interface CheckStart {
  storeFolder: string
}

export interface CheckJob {
  pack: string
  size: number
}

/** One thread of `checkRepository`: verifies packs. */
export async function openCheck({ start, onBytes }: ThreadContext<CheckStart>): Promise<BatchServer<CheckJob, PackReport, null>> {
  const store = new DiskStore(start.storeFolder)
  return {
    run: (job) => verifyPackIfThere(store, job.pack, onBytes),
    finish: async () => {
      await store.close()
      return null
    },
    abandon: () => store.close(),
  }
}
