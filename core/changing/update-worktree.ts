import type { Stats } from 'node:fs'
import { joinPath, parentPath, pathToText, type BytePath } from '../bytes.ts'
import type { CheckoutJob } from '../checkout/file-writer.ts'
import { writeFiles } from '../checkout/write-files.ts'
import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import { diffTrees, walkTree } from '../objects/tree-walk.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { entryAtPath } from '../objects/tree.ts'
import type { Repo } from '../repo.ts'
import { saveFiles } from '../staging/store-files.ts'
import { hashOnDisk } from '../worktree/content-hash.ts'
import { detectFoldsCase, lookAt, readDiskClock, readKinds } from '../worktree/disk.ts'
import { fileStatOf, kindOfMode, type FileStat } from '../worktree/file-stat.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { Placer } from '../worktree/place.ts'
import { StatPatch } from '../worktree/stat-patch.ts'

/**
 * What to do where a file that must be written or removed holds work that is
 * not staged: `refuse`, changing nothing; or `save` it in the store first, so
 * that undo can bring it back, and go on.
 */
export type UncommittedPolicy = 'refuse' | 'save'

export interface UpdateOptions {
  policy: UncommittedPolicy
  /** Paths to write even where both trees have the same, because the disk holds something else. */
  also?: ReadonlySet<BytePath>
  /** What to do about work that is in the way, where there is more to say than for every command. */
  hint?: string
  /** Called before the first file is touched, with the tree of uncommitted files that are replaced or removed. */
  begin?: (saved: Id | undefined) => Promise<void>
}

export interface UpdateResult {
  /** The new index, encoded: the caller puts it in place with the change that it belongs to. */
  index: Uint8Array
  written: number
  removed: number
  /** A tree of the uncommitted files that were replaced or removed. */
  saved: Id | undefined
}

/** So few paths are looked up one by one; for more, the whole tree is walked. */
const fewPaths = 64

/** One path that the update changes on disk. */
interface Step {
  path: BytePath
  before: TreeEntry | undefined
  after: TreeEntry | undefined
  stat: Stats | undefined
  /** True where the disk holds something that neither the index nor the target knows. */
  precious: boolean
  /** True where the disk holds already what the target wants. */
  done: boolean
}

/**
 * Brings the working tree from what `index` says to the tree `target`, and
 * makes the index of it. Files that are the same in both are not touched.
 *
 * Order: everything is looked at before anything is changed; uncommitted work
 * is durable in the store before it is replaced; `begin` is called with the
 * tree of it, to record the operation that keeps it; then each file is replaced
 * by a rename. After a crash the old index still stands, and the same command can
 * be run again: what is in place already is recognised by its content.
 *
 * Throws `would-overwrite` naming the files where the policy is `refuse`.
 */
export async function updateWorktree(
  repo: Repo,
  index: Index | undefined,
  target: Id,
  options: UpdateOptions,
): Promise<UpdateResult> {
  const steps = await planSteps(repo, index, target, options.also ?? new Set())
  const precious = steps.filter((step) => step.precious)
  if (precious.length > 0 && options.policy === 'refuse') throw wouldOverwrite(precious.map((step) => step.path), options.hint)
  const saved = await saveFiles(repo, precious.map((step) => step.path))
  await options.begin?.(saved)
  const placer = new Placer(repo.root, { foldsCase: detectFoldsCase(repo.folder) })
  const kept = await foldersKept(repo, steps, target)
  const removed = removeOld(steps, placer)
  placer.removeEmptiedFolders((folder) => kept.has(folder))
  for (const { path, after } of steps) if (after?.kind === 'directory') placer.placeFolder(path)
  const stats = new Map<BytePath, FileStat>()
  for (const { path, done, stat } of steps) if (done && stat) stats.set(path, fileStatOf(stat))
  const jobs = steps.filter((step) => step.after && step.after.kind !== 'directory' && !step.done).map(jobOf)
  for await (const { path, stat } of writeFiles(repo, jobs)) stats.set(path, stat)
  const made = decodeIndex(await indexFromTree(repo.objects, target, index))
  // The clock of after the last write: each file's stat data is newer than its content, so only what is written in
  // the last instant has to be hashed by the next status.
  return { index: patchStats(made, stats, readDiskClock(repo.folder)), written: jobs.length, removed, saved }
}

async function planSteps(repo: Repo, index: Index | undefined, target: Id, also: ReadonlySet<BytePath>): Promise<Step[]> {
  const steps: Step[] = []
  const planned = new Set<BytePath>()
  for await (const { path, before, after } of diffTrees(repo.objects, index?.tree, target)) {
    repo.env.signal?.throwIfAborted()
    steps.push(await lookAtStep(repo, index, { path, before, after }))
    planned.add(path)
  }
  const missing = [...also].filter((path) => !planned.has(path))
  if (missing.length <= fewPaths) {
    for (const path of missing) {
      const entry = await entryAtPath(repo.objects, target, path)
      if (entry) steps.push(await lookAtStep(repo, index, { path, before: entry, after: entry }))
    }
  } else {
    const wanted = new Set(missing)
    for await (const { path, entry } of walkTree(repo.objects, target)) {
      if (wanted.has(path)) steps.push(await lookAtStep(repo, index, { path, before: entry, after: entry }))
    }
  }
  markBlockedFolders(repo, steps)
  checkReplacedFolders(repo, steps)
  return steps
}

