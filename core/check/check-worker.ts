import type { PackReport } from '../pack/pack-scan.ts'
import { DiskStore } from '../store/disk-store.ts'
import { serveBatches } from '../threads/worker-thread.ts'
import { verifyPackIfThere } from './verify-pack.ts'

/** A thread that verifies packs for `checkRepository`. */

export interface CheckWorkerStart {
  storeFolder: string
}

export interface CheckJob {
  pack: string
  size: number
}

serveBatches<CheckWorkerStart, CheckJob, PackReport, null>(async ({ start, onBytes }) => {
  const store = new DiskStore(start.storeFolder)
  return {
    run: (job) => verifyPackIfThere(store, job.pack, onBytes),
    finish: async () => {
      await store.close()
      return null
    },
  }
})
