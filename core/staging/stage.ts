import { pathToText, type BytePath } from '../bytes.ts'
import { applyChange, indexKey } from '../changing/operation.ts'
import { DitsError } from '../errors.ts'
import type { Added, IngestedFile, IngestFailure } from '../ingest/file-ingester.ts'
import type { SizedJob } from '../ingest/ingest.ts'
import type { MergeMove } from '../merging/merge-state.ts'
import { resolveByStaging } from '../merging/resolve-by-staging.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import { WorktreeAttributes } from '../worktree/attributes.ts'
import { readDiskClock } from '../worktree/disk.ts'
import { FolderGuard } from '../worktree/folder-guard.ts'
import { isIgnored, type IgnoreRules } from '../worktree/ignore.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { IndexUpdate } from '../worktree/index-update.ts'
import { comparePathOrder, foldersAbove, isBelow } from '../worktree/path-order.ts'
import type { WorkChange } from '../worktree/status.ts'
import { findChanges, ignoreRules } from './changes.ts'
import type { Pathspec, PathspecName } from './pathspec.ts'
import { isStaged } from './spec-entries.ts'
import { storeFiles, type StoredFiles } from './store-files.ts'

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
  /** Names that were given and are ignored; everything else was staged. */
  ignored: BytePath[]
}

/**
 * Stages the state of the working tree: stores the content of new and changed
 * files, and records them, and what was removed, in the index. The content is
 * durable before the index is written.
 *
 * Throws `no-such-path` where a name matches nothing, and `path-ignored` where
 * only what is ignored was named.
 */
export async function addPaths(repo: Repo, spec: Pathspec, options: AddOptions = {}): Promise<AddReport> {
  return withLock(repo, async () => {
    const writtenMs = readDiskClock(repo.folder)
    const index = await readIndex(repo)
    const changes = await findToAdd(repo, index, spec, options)
    const ignored = checkNames(repo, { index, spec, changes, options })
    if (options.dryRun || (changes.length === 0 && !(await resolveByStaging(repo, spec.literals)))) return describe(changes, { index, ignored })
    const stored = await storeFiles(repo, jobsOf(repo, changes))
    const report = describe(changes, { index, ignored, stored })
    // A conflict is settled where its file changed or is named itself: adding a folder does not settle what nobody looked at.
    const merge = await resolveByStaging(repo, [...spec.literals, ...report.added, ...report.modified, ...report.removed])
    await writeStaged(repo, index, { changes, files: stored.files, failures: stored.failures, writtenMs, merge })
    return report
  })
}

/** The differences to stage, in path order; one that only the content can tell is settled later, by reading it once. */
async function findToAdd(repo: Repo, index: Index | undefined, spec: Pathspec, options: AddOptions): Promise<WorkChange[]> {
  const changes: WorkChange[] = []
  const found = findChanges(repo, index, spec, {
    untracked: options.trackedOnly ? 'none' : 'all',
    hash: options.dryRun === true,
    ignored: options.force === true,
  })
  for await (const change of found) {
    if (change.change === 'skipped') repo.env.onWarning?.(skippedText(change))
    else changes.push(change)
  }
  return changes
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

/** An empty folder's id is found by IndexUpdate. */
const noId = '' as IngestedFile['id']

/** What is to be read of changes, with the profiles that attributes ask for. Throws `rules-too-large`. */
export function jobsOf(repo: Repo, changes: readonly WorkChange[]): SizedJob[] {
  const attributes = new WorktreeAttributes(repo.root)
  const jobs: SizedJob[] = []
  for (const { path, change, kind, stat } of changes) {
    if (change === 'deleted' || kind === 'directory' || !stat) continue
    const { profile } = attributes.of(path)
    jobs.push({ path, size: stat.size, ...(profile ? { profile } : {}) })
  }
  return jobs
}

/** What is staged of the changes: not what failed, and not what turned out to be staged already. */
function describe(changes: readonly WorkChange[], { index, ignored, stored }: { index: Index | undefined; ignored: BytePath[]; stored?: StoredFiles }): AddReport {
  const report: AddReport = {
    added: [],
    modified: [],
    removed: [],
    bytes: 0,
    stored: stored?.added ?? { objects: 0, rawBytes: 0, storedBytes: 0 },
    failures: stored?.failures ?? [],
    ignored,
  }
  const left = new Set(report.failures.map(({ path }) => path))
  for (const { path, hash, kind } of stored?.files ?? []) {
    const entry = index?.get(path)
    if (entry?.hash === hash && entry.kind === kind) left.add(path)
  }
  for (const { path, change, kind, stat } of changes) {
    if (change === 'deleted') report.removed.push(path)
    else if (!left.has(path)) {
      ;(change === 'untracked' ? report.added : report.modified).push(path)
      if (kind !== 'directory') report.bytes += stat?.size ?? 0
    }
  }
  return report
}

/**
 * Answers which of the given names are ignored. Throws where a name matches
 * nothing that changed and nothing that is staged, and where all are ignored.
 */
function checkNames(
  repo: Repo,
  { index, spec, changes, options }: { index: Index | undefined; spec: Pathspec; changes: readonly WorkChange[]; options: AddOptions },
): BytePath[] {
  const ignored: BytePath[] = []
  const guard = new FolderGuard(repo.root)
  let rules: IgnoreRules | undefined
  for (const name of spec.names) {
    if (name.path === '' || isChanged(changes, name) || isStaged(index, name)) continue
    const shown = pathToText(name.path)
    if (name.isPattern) throw new DitsError('no-such-path', `'${shown}' matches no file`, { hint: 'see: dits status' })
    const stats = guard.lookAt(name.path)
    if (!stats) throw notThere(guard, name.path)
    if (options.trackedOnly) throw new DitsError('no-such-path', `'${shown}' is not tracked`, { hint: `track it with: dits add ${shown}` })
    if (!options.force && isIgnored(repo.root, name.path, stats.isDirectory(), (rules ??= ignoreRules(repo)))) ignored.push(name.path)
  }
  if (ignored.length > 0 && ignored.length === spec.names.length) {
    const named = ignored.slice(0, 5).map((path) => `'${pathToText(path)}'`).join(', ')
    throw new DitsError('path-ignored', ignored.length === 1 ? `${named} is ignored` : `everything named is ignored: ${named}`, {
      hint: 'add it even so with: dits add --force',
    })
  }
  return ignored
}

function notThere(guard: FolderGuard, path: BytePath): DitsError {
  const link = foldersAbove(path).find((folder) => guard.lookAt(folder)?.isSymbolicLink())
  if (link === undefined) return new DitsError('no-such-path', `'${pathToText(path)}' is not there`, { hint: 'see: dits status' })
  return new DitsError('no-such-path', `'${pathToText(path)}' lies behind the link '${pathToText(link)}'`, { hint: 'add the link itself, or what it leads to' })
}

/** Whether a name matches any of the changes, which are in path order. */
function isChanged(changes: readonly WorkChange[], name: PathspecName): boolean {
  if (name.isPattern) return changes.some(({ path }) => name.matches(path))
  let low = 0
  let high = changes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (comparePathOrder(changes[middle]!.path, name.path) < 0) low = middle + 1
    else high = middle
  }
  const found = changes[low]?.path
  return found !== undefined && (found === name.path || isBelow(found, name.path))
}

function skippedText({ path, kind }: WorkChange): string {
  const shown = pathToText(path)
  if (kind === 'repository') return `'${shown}' is a repository of its own and is left out`
  if (kind === 'unreadable') return `'${shown}' may not be read and is left out`
  return `'${shown}' is no file, link or folder and is left out`
}
