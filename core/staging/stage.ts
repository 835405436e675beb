import { pathToText, type BytePath } from '../bytes.ts'
import { applyChange, indexKey } from '../changing/operation.ts'
import { DitsError } from '../errors.ts'
import type { Added, IngestedFile, IngestFailure } from '../ingest/file-ingester.ts'
import type { SizedJob } from '../ingest/ingest.ts'
import type { MergeMove } from '../merging/merge-state.ts'
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
    const changes: WorkChange[] = []
    const found = findChanges(repo, index, spec, {
      untracked: options.trackedOnly ? 'none' : 'all',
      hash: false,
      ignored: options.force === true,
    })
    for await (const change of found) {
      if (change.change === 'skipped') repo.env.onWarning?.(skippedText(change))
      else changes.push(change)
    }
    checkMatched(repo, index, spec, changes)
    const report = describe(changes)
    if (options.dryRun || (changes.length === 0 && !(await resolveByStaging(repo, spec.literals)))) return report
    const stored = await storeFiles(repo, jobsOf(repo, changes))
    report.stored = stored.added
    report.failures = stored.failures
    // A conflict is settled where its file changed or is named itself: adding a folder does not settle what nobody looked at.
    const merge = await resolveByStaging(repo, [...spec.literals, ...changedPaths(index, changes, stored.files)])
    await writeStaged(repo, index, { changes, files: stored.files, failures: stored.failures, writtenMs, merge })
    return report
  })
}

async function writeStaged(
  repo: Repo,
  index: Index | undefined,
  staged: { changes: WorkChange[]; files: IngestedFile[]; failures: IngestFailure[]; writtenMs: number; merge: MergeMove | undefined },
): Promise<void> {
  const files = new Map(staged.files.map((file) => [file.path, file]))
  const failed = new Set(staged.failures.map((failure) => failure.path))
  const writer = await openWriter(repo)
  const update = new IndexUpdate(index, (kind, bytes) => writer.write(kind, bytes))
  for (const { path, change, kind } of staged.changes) {
    // A path that changed its kind comes twice: as what is gone, and as what is there.
    const file = change === 'deleted' ? undefined : files.get(path)
    if (file) update.put(file)
    else if (failed.has(path)) continue
    else if (change === 'deleted') update.remove(path)
    else if (kind === 'directory') update.put({ path, kind: 'directory', content: 'tree', size: 0, id: noId, hash: noId })
  }
  const { bytes, tree } = update.finish({ writtenMs: staged.writtenMs })
  await writer.flush()
  await applyChange(repo, { index: { bytes, before: index?.tree, after: tree.id }, merge: staged.merge })
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

function describe(changes: readonly WorkChange[]): AddReport {
  const report: AddReport = {
    added: [],
    modified: [],
    removed: [],
    bytes: 0,
    stored: { objects: 0, rawBytes: 0, storedBytes: 0 },
    failures: [],
  }
  for (const { path, change, kind, stat } of changes) {
    if (change === 'deleted') report.removed.push(path)
    else {
      ;(change === 'untracked' ? report.added : report.modified).push(path)
      if (kind !== 'directory') report.bytes += stat?.size ?? 0
    }
  }
  return report
}

/** Throws where a name that was given matches nothing that changed and nothing that is staged. */
function checkMatched(repo: Repo, index: Index | undefined, spec: Pathspec, changes: readonly WorkChange[]): void {
  for (const name of spec.literals) {
    if (name === '') continue
    if (changes.some(({ path }) => path === name || isBelow(path, name))) continue
    if (index && (index.find(name) !== undefined || index.findFolder(name) !== undefined)) continue
    const shown = pathToText(name)
    if (lookAt(repo.rootBytes, name) === undefined) throw new DitsError('no-such-path', `'${shown}' is not there`, { hint: 'see: dits status' })
    throw new DitsError('path-ignored', `'${shown}' is ignored, or holds nothing to add`, { hint: 'add it even so with: dits add --force' })
  }
}

function skippedText({ path, kind }: WorkChange): string {
  const shown = pathToText(path)
  if (kind === 'repository') return `'${shown}' is a repository of its own and is left out`
  if (kind === 'unreadable') return `'${shown}' may not be read and is left out`
  return `'${shown}' is no file, link or folder and is left out`
}
