import { renameSync, type Stats } from 'node:fs'
import { baseName, joinPath, parentPath, pathToText, type BytePath } from '../bytes.ts'
import { editIndex, type PathEdit } from '../changing/edit-index.ts'
import { readCurrentHead } from '../changing/head.ts'
import { makeChange, recordChange } from '../changing/operation.ts'
import { DitsError } from '../errors.ts'
import { refuseInConflict } from '../merging/refuse.ts'
import { withLock, type Repo } from '../repo.ts'
import { checkUnchanged } from '../worktree/content-hash.ts'
import { detectFoldsCase, diskPath, lookAt, readDiskClock } from '../worktree/disk.ts'
import { fileStatOf, isFolderMode, type FileStat } from '../worktree/file-stat.ts'
import { FolderGuard } from '../worktree/folder-guard.ts'
import { decodeIndex, type Index, type IndexEntry } from '../worktree/index-file.ts'
import { foldersAbove, isBelow } from '../worktree/path-order.ts'
import { Placer } from '../worktree/place.ts'
import { checkSafePath, foldName } from '../worktree/safe-name.ts'
import { StatPatch } from '../worktree/stat-patch.ts'
import { emptyIndex } from './changes.ts'
import { readIndex } from './stage.ts'
import { saveFiles } from './store-files.ts'

export interface MovedPath {
  from: BytePath
  to: BytePath
}

export interface MoveOptions {
  /** Replace a file that is there; it is saved for undo. */
  force: boolean
  /** The target was named as a folder, so that no file gets its name. */
  targetIsFolder?: boolean
  /** Answer what would be moved, and move nothing. */
  dryRun?: boolean
}

/**
 * Moves or renames tracked files and folders, on disk and in the index, and
 * answers every file that moved. Everything is looked at before the first is
 * renamed; where renaming one fails, those before it go back. What was moved on
 * disk already (by hand, or before a crash) is moved in the index.
 *
 * Throws `no-such-path`, `path-exists`, `not-tracked`, `in-conflict`,
 * `unsafe-path`, and errors of the system.
 */
export async function movePaths(repo: Repo, sources: readonly BytePath[], target: BytePath, options: MoveOptions): Promise<MovedPath[]> {
  return withLock(repo, async () => {
    const writtenMs = readDiskClock(repo.folder)
    const index = (await readIndex(repo)) ?? emptyIndex()
    const isMoving = (path: BytePath) => sources.some((source) => path === source || isBelow(path, source))
    await refuseInConflict(repo, (await readCurrentHead(repo)).id, isMoving)
    const moves = planMoves(repo, index, { ...options, sources, target })
    const edits = moves.flatMap((move) => editsOf(index, move))
    const moved = edits.flatMap(({ from, to }) => (from === to ? [] : [{ from, to }]))
    if (options.dryRun) return moved
    const saved = await saveFiles(repo, await replacedWork(repo, index, moves))
    const { bytes, tree } = await editIndex(repo, index, edits.flatMap(({ edits: pair }) => pair), writtenMs)
    const staged = { before: index.tree, after: tree }
    await recordChange(repo, { index: staged, saved, worktree: true })
    renameAll(repo, moves)
    await makeChange(repo, { index: { ...staged, bytes: withStats(repo, decodeIndex(bytes), index, moved, writtenMs) } })
    return moved
  })
}

/** A move of something named. */
interface Move extends MovedPath {
  /** True where it is in its new place on disk already. */
  isDone: boolean
}

interface MovePlan extends MoveOptions {
  sources: readonly BytePath[]
  target: BytePath
}

function planMoves(repo: Repo, index: Index, { sources, target, targetIsFolder = false, force }: MovePlan): Move[] {
  const guard = new FolderGuard(repo.root)
  const there = target === '' ? undefined : guard.lookAt(target)
  const foldsCase = detectFoldsCase(repo.folder)
  const isRenamed = foldsCase && sources.length === 1 && isSameButForCase(guard, sources[0]!, target)
  const isDone = sources.length === 1 && wasMovedByHand(guard, index, { from: sources[0]!, to: target })
  const intoFolder = target === '' || (there !== undefined && isFolderMode(there.mode) && !isRenamed && !isDone)
  const isNameOfFolder = targetIsFolder && sources.some((source) => (index.get(source)?.kind ?? 'directory') !== 'directory')
  if (!intoFolder && (sources.length > 1 || isNameOfFolder)) throw noFolder(target, there)
  const moves = sources.map((from): Move => {
    const to = intoFolder ? joinPath(target, baseName(from)) : target
    return { from, to, isDone: wasMovedByHand(guard, index, { from, to }) }
  })
  for (const [i, move] of moves.entries()) {
    checkSource(guard, index, move)
    checkTarget(guard, move, { force, isRenamed })
    for (const other of moves.slice(0, i)) checkTogether(other, move)
  }
  return moves
}

function noFolder(target: BytePath, there: Stats | undefined): DitsError {
  const shown = pathToText(target)
  return new DitsError('no-such-path', `'${shown}' is no folder`, { hint: there ? 'name a folder to move it into' : `make it first with: mkdir ${shown}` })
}

/** True where two names are one to a file system that ignores case. */
function isSameButForCase(guard: FolderGuard, from: BytePath, to: BytePath): boolean {
  const [a, b] = [guard.lookAt(from), guard.lookAt(to)]
  return from !== to && parentPath(from) === parentPath(to) && foldName(from) === foldName(to) && a !== undefined && a.ino === b?.ino
}

