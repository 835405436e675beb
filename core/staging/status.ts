import { indexKey } from '../changing/operation.ts'
import { readCurrentHead, type CurrentHead } from '../changing/head.ts'
import { lookForUnfinished } from '../changing/unfinished.ts'
import { hasCode } from '../errors.ts'
import { countGhosts } from '../ghosts/ghost-files.ts'
import { changesBetween, type Change } from '../history/changes.ts'
import { readLiveMerge, type MergeState } from '../merging/merge-state.ts'
import type { Operation } from '../oplog.ts'
import { withLock, type Repo } from '../repo.ts'
import { readDiskClock } from '../worktree/disk.ts'
import type { FileStat } from '../worktree/file-stat.ts'
import type { Index } from '../worktree/index-file.ts'
import { StatPatch } from '../worktree/stat-patch.ts'
import type { WorkChange } from '../worktree/status.ts'
import { findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { readIndex } from './stage.ts'

export interface StatusReport {
  current: CurrentHead
  merge: MergeState | undefined
  /** The last operation, where it was cut off between changing files and changing what is staged. */
  unfinished: Operation | undefined
  /** What the next commit would change. */
  staged: Change[]
  /** What the working tree changes against what is staged. */
  unstaged: WorkChange[]
  /** Files and folders that are not tracked; a folder that is untracked whole is one item. */
  untracked: WorkChange[]
  /** What cannot be tracked, and why. */
  skipped: WorkChange[]
  /** Files and empty folders that are staged. */
  tracked: number
  /** Tracked files whose content is not in the working tree, and the bytes that they would take. */
  ghosts: { files: number; bytes: number }
}

export interface StatusOptions {
  untracked: 'all' | 'folders' | 'none'
}

/**
 * Compares HEAD, what is staged and the working tree. Waits for nobody: it
 * reads what is there. Stat data that turned out to be stale is renewed in the
 * index afterwards, where no other command is at work.
 */
export async function readStatus(repo: Repo, spec: Pathspec, options: StatusOptions): Promise<StatusReport> {
  const startMs = readClockIfWritable(repo)
  const [current, index] = [await readCurrentHead(repo), await readIndex(repo)]
  const merge = await readLiveMerge(repo, current.id)
  const unfinished = merge ? undefined : await lookForUnfinished(repo, index?.tree)
  const report: StatusReport = { current, merge, unfinished, staged: [], unstaged: [], untracked: [], skipped: [], tracked: index?.count ?? 0, ghosts: { files: 0, bytes: 0 } }
  for await (const change of changesBetween(repo.objects, current.commit?.tree, index?.tree, { renames: true })) {
    if (spec.matches(change.path)) report.staged.push(change)
  }
  const touched: Touched[] = []
  const settled = new Map<number, boolean>()
  for await (const change of findChanges(repo, index, spec, { untracked: options.untracked, touched: true })) {
    if (change.entry !== undefined) settled.set(change.entry, change.change === 'touched' && change.isGhost === true)
    if (change.change === 'touched') {
      if (change.entry !== undefined && change.stat) touched.push({ entry: change.entry, stat: change.stat, isGhost: change.isGhost === true })
    } else if (change.change === 'untracked') report.untracked.push(change)
    else (change.change === 'skipped' ? report.skipped : report.unstaged).push(change)
  }
  report.ghosts = countGhosts(index, spec, settled)
  if (index && startMs !== undefined && touched.length > 0) await renewStats(repo, index, touched, startMs)
  return report
}

/** An entry whose file is as it was recorded, but for its stat data. */
interface Touched {
  entry: number
  stat: FileStat
  isGhost: boolean
}

/** The disk's clock; `undefined` where the repository may not be written, so that there is nothing to renew either. */
function readClockIfWritable(repo: Repo): number | undefined {
  try {
    return readDiskClock(repo.folder)
  } catch {
    return undefined
  }
}

/** Best effort: where another command holds the lock, or the index has changed, nothing happens. */
async function renewStats(repo: Repo, index: Index, touched: readonly Touched[], writtenMs: number): Promise<void> {
  try {
    await withLock(
      repo,
      async () => {
        const now = await readIndex(repo)
        if (!now || Buffer.compare(now.bytes, index.bytes) !== 0) return
        const patch = new StatPatch(index)
        for (const { entry, stat, isGhost } of touched) patch.set(entry, stat, isGhost)
        await repo.store.put(indexKey, patch.finish({ writtenMs }))
      },
      { waitMs: 0 },
    )
  } catch (error) {
    if (!hasCode(error, 'repository-busy') && !hasCode(error, 'store-io')) throw error
  }
}
