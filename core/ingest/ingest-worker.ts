import type { BytePath } from '../bytes.ts'
import { PackSet } from '../pack/pack-set.ts'
import { PackedWriter, type WriteSession } from '../pack/packed-writer.ts'
import { DiskStore } from '../store/disk-store.ts'
import { serveBatches } from '../threads/worker-thread.ts'
import { FileIngester, type Added, type IngestJob, type IngestResult } from './file-ingester.ts'

/** A thread that ingests files for `ingestFiles`. */

export interface IngestWorkerStart {
  root: BytePath
  storeFolder: string
  session: WriteSession
  withTimes: boolean
  startedMs: number
}

serveBatches<IngestWorkerStart, IngestJob, IngestResult, Added>(async ({ start, thread, onBytes }) => {
  const { withTimes, startedMs } = start
  const store = new DiskStore(start.storeFolder)
  const writer = new PackedWriter(store, await PackSet.open(store), start.session, thread)
  const ingester = new FileIngester(start.root, writer, { withTimes, startedMs, onBytes })
  return {
    run: async (job) => {
      await writer.ready()
      return ingester.ingest(job)
    },
    finish: async () => {
      await writer.flush()
      await store.close()
      return writer.added
    },
    abandon: async () => {
      await writer.abandon()
      await store.close()
    },
  }
})
