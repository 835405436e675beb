import { setImmediate } from 'node:timers/promises'
import { parentPath, pathToText, type BytePath } from '../bytes.ts'
import type { CheckoutJob } from '../checkout/file-writer.ts'
import { writeFiles } from '../checkout/write-files.ts'
import { DitsError } from '../errors.ts'
import { isPartial } from '../ghosts/partial.ts'
import { planContent } from '../ghosts/plan-content.ts'
import type { Id } from '../objects/id.ts'
import { diffTrees } from '../objects/tree-walk.ts'
import { entryAtPath } from '../objects/tree.ts'
import type { Repo } from '../repo.ts'
import { saveFiles } from '../staging/store-files.ts'
import { isFileKind } from '../worktree/content-hash.ts'
import { detectFoldsCase, readDiskClock, readLaterClock } from '../worktree/disk.ts'
import type { FileStat } from '../worktree/file-stat.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { Placer, removeLeftovers } from '../worktree/place.ts'
import { createStandingCheck } from '../worktree/standing-folder.ts'
import { StatPatch } from '../worktree/stat-patch.ts'
import { isToBeRemoved, planUpdate, type Step } from './plan-update.ts'
import { findUnfinished } from './unfinished.ts'

/**
 * What to do where a file that must be written or removed holds work that is
 * not staged: `refuse`, changing nothing; or `save` it in the store first, so
 * that undo can bring it back, and go on. `save-tracked` refuses where the file
 * is not tracked.
 */
export type UncommittedPolicy = 'refuse' | 'save' | 'save-tracked'

export interface UpdateOptions {
  policy: UncommittedPolicy
  /** What to do about uncommitted work that is in the way, where that is refused. */
  hint?: string | undefined
  /** Paths to write even where both trees have the same, because the disk holds something else. */
  also?: ReadonlySet<BytePath>
  /**
   * The tree that becomes staged, where that is not the target. What it has
   * otherwise comes with its content, for a ghost is known by what is staged.
   */
  staged?: Id | undefined
  /**
   * Called before the first file is touched, with the tree of uncommitted files
   * that are replaced or removed, and how many paths change on disk.
   */
  begin?: (saved: Id | undefined, paths: number) => Promise<void>
}

export interface UpdateResult {
  /** The new index, encoded: the caller puts it in place with the change that it belongs to. */
  index: Uint8Array
  /** Files that were written with their content. */
  written: number
  /** Files that were written as ghosts. */
  ghosts: number
  removed: number
  /** A tree of the uncommitted files that were replaced or removed. */
  saved: Id | undefined
}

/** Removals between two turns of others, in which an interruption is noticed. */
const removalsPerTurn = 256

/**
 * Brings the working tree from what `index` says to the tree `target`, and
 * makes the index of it. Files that are the same in both are not touched.
 *
 * Order: everything is looked at, and content that has to come is brought,
 * before anything is changed; uncommitted work
 * is durable in the store before it is replaced; `begin` is called with the
 * tree of it, to record the operation that keeps it; then what has to go is
 * removed, and each file is replaced by a rename. After a crash the old index
 * still stands, and the same command can be run again: what is in place already
 * is recognised by its content, and what was being written is removed.
 *
 * Throws `would-overwrite` naming the files where the policy refuses, and
 * `content-unavailable`, and what saving throws; nothing was changed then.
 */
export async function updateWorktree(repo: Repo, index: Index | undefined, target: Id, options: UpdateOptions): Promise<UpdateResult> {
  const foldsCase = detectFoldsCase(repo.folder)
  const steps = await planUpdate(repo, index, target, { also: options.also ?? new Set(), foldsCase })
  const precious = steps.filter((step) => step.precious)
  const refused = options.policy === 'save' ? [] : precious.filter(({ before }) => options.policy === 'refuse' || !before)
  if (refused.length > 0) throw wouldOverwrite(refused.map((step) => step.path), options.hint)
  const unstaged = await pathsUnstaged(repo, target, options.staged)
  const jobs = await planContent(repo, steps.filter(isWritten).map((step) => ({ job: jobOf(step), needsContent: isHydrated(step) || unstaged.has(step.path) })))
  const saved = await saveFiles(repo, precious.map((step) => step.path))
  const unfinished = await findUnfinished(repo)
  await options.begin?.(saved, steps.length)
  if (unfinished) removeLeftovers(repo.root)
  const placer = new Placer(repo.root, { foldsCase })
  const isStoodIn = createStandingCheck(repo)
  const removed = await removeOld(repo, steps, placer, isStoodIn)
  const kept = await foldersKept(repo, steps, target)
  placer.removeEmptiedFolders((folder) => kept.has(folder) || isStoodIn(folder))
  for (const { path, after } of steps) if (after?.kind === 'directory') placer.placeFolder(path)
  const placed = new Map<BytePath, PlacedFile>()
  for (const { path, done, disk, isGhost } of steps) if (done && disk) placed.set(path, { stat: disk.stat, isGhost })
  for await (const { path, stat, isGhost } of writeFiles(repo, jobs)) placed.set(path, { stat, isGhost })
  const made = decodeIndex(await indexFromTree(repo.objects, target, index))
  // The clock of after the last write: each file's stat data is newer than its content, so only what is written in
  // the last instant has to be hashed by the next status.
  const ghosts = jobs.filter(({ isGhost }) => isGhost).length
  const writtenMs = ghosts > 0 ? await readLaterClock(repo.folder) : readDiskClock(repo.folder)
  return { index: patchStats(made, placed, writtenMs), written: jobs.length - ghosts, ghosts, removed, saved }
}