/** True where something tracked has gone from disk, and where it is to go stands something untracked of its kind, with something of it if it is a folder. */
function wasMovedByHand(guard: FolderGuard, index: Index, { from, to }: MovedPath): boolean {
  if (guard.lookAt(from) !== undefined || entriesBelow(index, to).length > 0) return false
  return entriesBelow(index, from).some(({ path, kind }) => {
    const there = guard.lookAt((to + path.slice(from.length)) as BytePath)
    return there !== undefined && isFolderMode(there.mode) === (kind === 'directory')
  })
}

function checkSource(guard: FolderGuard, index: Index, { from, to, isDone }: Move): void {
  const shown = pathToText(from)
  if (!isDone && guard.lookAt(from) === undefined) throw new DitsError('no-such-path', `'${shown}' is not there`, { hint: 'see: dits status' })
  if (entriesBelow(index, from).length === 0) throw new DitsError('not-tracked', `'${shown}' is not tracked`, { hint: `track it first with: dits add ${shown}` })
  if (to === from || isBelow(to, from)) throw new DitsError('path-exists', `'${shown}' cannot be moved to itself or into itself`)
}

function checkTarget(guard: FolderGuard, { to, isDone }: Move, { force, isRenamed }: { force: boolean; isRenamed: boolean }): void {
  checkSafePath(to)
  for (const folder of foldersAbove(to)) {
    const stats = guard.lookAt(folder)
    if (stats && !isFolderMode(stats.mode)) throw new DitsError('path-exists', `'${pathToText(folder)}' is no folder, so nothing can be moved into it`)
  }
  const there: Stats | undefined = guard.lookAt(to)
  if (!there || isRenamed || isDone) return
  const shown = pathToText(to)
  if (isFolderMode(there.mode)) throw new DitsError('path-exists', `there is a folder '${shown}' already`, { hint: 'move it away first' })
  if (!force) throw new DitsError('path-exists', `'${shown}' is there already`, { hint: 'replace it with: dits mv --force (dits undo brings it back)' })
}

function checkTogether(a: MovedPath, b: MovedPath): void {
  if (a.to === b.to) {
    throw new DitsError('path-exists', `'${pathToText(a.from)}' and '${pathToText(b.from)}' would both become '${pathToText(a.to)}'`, { hint: 'move them one by one' })
  }
  const [outer, inner] = isBelow(b.from, a.from) ? [a, b] : [b, a]
  if (!isBelow(inner.from, outer.from)) return
  throw new DitsError('path-exists', `'${pathToText(inner.from)}' moves with '${pathToText(outer.from)}' already`, { hint: 'name only one of them' })
}

function entriesBelow(index: Index, path: BytePath): IndexEntry[] {
  const entry = index.get(path)
  const folder = index.findFolder(path)
  if (entry || folder === undefined) return entry ? [entry] : []
  return [...index.entries(index.firstEntry(folder), index.entryEnd(folder))]
}

/** For each tracked file of a move, where it goes, and what that means for the index; its stat data follows later. */
function editsOf(index: Index, { from, to }: MovedPath): (MovedPath & { edits: PathEdit[] })[] {
  return entriesBelow(index, from).map(({ path, stat: _, ...entry }) => {
    const target = (to + path.slice(from.length)) as BytePath
    return { from: path, to: target, edits: [{ path, entry: undefined }, { path: target, entry }] }
  })
}

/** Files that are replaced and hold what is not staged. */
async function replacedWork(repo: Repo, index: Index, moves: readonly Move[]): Promise<BytePath[]> {
  const work: BytePath[] = []
  for (const { from, to, isDone } of moves) {
    if (isDone) continue
    const [there, source] = [lookAt(repo.rootBytes, to), lookAt(repo.rootBytes, from)]
    if (!there || there.ino === source?.ino) continue
    const entry = index.get(to)
    if (!entry || (await checkUnchanged(repo.root, entry)) !== 'same') work.push(to)
  }
  return work
}

function renameAll(repo: Repo, moves: readonly Move[]): void {
  const placer = new Placer(repo.root)
  const done: MovedPath[] = []
  const rename = (from: BytePath, to: BytePath) => renameSync(diskPath(repo.rootBytes, from), diskPath(repo.rootBytes, to))
  try {
    for (const move of moves) {
      if (move.isDone) continue
      if (parentPath(move.to) !== '') placer.placeFolder(parentPath(move.to))
      rename(move.from, move.to)
      done.push(move)
    }
  } catch (error) {
    for (const { from, to } of done.reverse()) rename(to, from)
    throw error
  }
  removeEmptied(placer, done)
}

/** Folders out of which everything was moved go, as they do where files are removed: they are not tracked any more. */
function removeEmptied(placer: Placer, moves: readonly MovedPath[]): void {
  for (const { from } of moves) {
    for (let folder = parentPath(from); folder !== '' && placer.removeFolder(folder); folder = parentPath(folder)) continue
  }
}

/** The new index with the stat data of the moved files, of those that still are what was staged. */
function withStats(repo: Repo, made: Index, before: Index, moved: readonly MovedPath[], writtenMs: number): Uint8Array {
  const patch = new StatPatch(made)
  for (const { from, to } of moved) {
    const [i, known, now] = [made.find(to), before.get(from)?.stat, lookAt(repo.rootBytes, to)]
    if (i !== undefined && known && now && isSameFile(known, now)) patch.set(i, fileStatOf(now))
  }
  return patch.finish({ writtenMs })
}

/** Renaming moves the change time only. */
function isSameFile(a: FileStat, b: FileStat): boolean {
  return a.mtimeMs === b.mtimeMs && a.ino === b.ino && a.size === b.size && a.mode === b.mode
}
