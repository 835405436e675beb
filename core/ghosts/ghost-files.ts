import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import type { Repo } from '../repo.ts'
import { emptyIndex, findChanges } from '../staging/changes.ts'
import type { Pathspec } from '../staging/pathspec.ts'
import { indexEntries, isStaged } from '../staging/spec-entries.ts'
import { holdsOnlyZeros, isFileKind } from '../worktree/content-hash.ts'
import { lookAt } from '../worktree/disk.ts'
import type { FileStat } from '../worktree/file-stat.ts'
import type { Index, IndexEntry } from '../worktree/index-file.ts'
import type { WorkChange } from '../worktree/status.ts'
import { isPartial } from './partial.ts'

/** A tracked file that is on disk as it is staged. */
export interface SettledFile {
  /** Its number in the index. */
  i: number
  entry: IndexEntry
  stat: FileStat
}

/** The tracked files that a pathspec names, by what they are on disk. Symlinks and empty files are none of these. */
export interface SettledFiles {
  ghosts: SettledFile[]
  hydrated: SettledFile[]
  /** Not as they are staged; or gone. */
  changed: BytePath[]
}

/**
 * Looks at the tracked files that `spec` names. A ghost of another version than
 * what is staged is a ghost, too: zeros are nobody's work. Memory follows their number. Throws
 * `no-such-path` for a name that nothing staged is at.
 */
export async function settleFiles(repo: Repo, index: Index | undefined, spec: Pathspec): Promise<SettledFiles> {
  const staged = index ?? emptyIndex()
  for (const name of spec.names) {
    if (name.path === '' || isStaged(index, name)) continue
    throw new DitsError('no-such-path', `'${pathToText(name.path)}' ${name.isPattern ? 'matches no file that is tracked' : 'is not tracked'}`, { hint: 'see: dits ls-files' })
  }
  const seen = new Map<number, { isGhost: boolean; stat: FileStat } | undefined>()
  for await (const found of findChanges(repo, staged, spec, { untracked: 'none', touched: true })) {
    const { change, entry, stat, isGhost = false } = found
    if (entry === undefined) continue
    if (change === 'touched') seen.set(entry, stat && { isGhost, stat })
    else seen.set(entry, stat && (await isGhostOfAnother(repo, found)) ? { isGhost: true, stat } : undefined)
  }
  const files: SettledFiles = { ghosts: [], hydrated: [], changed: [] }
  for (const i of indexEntries(staged, spec)) {
    if (!isFileKind(staged.kindAt(i)) || staged.sizeAt(i) === 0) continue
    const entry = staged.entry(i)
    const found = seen.has(i) ? seen.get(i) : entry.stat && { isGhost: entry.isGhost === true, stat: entry.stat }
    if (!found) files.changed.push(entry.path)
    else (found.isGhost ? files.ghosts : files.hydrated).push({ i, entry, stat: found.stat })
  }
  return files
}

/**
 * How many tracked files are ghosts, and their bytes, each content counted
 * once. `settled` says it of entries for which a look at the disk told
 * otherwise than the index does.
 */
export function countGhosts(index: Index | undefined, spec: Pathspec, settled: ReadonlyMap<number, boolean> = new Map()): { files: number; bytes: number } {
  const counted = { files: 0, bytes: 0 }
  const seen = new Set<string>()
  if (!index || (!index.hasGhosts && settled.size === 0)) return counted
  for (const i of indexEntries(index, spec)) {
    if (!(settled.get(i) ?? index.isGhostAt(i))) continue
    counted.files++
    const id = index.idAt(i)
    if (!seen.has(id)) counted.bytes += index.sizeAt(i)
    seen.add(id)
  }
  return counted
}

/** Where it was recorded as a ghost, or takes no space, and zeros are all that is in it. */
async function isGhostOfAnother(repo: Repo, { path, change, kind, stat, isGhost = false }: WorkChange): Promise<boolean> {
  if (change !== 'modified' || !isFileKind(kind ?? '') || !stat || stat.size === 0 || !isPartial(repo)) return false
  const isHole = lookAt(repo.rootBytes, path)?.blocks === 0
  return (isGhost || isHole) && holdsOnlyZeros(repo.rootBytes, path, repo.env.signal)
}
