import type { BytePath } from '../bytes.ts'
import { PackSet } from '../pack/pack-set.ts'
import { PackedWriter, type WriteSession } from '../pack/packed-writer.ts'
import { DiskStore } from '../store/disk-store.ts'
import type { BatchServer, ThreadContext } from '../threads/thread-context.ts'
import { FileIngester, type Added, type IngestJob, type IngestResult } from './file-ingester.ts'

/** What every thread of an ingest is told. */
export interface IngestStart {
  root: BytePath
  storeFolder: string
  session: WriteSession
  withTimes: boolean
  startedMs: number
}

/** One thread of `ingestFiles`: files of its own, packs of its own, and the table of known objects that all share. */
export async function openIngest(context: ThreadContext<IngestStart>): Promise<BatchServer<IngestJob, IngestResult, Added>> {
  const { start, thread, onBytes } = context
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
}
