import type { BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import type { PackSet } from '../pack/pack-set.ts'
import { beginWriting, PackedWriter, type WriteSession } from '../pack/packed-writer.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { batchesOf, runBatches } from '../threads/worker-pool.ts'
import { FileIngester, type Added, type IngestJob, type IngestResult } from './file-ingester.ts'
import { openIngest } from './ingest-thread.ts'

/** A file to ingest, with its size as it was when it was found: for balancing the work, not for trust. */
export interface SizedJob extends IngestJob {
  size: number
}

export interface IngestOptions {
  /** The working tree's absolute path. */
  root: BytePath
  store: ByteStore
  /** Where the store's bytes lie, so that threads can open it too; without it everything runs in this thread. */
  storeFolder: string | undefined
  packs: PackSet
  /** Starts the names of the packs of this session; unique. */
  sessionName: string
  /** Threads to use where there is enough to do. */
  threads: number
  /** Whether modification times are wanted to the nanosecond. */
  withTimes: boolean
  /** A moment before this, by the clock of the file system that holds the files (see readDiskClock). */
  startedMs: number
  signal?: AbortSignal | undefined
  /** Called now and then with the bytes read and files stored so far, and a path that was stored lately. */
  onProgress?: ((progress: { bytes: number; files: number; path: BytePath | undefined }) => void) | undefined
}

/** Under this much to read, starting threads costs more than it saves. */
const threadedBytesMin = 16 * 1024 * 1024
const threadedFilesMin = 1500
const batchLimits = { largeBytes: 8 * 1024 * 1024, filesMax: 64, bytesMax: 4 * 1024 * 1024 }

/**
 * Stores the content of files: read, cut, hashed, looked up, compressed and
 * appended to packs, on several threads, in memory that does not grow with the
 * files. Results come in any order. When the iteration ends, everything that
 * it reported is durable.
 *
 * Throws what the store throws, and `interrupted` where the signal fires.
 */
export async function* ingestFiles(jobs: readonly SizedJob[], options: IngestOptions): AsyncGenerator<IngestResult, Added> {
  const bytes = jobs.reduce((sum, job) => sum + job.size, 0)
  const threaded = options.storeFolder !== undefined && (bytes >= threadedBytesMin || jobs.length >= threadedFilesMin)
  const threads = threaded ? Math.max(1, Math.min(options.threads, jobs.length)) : 1
  const session = await beginWriting(options.packs, {
    name: options.sessionName,
    objects: expectedObjects(jobs.length, bytes),
    workers: threads,
  })
  if (threads === 1) return yield* ingestHere(jobs, options, session)
  return yield* ingestInThreads(jobs, options, session)
}

/** A generous guess of how many objects files make: the table of known ones should not fill up. */
function expectedObjects(files: number, bytes: number): number {
  return files * 2 + Math.ceil((bytes / 8192) * 1.2)
}

async function* ingestHere(jobs: readonly SizedJob[], options: IngestOptions, session: WriteSession): AsyncGenerator<IngestResult, Added> {
  const writer = new PackedWriter(options.store, options.packs, session)
  const done = { bytes: 0, files: 0, path: undefined as BytePath | undefined }
  const ingester = new FileIngester(options.root, writer, {
    withTimes: options.withTimes,
    startedMs: options.startedMs,
    onBytes: (count) => {
      done.bytes += count
      if (options.signal?.aborted) throw new DitsError('interrupted', 'interrupted')
      options.onProgress?.(done)
    },
  })
  let isDurable = false
  try {
    for (const job of jobs) {
      await writer.ready()
      done.path = job.path
      const result = await ingester.ingest(job)
      done.files++
      yield result
    }
    await writer.flush()
    isDurable = true
    return writer.added
  } finally {
    if (!isDurable) await writer.abandon()
  }
}

async function* ingestInThreads(jobs: readonly SizedJob[], options: IngestOptions, session: WriteSession): AsyncGenerator<IngestResult, Added> {
  const { root, storeFolder, withTimes, startedMs } = options
  const done = { bytes: 0, files: 0, path: undefined as BytePath | undefined }
  const results = runBatches(batchesOf(jobs, batchLimits), {
    open: openIngest,
    program: 'ingest-worker',
    from: import.meta.url,
    threads: session.known.workers,
    start: { root, storeFolder: storeFolder!, session, withTimes, startedMs },
    signal: options.signal,
    onProgress: (bytes) => options.onProgress?.({ ...done, bytes }),
  })
  for (;;) {
    const next = await results.next()
    if (next.done) return next.value.reduce(sumAdded)
    done.files++
    done.path = next.value.path
    yield next.value
  }
}

/** What two ingests added together. */
export function sumAdded(a: Added, b: Added): Added {
  return { objects: a.objects + b.objects, rawBytes: a.rawBytes + b.rawBytes, storedBytes: a.storedBytes + b.storedBytes }
}
