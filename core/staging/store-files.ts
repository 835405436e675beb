import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { isFailure, type Added, type IngestedFile, type IngestFailure } from '../ingest/file-ingester.ts'
import { ingestFiles, type SizedJob } from '../ingest/ingest.ts'
import type { Id } from '../objects/id.ts'
import { newSessionName, openWriter, type Repo } from '../repo.ts'
import { lookAt } from '../worktree/disk.ts'
import { kindOfMode } from '../worktree/file-stat.ts'
import { writeIndexTrees } from '../worktree/index-tree.ts'
import { comparePathOrder } from '../worktree/path-order.ts'

/** What became of the files that were to be stored. */
export interface StoredFiles {
  files: IngestedFile[]
  failures: IngestFailure[]
  added: Added
}

/** Stores the content of files of the working tree; durable when it resolves. */
export async function storeFiles(repo: Repo, jobs: readonly SizedJob[]): Promise<StoredFiles> {
  const { env } = repo
  const bytesTotal = jobs.reduce((sum, job) => sum + job.size, 0)
  const stored: StoredFiles = { files: [], failures: [], added: { objects: 0, rawBytes: 0, storedBytes: 0 } }
  if (jobs.length === 0) return stored
  const results = ingestFiles(jobs, {
    root: repo.rootBytes,
    store: repo.store,
    storeFolder: repo.folder,
    packs: repo.objects.packs,
    sessionName: newSessionName(repo),
    threads: env.threads,
    withTimes: repo.config.getBool('core.mtimes') ?? false,
    signal: env.signal,
    onProgress: (progress) => env.onProgress?.({ task: 'reading', ...progress, bytesTotal, filesTotal: jobs.length }),
  })
  for (let next = await results.next(); ; next = await results.next()) {
    if (next.done) {
      stored.added = next.value
      break
    }
    if (isFailure(next.value)) stored.failures.push(next.value)
    else stored.files.push(next.value)
  }
  await repo.objects.packs.refresh()
  return stored
}

/**
 * Stores uncommitted files that a command is about to replace or remove, as a
 * tree of their own; `undefined` where there are none. Durable when it resolves.
 * Throws `file-unreadable` and `file-changing` for a file that cannot be saved,
 * so that nothing is replaced that undo could not bring back.
 */
export async function saveFiles(repo: Repo, paths: readonly BytePath[]): Promise<Id | undefined> {
  const jobs: SizedJob[] = []
  for (const path of paths) {
    const stat = lookAt(repo.rootBytes, path)
    if (stat && ['file', 'executable', 'symlink'].includes(kindOfMode(stat.mode))) jobs.push({ path, size: stat.size })
  }
  if (jobs.length === 0) return undefined
  const { files, failures } = await storeFiles(repo, jobs)
  const failure = failures.find(({ code }) => code !== 'file-missing' && code !== 'file-unsupported')
  if (failure) {
    throw new DitsError(failure.code, `'${pathToText(failure.path)}' cannot be saved before it is replaced: it ${failure.message}`, {
      hint: 'close the program that works with it, or make it readable; then run the command again',
    })
  }
  const writer = await openWriter(repo)
  const entries: IngestedFile[] = [...files].sort((a, b) => comparePathOrder(a.path, b.path))
  const { id } = writeIndexTrees(entries, undefined, (kind, bytes) => writer.write(kind, bytes))
  await writer.flush()
  return id
}
