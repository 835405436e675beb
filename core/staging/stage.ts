import { pathToText, type BytePath } from '../bytes.ts'
import { applyChange, indexKey, type Change } from '../changing/operation.ts'
import { refuseChangedGhosts } from '../ghosts/refuse-changed.ts'
import type { Added, IngestedFile, IngestFailure } from '../ingest/file-ingester.ts'
import { sumAdded, type SizedJob } from '../ingest/ingest.ts'
import type { MergeMove } from '../merging/merge-state.ts'
import { resolveByStaging } from '../merging/resolve-by-staging.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { WorktreeAttributes } from '../worktree/attributes.ts'
import { readDiskClock } from '../worktree/disk.ts'
import { decodeIndex, type Index, type IndexEntry } from '../worktree/index-file.ts'
import { IndexUpdate } from '../worktree/index-update.ts'
import type { WorkChange } from '../worktree/status.ts'
import { checkNames, UnmatchedPatterns, type IgnoredName } from './add-names.ts'
import { findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { storeFiles } from './store-files.ts'

/** The working-tree index; `undefined` before anything was staged. Throws `index-damaged`. */
export async function readIndex(repo: { store: Pick<ByteStore, 'get'> }): Promise<Index | undefined> {
  const stored = await repo.store.get(indexKey, { offset: 0, length: Number.MAX_SAFE_INTEGER })
  return stored && decodeIndex(stored.bytes)
}

export interface AddOptions {
  /** Only files that are tracked already: changes and removals. */
  trackedOnly?: boolean
  /** Also what ignore rules leave out, and ghosts that were changed. */
  force?: boolean
  /** Tell what would be staged, and store nothing. */
  dryRun?: boolean
}

export interface AddReport {
  /** What was staged: new, changed and removed paths. */
  added: BytePath[]
  modified: BytePath[]
  removed: BytePath[]
  /** Bytes of the files that were read. */
  bytes: number
  /** What that added to the store. */
  stored: Added
  /** Files that could not be read; everything else was staged. */
  failures: IngestFailure[]
  /** Names that were given and are ignored; everything else was staged. */
  ignored: IgnoredName[]
}

/**
 * Stages the state of the working tree: stores the content of new and changed
 * files, and records them, and what was removed, in the index. The content is
 * durable before the index is written.
 *
 * Throws `no-such-path` where a name matches nothing, `path-ignored` where
 * only what is ignored was named, and `ghost-changed`.
 */
export async function addPaths(repo: Repo, spec: Pathspec, options: AddOptions = {}): Promise<AddReport> {
  return withLock(repo, async () => {
    const { report, change } = await stagePaths(repo, spec, options)
    if (change) await applyChange(repo, change)
    return report
  })
}

/** What is staged, and the change that makes it so, where there is any: its content is durable already. */
export interface Staging {
  report: AddReport
  change?: { index: NonNullable<Change['index']>; merge: MergeMove | undefined }
}

/** As `addPaths`, for who holds the repository's lock, and makes the change as a part of its own. */
export async function stagePaths(repo: Repo, spec: Pathspec, options: AddOptions = {}): Promise<Staging> {
  const writtenMs = readDiskClock(repo.folder)
  const index = await readIndex(repo)
  const ignored = checkNames(repo, index, spec, options)
  const report: AddReport = { added: [], modified: [], removed: [], bytes: 0, stored: { objects: 0, rawBytes: 0, storedBytes: 0 }, failures: [], ignored }
  const writer = await openWriter(repo)
  try {
    const update = new IndexUpdate(index, (kind, bytes) => writer.write(kind, bytes))
    const unmatched = new UnmatchedPatterns(index, spec)
    let isRead = false
    for await (const batch of batchesOfChanges(repo, index, spec, options)) {
      if (!options.force) await refuseChangedGhosts(repo, batch)
      unmatched.strike(batch)
      await stageBatch(repo, { index, update, report, dryRun: options.dryRun === true }, batch)
      await writer.ready()
      isRead = true
    }
    unmatched.check()
    if (options.dryRun) return { report }
    // A conflict is settled where its file changed or is named itself: adding a folder does not settle what nobody looked at.
    const merge = await resolveByStaging(repo, [...spec.literals, ...report.added, ...report.modified, ...report.removed])
    if (!isRead && !merge) return { report }
    const { bytes, tree } = update.finish({ writtenMs })
    await writer.flush()
    return { report, change: { index: { bytes, before: index?.tree, after: tree.id }, merge } }
  } catch (error) {
    await writer.abandon()
    throw error
  }
}

/**
 * What is to be staged, in path order, a bounded number of changes at a time:
 * memory follows the batch, not the working tree. A change that only the
 * content can tell is settled later, by storing it, so that it is read once.
 */
async function* batchesOfChanges(repo: Repo, index: Index | undefined, spec: Pathspec, options: AddOptions): AsyncGenerator<WorkChange[]> {
  const found = findChanges(repo, index, spec, {
    untracked: options.trackedOnly ? 'none' : 'all',
    hash: options.dryRun === true,
    ignored: options.force === true,
  })
  let batch: WorkChange[] = []
  for await (const change of found) {
    if (change.change === 'skipped') repo.env.onWarning?.(skippedText(change))
    else batch.push(change)
    if (batch.length < batchChangesMax) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** Changes that are stored and put into the index together. */
const batchChangesMax = 25_000

/** Stores the files of a batch, puts them into the index, and reports what is staged by that. */
async function stageBatch(
  repo: Repo,
  staging: { index: Index | undefined; update: IndexUpdate; report: AddReport; dryRun: boolean },
  batch: readonly WorkChange[],
): Promise<void> {
  const { index, update, report } = staging
  if (staging.dryRun) return describe(report, batch, new Set())
  const stored = await storeFiles(repo, jobsOf(repo, batch))
  report.stored = sumAdded(report.stored, stored.added)
  report.failures.push(...stored.failures)
  const files = new Map(stored.files.map((file) => [file.path, file]))
  const failed = new Set(stored.failures.map((failure) => failure.path))
  for (const { path, change, kind } of batch) {
    // A path that changed its kind comes twice: as what is gone, and as what is there.
    const file = change === 'deleted' ? undefined : files.get(path)
    if (file) update.put(file)
    else if (failed.has(path)) continue
    else if (change === 'deleted') update.remove(path)
    else if (kind === 'directory') update.put({ path, kind: 'directory', content: 'tree', size: 0, id: noId, hash: noId })
  }
  const same = stored.files.filter(({ path, hash, kind }) => isSame(index?.get(path), { hash, kind })).map(({ path }) => path)
  describe(report, batch, new Set([...failed, ...same]))
}

/** Whether a file that was read turned out to be what is staged. */
function isSame(entry: IndexEntry | undefined, file: Pick<IngestedFile, 'hash' | 'kind'>): boolean {
  return entry?.hash === file.hash && entry.kind === file.kind
}

/** Adds changes to a report, but for files that are left as they were staged. */
function describe(report: AddReport, changes: readonly WorkChange[], left: ReadonlySet<BytePath>): void {
  for (const { path, change, kind, stat } of changes) {
    if (change === 'deleted') report.removed.push(path)
    else if (!left.has(path)) {
      ;(change === 'untracked' ? report.added : report.modified).push(path)
      if (kind !== 'directory') report.bytes += stat?.size ?? 0
    }
  }
}

/** An empty folder's id is found by IndexUpdate. */
const noId = '' as IngestedFile['id']

/** What is to be read of changes, with the profiles that attributes ask for. Throws `rules-too-large`. */
export function jobsOf(repo: Repo, changes: readonly WorkChange[]): SizedJob[] {
  const attributes = new WorktreeAttributes(repo.root, { onProblem: repo.env.onWarning })
  const jobs: SizedJob[] = []
  for (const { path, change, kind, stat } of changes) {
    if (change === 'deleted' || kind === 'directory' || !stat) continue
    const { profile } = attributes.of(path)
    jobs.push({ path, size: stat.size, ...(profile ? { profile } : {}) })
  }
  return jobs
}

function skippedText({ path, kind }: WorkChange): string {
  const shown = pathToText(path)
  if (kind === 'repository') return `'${shown}' is a repository of its own and is left out`
  if (kind === 'unreadable') return `'${shown}' may not be read and is left out`
  return `'${shown}' is no file, link or folder and is left out`
}
