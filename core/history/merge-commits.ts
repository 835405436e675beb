import type { Id } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import type { Emit, ObjectReader } from '../objects/object-io.ts'
import { mergeBases, mergeBasesOfSets } from './ancestry.ts'
import { mergeTrees, type ContentMerger, type MergeResult } from './merge-trees.ts'
import { readCommit } from './paint.ts'

export interface MergeCommitsOptions {
  ours: Id
  theirs: Id
  mergeContent?: ContentMerger | undefined
  signal?: AbortSignal | undefined
}

/** Bases of bases that are merged into each other; below, the newest base alone is taken. */
const baseDepthMax = 32
/** Best common ancestors that are merged into one base: the newest. */
const basesMax = 16

/**
 * Merges what two commits hold over their best common ancestors. Where there
 * are several, they are merged first, into a tree that is kept in memory only;
 * where these disagree, it has what they both come from, so that a choice that
 * was made on one side only is still seen as a change. Answers also the
 * ancestors; none where the histories share nothing.
 */
export async function mergeCommits(
  reader: ObjectReader,
  emit: Emit,
  options: MergeCommitsOptions,
): Promise<MergeResult & { bases: Id[] }> {
  const { ours, theirs, mergeContent, signal } = options
  const bases = await mergeBases(reader, ours, theirs, signal && { signal })
  const scratch = new MemoryObjects()
  const overlay: ObjectReader = {
    ...(reader.shallow && { shallow: reader.shallow }),
    read: (kind, id) => (scratch.objects.has(id) ? scratch.read(kind, id) : reader.read(kind, id)),
    has: async (id) => scratch.objects.has(id) || reader.has(id),
  }
  const base = await baseTree({ reader: overlay, emit: (kind, bytes) => scratch.write(kind, bytes), signal }, bases, 0)
  const trees = { base, ours: await treeOf(reader, ours), theirs: await treeOf(reader, theirs) }
  return { bases, ...(await mergeTrees(overlay, emit, { ...trees, mergeContent, signal })) }
}

interface Scratch {
  reader: ObjectReader
  emit: Emit
  signal: AbortSignal | undefined
}

/** One tree for several common ancestors, the oldest first, as if they had been merged by commits. */
async function baseTree(scratch: Scratch, bases: Id[], depth: number): Promise<Id | undefined> {
  const [newest] = bases
  if (newest === undefined) return undefined
  if (depth === baseDepthMax) return treeOf(scratch.reader, newest)
  const [oldest, ...others] = bases.slice(0, basesMax).toReversed() as [Id, ...Id[]]
  const merged = [oldest]
  let tree = await treeOf(scratch.reader, oldest)
  for (const next of others) {
    const common = await mergeBasesOfSets(scratch.reader, merged, [next], scratch.signal && { signal: scratch.signal })
    const base = await baseTree(scratch, common, depth + 1)
    const theirs = await treeOf(scratch.reader, next)
    const options = { base, ours: tree, theirs, onConflict: 'base' as const, signal: scratch.signal }
    tree = (await mergeTrees(scratch.reader, scratch.emit, options)).tree
    merged.push(next)
  }
  return tree
}

async function treeOf(reader: ObjectReader, commit: Id): Promise<Id> {
  return (await readCommit(reader, commit)).tree
}