async function lookAtStep(
  repo: Repo,
  index: Index | undefined,
  change: { path: BytePath; before: TreeEntry | undefined; after: TreeEntry | undefined },
): Promise<Step> {
  const { path, before, after } = change
  const stat = lookAt(repo.rootBytes, path)
  const step: Step = { path, before, after, stat, precious: false, done: false }
  if (!stat) return step
  const kind = kindOfMode(stat.mode)
  if (kind === 'directory') {
    // A folder in the place of a file: what it holds decides, see checkReplacedFolders.
    step.done = after?.kind === 'directory'
    return step
  }
  const i = index?.find(path)
  if (before && before.kind !== 'directory' && index && i !== undefined && index.isUnchanged(i, fileStatOf(stat)) && kind === before.kind) return step
  const hash = kind === 'unsupported' ? undefined : (await hashOnDisk(repo.rootBytes, path, repo.env.signal))?.hash
  if (after && after.kind === kind && after.hash === hash) step.done = true
  else step.precious = !(before && before.kind === kind && before.hash === hash)
  return step
}

/**
 * A file that must be written where the disk has a folder, or below something
 * that is no folder: allowed only where what is in the way goes in this very
 * update.
 */
function markBlockedFolders(repo: Repo, steps: Step[]): void {
  const going = new Set(steps.filter((step) => step.before).map((step) => step.path))
  const looked = new Map<BytePath, boolean>()
  const blocked = (folder: BytePath): boolean => {
    if (folder === '' || going.has(folder)) return false
    let answer = looked.get(folder)
    if (answer === undefined) {
      const stat = lookAt(repo.rootBytes, folder)
      answer = stat ? kindOfMode(stat.mode) !== 'directory' : blocked(parentPath(folder))
      looked.set(folder, answer)
    }
    return answer
  }
  for (const step of steps) {
    if (step.after && blocked(parentPath(step.path))) {
      throw new DitsError('would-overwrite', `'${pathToText(parentPath(step.path))}' is no folder, but the version to go to has one there`, {
        hint: 'move it away, or commit it; then try again',
      })
    }
  }
}

/** A folder is replaced by a file only where everything in it goes in this very update. */
function checkReplacedFolders(repo: Repo, steps: readonly Step[]): void {
  const going = new Set(steps.filter((step) => step.after === undefined).map((step) => step.path))
  for (const { path, after, stat } of steps) {
    const isReplaced = after && after.kind !== 'directory' && stat && kindOfMode(stat.mode) === 'directory'
    const staying = isReplaced ? firstNotIn(repo, path, going) : undefined
    if (staying === undefined) continue
    throw new DitsError('would-overwrite', `'${pathToText(staying)}' is not tracked, and the version to go to has a file in place of its folder`, {
      hint: 'move it away, or put it aside with: dits stash --include-untracked; then try again',
    })
  }
}

function firstNotIn(repo: Repo, folder: BytePath, going: ReadonlySet<BytePath>): BytePath | undefined {
  for (const { name, isFolder } of readKinds(repo.rootBytes, folder)) {
    const path = joinPath(folder, name)
    const found = isFolder ? firstNotIn(repo, path, going) : going.has(path) ? undefined : path
    if (found !== undefined) return found
  }
  return undefined
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

function jobOf(step: Step): CheckoutJob {
  const { kind, content, size, id, mtimeNs } = step.after!
  if (kind === 'directory') throw new Error('a folder is no checkout job')
  return { path: step.path, kind, content, size, id, ...(mtimeNs === undefined ? {} : { mtimeNs }) }
}

/** Removes what the target does not have, and what stands where it has something of another kind; the deepest first. */
function removeOld(steps: readonly Step[], placer: Placer): number {
  let removed = 0
  for (let i = steps.length - 1; i >= 0; i--) {
    const { path, before, after, stat } = steps[i]!
    if (!stat) continue
    const onDisk = kindOfMode(stat.mode) === 'directory' ? 'directory' : 'file'
    const wanted = after === undefined ? undefined : after.kind === 'directory' ? 'directory' : 'file'
    if (onDisk === wanted || (!before && after === undefined)) continue
    if (onDisk === 'directory') placer.removeFolder(path)
    else placer.removeFile(path)
    if (onDisk === 'file' && !after) removed++
  }
  return removed
}

function patchStats(index: Index, stats: ReadonlyMap<BytePath, FileStat>, writtenMs: number): Uint8Array {
  const patch = new StatPatch(index)
  for (const [path, stat] of stats) {
    const i = index.find(path)
    if (i !== undefined) patch.set(i, stat)
  }
  return patch.finish({ writtenMs })
}

/** The error that names files with uncommitted work that are in the way; the hint is by default one that helps with every command. */
export function wouldOverwrite(paths: readonly BytePath[], hint?: string): DitsError {
  const names = paths.slice(0, 10).map((path) => `'${pathToText(path)}'`)
  const more = paths.length > names.length ? ` and ${paths.length - names.length} more` : ''
  return new DitsError('would-overwrite', `uncommitted work would be overwritten: ${names.join(', ')}${more}`, {
    hint: hint ?? 'commit it, or put it aside with: dits stash --include-untracked; then try again',
  })
}