/** Files of a partial repository that are to be on disk otherwise than they are staged. */
async function pathsUnstaged(repo: Repo, target: Id, staged: Id | undefined): Promise<Set<BytePath>> {
  const paths = new Set<BytePath>()
  if (staged === undefined || staged === target || !isPartial(repo)) return paths
  for await (const { path } of diffTrees(repo.objects, staged, target)) paths.add(path)
  return paths
}

/** Removes what the target does not have, and what stands where it has something of another kind; the deepest first. */
async function removeOld(repo: Repo, steps: readonly Step[], placer: Placer, isStoodIn: (folder: BytePath) => boolean): Promise<number> {
  const going = steps.filter(isToBeRemoved).sort((a, b) => (a.path < b.path ? 1 : -1))
  let removed = 0
  for (const [i, { path, before, after, disk }] of going.entries()) {
    if (i % removalsPerTurn === 0) await setImmediate()
    repo.env.signal?.throwIfAborted()
    if (disk?.kind !== 'directory') placer.removeFile(path)
    else if (after || !isStoodIn(path)) placer.removeFolder(path)
    if (disk?.kind !== 'directory' && before && !after) removed++
  }
  return removed
}

/** Folders that lose files and that the target has, empty or not. */
async function foldersKept(repo: Repo, steps: readonly Step[], target: Id): Promise<Set<BytePath>> {
  const kept = new Set<BytePath>()
  const looked = new Set<BytePath>()
  for (const step of steps) {
    if (step.after) continue
    for (let folder = parentPath(step.path); folder !== '' && !looked.has(folder); folder = parentPath(folder)) {
      looked.add(folder)
      if ((await entryAtPath(repo.objects, target, folder))?.kind === 'directory') kept.add(folder)
    }
  }
  return kept
}

function isWritten({ after, done }: Step): boolean {
  return after !== undefined && after.kind !== 'directory' && !done
}

/** Whether a file lies there with content, so that its next version is wanted with content, too. */
function isHydrated({ disk, isGhost }: Step): boolean {
  return disk !== undefined && isFileKind(disk.kind) && !isGhost
}

function jobOf(step: Step): CheckoutJob {
  const { kind, content, size, id, mtimeNs } = step.after!
  if (kind === 'directory') throw new Error('a folder is no checkout job')
  return { path: step.path, kind, content, size, id, ...(mtimeNs === undefined ? {} : { mtimeNs }) }
}

/** What a file looks like in its place. */
interface PlacedFile {
  stat: FileStat
  isGhost: boolean
}

function patchStats(index: Index, placed: ReadonlyMap<BytePath, PlacedFile>, writtenMs: number): Uint8Array {
  const patch = new StatPatch(index)
  for (const [path, { stat, isGhost }] of placed) {
    const i = index.find(path)
    if (i !== undefined) patch.set(i, stat, isGhost)
  }
  return patch.finish({ writtenMs })
}

/** The error that names files with uncommitted work that are in the way. */
export function wouldOverwrite(paths: readonly BytePath[], hint = 'commit it, or put it aside with: dits stash --include-untracked; then try again'): DitsError {
  const names = paths.slice(0, 10).map((path) => `'${pathToText(path)}'`)
  const more = paths.length > names.length ? ` and ${paths.length - names.length} more` : ''
  return new DitsError('would-overwrite', `uncommitted work would be overwritten: ${names.join(', ')}${more}`, { hint })
}
