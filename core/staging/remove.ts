import { renameSync } from 'node:fs'
import { baseName, joinPath, parentPath, pathToText, type BytePath } from '../bytes.ts'
import { editIndex, type PathEdit } from '../changing/edit-index.ts'
import { applyChange, makeChange, recordChange } from '../changing/operation.ts'
import { readCurrentHead } from '../changing/head.ts'
import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import { entryAtPath } from '../objects/tree.ts'
import { refuseInConflict } from '../merging/refuse.ts'
import { resolveByStaging } from '../merging/resolve-by-staging.ts'
import { withLock, type Repo } from '../repo.ts'
import { diskPath, lookAt, readDiskClock } from '../worktree/disk.ts'
import { fileStatOf, isFolderMode } from '../worktree/file-stat.ts'
import type { Index, IndexEntry } from '../worktree/index-file.ts'
import { isBelow } from '../worktree/path-order.ts'
import { Placer } from '../worktree/place.ts'
import { checkSafePath } from '../worktree/safe-name.ts'
import { emptyIndex, findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { readIndex } from './stage.ts'
import { saveFiles } from './store-files.ts'

export interface RemoveOptions {
  /** Leave the files on disk, and only stop tracking them. */
  cached: boolean
  /** Remove also what is not committed as it is; it is saved for undo. */
  force: boolean
  /** Remove what is below folders. */
  recursive: boolean
}

/**
 * Stops tracking files and removes them from the working tree. Throws
 * `no-such-path`, `is-a-folder`, and `would-overwrite` where a file holds work
 * that is in no commit.
 */
export async function removePaths(repo: Repo, spec: Pathspec, options: RemoveOptions): Promise<BytePath[]> {
  return withLock(repo, async () => {
    const index = (await readIndex(repo)) ?? emptyIndex()
    const paths = trackedPaths(index, spec, options)
    const uncommitted = options.cached ? [] : await uncommittedOf(repo, index, spec, paths)
    if (uncommitted.length > 0 && !options.force) {
      throw new DitsError('would-overwrite', `${uncommitted.slice(0, 5).map((path) => `'${pathToText(path)}'`).join(', ')} would be lost: it is in no commit`, {
        hint: 'keep the file with --cached, or remove it even so with --force (dits undo brings it back)',
      })
    }
    const saved = await saveFiles(repo, uncommitted)
    const { bytes, tree } = await editIndex(repo, index, paths.map((path) => ({ path, entry: undefined })), index.writtenMs)
    const staged = { before: index.tree, after: tree }
    const merge = await resolveByStaging(repo, paths)
    await recordChange(repo, { index: staged, saved, worktree: !options.cached, merge })
    if (!options.cached) {
      const placer = new Placer(repo.root)
      for (const path of paths) if (!isFolderOnDisk(repo, path)) placer.removeFile(path)
      placer.removeEmptiedFolders()
    }
    await makeChange(repo, { index: { ...staged, bytes }, merge })
    return paths
  })
}

export interface MovedPath {
  from: BytePath
  to: BytePath
}

/**
 * Moves or renames tracked files and folders, on disk and in the index. What
 * was moved on disk already (by hand, or before a crash) is moved in the index.
 * A file that is replaced with `force` is saved first, for undo.
 * Throws `no-such-path`, `path-exists`, `not-tracked`, `in-conflict`.
 */
export async function movePaths(repo: Repo, sources: readonly BytePath[], target: BytePath, options: { force: boolean }): Promise<MovedPath[]> {
  return withLock(repo, async () => {
    const writtenMs = readDiskClock(repo.folder)
    const index = (await readIndex(repo)) ?? emptyIndex()
    const intoFolder = target === '' || isFolderOnDisk(repo, target)
    if (sources.length > 1 && !intoFolder) throw new DitsError('no-such-path', `'${pathToText(target)}' is no folder`, { hint: 'make it first' })
    const isDone = sources.length === 1 && wasMovedByHand(repo, index, { from: sources[0]!, to: target })
    const moves = sources.map((from) => ({ from, to: intoFolder && !isDone ? joinPath(target, baseName(from)) : target }))
    await refuseInConflict(repo, (await readCurrentHead(repo)).id, (path) => sources.some((source) => path === source || isBelow(path, source)))
    for (const move of moves) checkMove(repo, index, move, options.force)
    const saved = await saveFiles(repo, moves.filter((move) => !wasMovedByHand(repo, index, move)).map(({ to }) => to))
    // Before the first file is replaced, because it keeps what was saved of it.
    if (saved) await recordChange(repo, { saved, worktree: true })
    const placer = new Placer(repo.root)
    const edits: PathEdit[] = []
    const moved: MovedPath[] = []
    for (const { from, to } of moves) {
      const entries = entriesBelow(index, from)
      if (parentPath(to) !== '') placer.placeFolder(parentPath(to))
      if (!wasMovedByHand(repo, index, { from, to })) renameSync(diskPath(repo.rootBytes, from), diskPath(repo.rootBytes, to))
      for (const entry of entries) {
        const path = (to + entry.path.slice(from.length)) as BytePath
        edits.push({ path: entry.path, entry: undefined }, { path, entry: renewed(repo, entry, path) })
        moved.push({ from: entry.path, to: path })
      }
    }
    const { bytes, tree } = await editIndex(repo, index, edits, writtenMs)
    await applyChange(repo, { index: { bytes, before: index.tree, after: tree }, worktree: true })
    return moved
  })
}

function trackedPaths(index: Index, spec: Pathspec, options: RemoveOptions): BytePath[] {
  for (const name of spec.literals) {
    if (index.find(name) !== undefined) continue
    if (index.findFolder(name) === undefined) throw new DitsError('no-such-path', `'${pathToText(name)}' is not tracked`, { hint: 'see: dits ls-files' })
    if (!options.recursive) throw new DitsError('is-a-folder', `'${pathToText(name)}' is a folder`, { hint: 'remove all that is in it with: dits rm -r' })
  }
  const paths: BytePath[] = []
  for (let i = 0; i < index.count; i++) if (spec.matches(index.pathAt(i))) paths.push(index.pathAt(i))
  return paths
}

/** Files that are not as the last commit has them: changed on disk, or staged otherwise. */
async function uncommittedOf(repo: Repo, index: Index, spec: Pathspec, paths: readonly BytePath[]): Promise<BytePath[]> {
  const uncommitted = new Set<BytePath>()
  for await (const { path, change } of findChanges(repo, index, spec, { untracked: 'none' })) {
    if (change === 'modified' || change === 'type-changed') uncommitted.add(path)
  }
  const { commit } = await readCurrentHead(repo)
  for (const path of paths) if (!(await isCommitted(repo, commit?.tree, index.get(path)!))) uncommitted.add(path)
  return [...uncommitted]
}

async function isCommitted(repo: Repo, tree: Id | undefined, entry: IndexEntry): Promise<boolean> {
  const committed = tree && (await entryAtPath(repo.objects, tree, entry.path))
  return committed !== undefined && committed.id === entry.id
}

/** True where something tracked has gone from disk, and something untracked stands where it is to go. */
function wasMovedByHand(repo: Repo, index: Index, { from, to }: MovedPath): boolean {
  const isThere = lookAt(repo.rootBytes, from) !== undefined
  return !isThere && entriesBelow(index, from).length > 0 && lookAt(repo.rootBytes, to) !== undefined && entriesBelow(index, to).length === 0
}

function checkMove(repo: Repo, index: Index, { from, to }: MovedPath, force: boolean): void {
  checkSafePath(to)
  if (wasMovedByHand(repo, index, { from, to })) return
  if (lookAt(repo.rootBytes, from) === undefined) throw new DitsError('no-such-path', `'${pathToText(from)}' is not there`)
  if (entriesBelow(index, from).length === 0) {
    throw new DitsError('not-tracked', `'${pathToText(from)}' is not tracked`, { hint: 'track it first with: dits add' })
  }
  if (to === from || isBelow(to, from)) throw new DitsError('path-exists', `'${pathToText(from)}' cannot be moved into itself`)
  const there = lookAt(repo.rootBytes, to)
  if (there && (!force || isFolderMode(there.mode))) {
    throw new DitsError('path-exists', `'${pathToText(to)}' is there already`, { hint: 'replace a file with: dits mv --force' })
  }
}

function entriesBelow(index: Index, path: BytePath): IndexEntry[] {
  const entry = index.get(path)
  const folder = index.findFolder(path)
  if (entry || folder === undefined) return entry ? [entry] : []
  return [...index.entries(index.firstEntry(folder), index.entryEnd(folder))]
}

/** The entry with the stat data of the moved file, if that still is what was staged. */
function renewed(repo: Repo, entry: IndexEntry, path: BytePath): Omit<IndexEntry, 'path'> {
  const { path: _, stat: before, ...fields } = entry
  const now = lookAt(repo.rootBytes, path)
  const same = before && now && now.mtimeMs === before.mtimeMs && now.ino === before.ino && now.size === before.size
  return same ? { ...fields, stat: fileStatOf(now) } : fields
}

function isFolderOnDisk(repo: Repo, path: BytePath): boolean {
  const stat = lookAt(repo.rootBytes, path)
  return stat !== undefined && isFolderMode(stat.mode)
}
