import { DitsError } from '../errors.ts'
import type { Repo } from '../repo.ts'
import { batchesOf, runBatches } from '../threads/worker-pool.ts'
import { detectFoldsCase } from '../worktree/disk.ts'
import { Placer } from '../worktree/place.ts'
import { openCheckout } from './checkout-thread.ts'
import { ContentReader } from './content-reader.ts'
import { FileWriter, type CheckedOut, type CheckoutJob } from './file-writer.ts'

/** Under this much to write, starting threads costs more than it saves. */
const threadedBytesMin = 16 * 1024 * 1024
const threadedFilesMin = 1500
const batchLimits = { largeBytes: 8 * 1024 * 1024, filesMax: 128, bytesMax: 4 * 1024 * 1024 }

/**
 * Writes files and links into the working tree (or below another folder), on
 * several threads where there is enough to do. Results come in any order. The
 * caller has made sure that nothing is overwritten that should stay.
 */
export async function* writeFiles(repo: Repo, jobs: readonly CheckoutJob[], root = repo.root): AsyncGenerator<CheckedOut> {
  const { env } = repo
  const foldsCase = detectFoldsCase(repo.folder)
  const bytesTotal = jobs.reduce((sum, job) => sum + bytesOf(job), 0)
  const progress = { task: 'writing', bytesTotal, filesTotal: jobs.length, files: 0 }
  if (env.threads < 2 || (bytesTotal < threadedBytesMin && jobs.length < threadedFilesMin)) {
    let bytes = 0
    const writer = new FileWriter(new Placer(root, { foldsCase }), new ContentReader(repo.objects), (count) => {
      bytes += count
      if (env.signal?.aborted) throw new DitsError('interrupted', 'interrupted')
    })
    for (const job of jobs) {
      yield await writer.write(job)
      progress.files++
      env.onProgress?.({ ...progress, bytes, path: job.path })
    }
    return
  }
  const results = runBatches(batchesOf(jobs, batchLimits, bytesOf), {
    open: openCheckout,
    program: 'checkout-worker',
    from: import.meta.url,
    threads: Math.min(env.threads, jobs.length),
    start: { root, storeFolder: repo.folder, foldsCase },
    signal: env.signal,
    onProgress: (bytes) => env.onProgress?.({ ...progress, bytes }),
  })
  for await (const result of results) {
    progress.files++
    yield result
  }
}

/** What there is to write: a ghost has no content. */
function bytesOf(job: CheckoutJob): number {
  return job.isGhost ? 0 : job.size
}
