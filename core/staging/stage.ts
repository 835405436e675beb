import { pathToText, type BytePath } from '../bytes.ts'
import { applyChange, indexKey } from '../changing/operation.ts'
import { DitsError } from '../errors.ts'
import type { Added, IngestedFile, IngestFailure } from '../ingest/file-ingester.ts'
import { sumAdded, type SizedJob } from '../ingest/ingest.ts'
import { resolveByStaging } from '../merging/resolve-by-staging.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import { WorktreeAttributes } from '../worktree/attributes.ts'
import { lookAt, readDiskClock } from '../worktree/disk.ts'
import { decodeIndex, type Index, type IndexEntry } from '../worktree/index-file.ts'
import { IndexUpdate } from '../worktree/index-update.ts'
import { isBelow } from '../worktree/path-order.ts'
import type { WorkChange } from '../worktree/status.ts'
import { findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { storeFiles } from './store-files.ts'

/** The working-tree index; `undefined` before anything was staged. Throws `index-damaged`. */
export async function readIndex(repo: Repo): Promise<Index | undefined> {
  const stored = await repo.store.get(indexKey, { offset: 0, length: Number.MAX_SAFE_INTEGER })
  return stored && decodeIndex(stored.bytes)
}

export interface AddOptions {
  /** Only files that are tracked already: changes and removals. */
  trackedOnly?: boolean
  /** Also what ignore rules leave out. */
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
}

/**
 * Stages the state of the working tree: stores the content of new and changed
 * files, and records them, and what was removed, in the index. The content is
 * durable before the index is written.
 *
 * Throws `no-such-path` where a name matches nothing, and `path-ignored` where
 * it names only what is ignored.
 */
export async function addPaths(repo: Repo, spec: Pathspec, options: AddOptions = {}): Promise<AddReport> {
  return withLock(repo, async () => {
    const writtenMs = readDiskClock(repo.folder)
    const index = await readIndex(repo)
    checkThere(repo, index, spec)
    const report: AddReport = { added: [], modified: [], removed: [], bytes: 0, stored: { objects: 0, rawBytes: 0, storedBytes: 0 }, failures: [] }
    const writer = await openWriter(repo)
    const update = new IndexUpdate(index, (kind, bytes) => writer.write(kind, bytes))
    const changed: BytePath[] = []
    for await (const batch of batchesOfChanges(repo, index, spec, options)) {
      describe(report, batch)
      if (options.dryRun) continue
      changed.push(...(await stageBatch(repo, { index, update, report }, batch)))
      await writer.ready()
    }
    checkMatched(index, spec, report)
    dropFailed(report)
    if (options.dryRun) return report
    // A conflict is settled where its file changed or is named itself: adding a folder does not settle what nobody looked at.
    const merge = await resolveByStaging(repo, [...spec.literals, ...changed])
    if (report.added.length + report.modified.length + report.removed.length === 0 && !merge) return report
    const { bytes, tree } = update.finish({ writtenMs })
    await writer.flush()
    await applyChange(repo, { index: { bytes, before: index?.tree, after: tree.id }, merge })
    return report
  })
}

/**
 * What is to be staged, in path order, a bounded number of changes at a time:
 * memory follows the batch, not the working tree.
 */
async function* batchesOfChanges(repo: Repo, index: Index | undefined, spec: Pathspec, options: AddOptions): AsyncGenerator<WorkChange[]> {
  const found = findChanges(repo, index, spec, {
    untracked: options.trackedOnly ? 'none' : 'all',
    hash: false,
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

/** Stores the files of a batch and puts them into the index; answers the paths that are not as they were staged. */
async function stageBatch(
  repo: Repo,
  staging: { index: Index | undefined; update: IndexUpdate; report: AddReport },
  batch: readonly WorkChange[],
): Promise<BytePath[]> {
  const { index, update, report } = staging
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
  return changedPaths(index, batch, stored.files)
}

/** The paths of changes that are some: a file may have been looked at and found to be what is staged. */
function changedPaths(index: Index | undefined, changes: readonly WorkChange[], files: readonly IngestedFile[]): BytePath[] {
  const same = new Set(files.filter(({ path, hash, kind }) => isStaged(index?.get(path), { hash, kind })).map(({ path }) => path))
  return changes.map(({ path }) => path).filter((path) => !same.has(path))
}

function isStaged(entry: IndexEntry | undefined, file: Pick<IngestedFile, 'hash' | 'kind'>): boolean {
  return entry?.hash === file.hash && entry.kind === file.kind
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

function describe(report: AddReport, changes: readonly WorkChange[]): void {
  for (const { path, change, kind, stat } of changes) {
    if (change === 'deleted') report.removed.push(path)
    else {
      ;(change === 'untracked' ? report.added : report.modified).push(path)
      if (kind !== 'directory') report.bytes += stat?.size ?? 0
    }
  }
}

/** What could not be read was not staged. */
function dropFailed(report: AddReport): void {
  if (report.failures.length === 0) return
  const failed = new Set(report.failures.map(({ path }) => path))
  report.added = report.added.filter((path) => !failed.has(path))
  report.modified = report.modified.filter((path) => !failed.has(path))
}

/** Throws where a name that was given is neither on disk nor staged, before anything is read. */
function checkThere(repo: Repo, index: Index | undefined, spec: Pathspec): void {
  for (const name of spec.literals) {
    if (name === '' || isTracked(index, name) || lookAt(repo.rootBytes, name) !== undefined) continue
    throw new DitsError('no-such-path', `'${pathToText(name)}' is not there`, { hint: 'see: dits status' })
  }
}

/** Throws where a name that was given holds nothing that changed and nothing that is staged. */
function checkMatched(index: Index | undefined, spec: Pathspec, { added, modified, removed }: AddReport): void {
  const isIn = (name: BytePath) => (path: BytePath) => path === name || isBelow(path, name)
  for (const name of spec.literals) {
    if (name === '' || isTracked(index, name) || [added, modified, removed].some((paths) => paths.some(isIn(name)))) continue
    throw new DitsError('path-ignored', `'${pathToText(name)}' is ignored, or holds nothing to add`, { hint: 'add it even so with: dits add --force' })
  }
}

function isTracked(index: Index | undefined, name: BytePath): boolean {
  return index !== undefined && (index.find(name) !== undefined || index.findFolder(name) !== undefined)
}

function skippedText({ path, kind }: WorkChange): string {
  const shown = pathToText(path)
  if (kind === 'repository') return `'${shown}' is a repository of its own and is left out`
  if (kind === 'unreadable') return `'${shown}' may not be read and is left out`
  return `'${shown}' is no file, link or folder and is left out`
}
