import { pathToText, type BytePath } from '../bytes.ts'
import { writeFiles } from '../checkout/write-files.ts'
import { isPartial } from '../ghosts/partial.ts'
import { bringFiles } from '../ghosts/plan-content.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { entryAtPath } from '../objects/tree.ts'
import type { Repo } from '../repo.ts'
import { hashOnDisk } from '../worktree/content-hash.ts'
import { lookAt } from '../worktree/disk.ts'
import { fileStatOf, kindOfMode, type FileStat } from '../worktree/file-stat.ts'
import { Placer } from '../worktree/place.ts'
import { besidePath, openMark, placeNear } from './beside-path.ts'
import type { ConflictSide, MergeState, OpenConflict } from './merge-state.ts'

/**
 * Their versions of the files in conflict, as files of the working tree beside
 * ours, so that a person can open both. The state of the merge lists them; they
 * are never tracked, and go when their conflict does. Nobody's work is
 * overwritten or removed with them: a file that was edited stays, as an
 * untracked one.
 */

/** Chooses where their versions will lie, given the tree that the working tree is brought to. A folder has no copy. */
export async function planBeside(
  repo: Repo,
  reader: ObjectReader,
  tree: Id,
  options: { head: Id; conflicts: readonly OpenConflict[] },
): Promise<OpenConflict[]> {
  const chosen = new Set<BytePath>()
  const isTaken = async (path: BytePath) =>
    chosen.has(path) || lookAt(repo.rootBytes, path) !== undefined || (await entryAtPath(reader, tree, path)) !== undefined
  const planned: OpenConflict[] = []
  for (const conflict of options.conflicts) {
    if (!conflict.theirs || conflict.theirs.kind === 'directory') {
      planned.push(conflict)
      continue
    }
    const near = await placeNear(reader, tree, conflict.path)
    const beside = await besidePath(near, openMark(options.head), isTaken)
    chosen.add(beside)
    planned.push({ ...conflict, beside })
  }
  return planned
}

/**
 * Writes their versions that are not there yet, and answers the conflicts with
 * what the files look like. What lies at such a path already stays: it is the
 * file that was written before a crash, with or without someone's work in it.
 */
export async function placeBeside(repo: Repo, conflicts: readonly OpenConflict[]): Promise<OpenConflict[]> {
  const missing = new Map<BytePath, ConflictSide>()
  for (const { beside, theirs } of conflicts) {
    if (beside !== undefined && theirs && !lookAt(repo.rootBytes, beside)) missing.set(beside, theirs)
  }
  const jobs = [...missing].map(([path, { kind, content, size, id }]) => ({ path, kind: fileKind(kind), content, size, id }))
  if (isPartial(repo)) await bringFiles(repo, jobs)
  const stats = new Map<BytePath, FileStat>()
  for await (const { path, stat } of writeFiles(repo, jobs)) stats.set(path, stat)
  return conflicts.map((conflict) => {
    const besideStat = conflict.beside === undefined ? undefined : stats.get(conflict.beside)
    return besideStat ? { ...conflict, besideStat } : conflict
  })
}

/** Removes their versions that `before`, or what was open before it, listed and `after` does not. */
export async function removeBeside(repo: Repo, before: MergeState, after: MergeState | undefined): Promise<void> {
  const kept = new Set(after?.conflicts.map(({ beside }) => beside))
  const placer = new Placer(repo.root)
  for (const conflict of [...before.conflicts, ...(before.previous?.conflicts ?? [])]) {
    const { beside } = conflict
    if (beside === undefined || kept.has(beside) || !lookAt(repo.rootBytes, beside)) continue
    if (await isBesideEdited(repo, conflict)) {
      repo.env.onWarning?.(`'${pathToText(beside)}' was changed since the conflict began; it stays, as an untracked file`)
    } else placer.removeFile(beside)
  }
  placer.removeEmptiedFolders()
}

/** Whether the file of their version holds something else by now. */
export async function isBesideEdited(repo: Repo, { beside, besideStat, theirs }: OpenConflict): Promise<boolean> {
  const stats = beside === undefined ? undefined : lookAt(repo.rootBytes, beside)
  if (!stats || beside === undefined || !theirs) return false
  if (besideStat && sameStat(besideStat, fileStatOf(stats))) return false
  if (kindOfMode(stats.mode) !== theirs.kind) return true
  return (await hashOnDisk(repo.rootBytes, beside, repo.env.signal))?.hash !== theirs.hash
}

/** The paths of their versions in the working tree, which `status` and `add` pass over. */
export function besidePaths(state: MergeState | undefined): Set<BytePath> {
  return new Set(state?.conflicts.flatMap(({ beside }) => (beside === undefined ? [] : [beside])))
}

function fileKind(kind: ConflictSide['kind']): 'file' | 'executable' | 'symlink' {
  if (kind === 'directory') throw new Error('a folder has no copy')
  return kind
}

function sameStat(a: FileStat, b: FileStat): boolean {
  return a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.size === b.size
}
