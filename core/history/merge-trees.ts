import { comparePaths } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { Emit, ObjectReader } from '../objects/object-io.ts'
import { diffTrees } from '../objects/tree-walk.ts'
import { addedFiles } from './changes.ts'
import { FolderRenames } from './folder-renames.ts'
import { MergeDecisions, type Conflict } from './merge-decisions.ts'
import type { ContentMerger } from './merge-file.ts'
import { walkThree, type Gone } from './merge-walk.ts'
import { findRenames, type Rename } from './renames.ts'

export type { Conflict, ConflictReason } from './merge-decisions.ts'
export type { ContentMerger } from './merge-file.ts'

export interface MergeResult {
  /** Everything that could be merged, with our version at the paths of conflicts (nothing where we have none). */
  tree: Id
  /** Sorted by path; none where the merge is clean. */
  conflicts: Conflict[]
}

export interface MergeOptions {
  /** The root tree that both sides come from; `undefined` where they share nothing. */
  base: Id | undefined
  ours: Id
  theirs: Id
  mergeContent?: ContentMerger | undefined
  /** What the tree has where the sides disagree: our version (the default), or the base's. */
  onConflict?: 'ours' | 'base' | undefined
  signal?: AbortSignal | undefined
}

/**
 * Merges two root trees that come from a third. What one side changed is taken;
 * what both changed alike, too. A file that one side moved and the other edited
 * is edited at its new path; what one side added or deleted in a directory that
 * the other moved follows the directory. What is left is a conflict. The cost
 * grows with what both sides changed, and where files are gone that the other
 * side changed, with the size of the changes in which they are looked for.
 *
 * To pick a commit C onto ours: base = C's parent's tree, theirs = C's tree. To
 * revert C: base = C's tree, theirs = C's parent's tree.
 *
 * New tree nodes go to `emit`. Throws what the reader throws.
 */
export async function mergeTrees(reader: ObjectReader, emit: Emit, options: MergeOptions): Promise<MergeResult> {
  const { base, ours, theirs, signal } = options
  if (ours === theirs || theirs === base) return { tree: ours, conflicts: [] }
  if (ours === base) return { tree: theirs, conflicts: [] }
  const walk = await walkThree(reader, { base, ours, theirs }, signal)
  const renames = {
    ours: await renamesOf(reader, walk.gone.ours, base, ours, signal),
    theirs: await renamesOf(reader, walk.gone.theirs, base, theirs, signal),
  }
  const folders = {
    ours: new FolderRenames(walk.gone.ours, renames.ours),
    theirs: new FolderRenames(walk.gone.theirs, renames.theirs),
  }
  const decisions = new MergeDecisions({ ...options, reader, walk, renames, folders })
  await decisions.decideAll()
  const { tree, blocked } = await walk.edits.apply(reader, emit, ours)
  const noPlace = blocked.map((theirs): Conflict => ({ path: theirs.path, reason: 'file-directory', theirs }))
  const conflicts = [...decisions.conflicts, ...noPlace]
  return { tree, conflicts: conflicts.sort((a, b) => comparePaths(a.path, b.path)) }
}

/** Where one side moved the files to that it no longer has. */
async function renamesOf(
  reader: ObjectReader,
  gone: Gone,
  base: Id | undefined,
  side: Id,
  signal: AbortSignal | undefined,
): Promise<Rename[]> {
  return findRenames(reader, gone.files, addedFiles(diffTrees(reader, base, side)), { signal })
}
