import { baseName, pathToText, rootPath, type BytePath } from '../bytes.ts'
import { readCurrentHead } from '../changing/head.ts'
import { DitsError, hasCode } from '../errors.ts'
import { bringContent, type FileContent } from '../ghosts/hydrate-content.ts'
import { isPartial } from '../ghosts/partial.ts'
import { changesBetween, type ChangesOptions } from '../history/changes.ts'
import type { Id } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { entryAtPath, TreeBuilder } from '../objects/tree.ts'
import type { Repo } from '../repo.ts'
import { findChanges } from '../staging/changes.ts'
import { parsePathspec, type Pathspec } from '../staging/pathspec.ts'
import { readIndex } from '../staging/stage.ts'
import type { WorkChange } from '../worktree/status.ts'
import type { Index } from '../worktree/index-file.ts'
import { ChunkLedger } from './chunk-ledger.ts'
import { compareTrees, type MeasuredChange } from './compare-trees.ts'
import { OverlayObjects } from './overlay.ts'
import { readWorkingTree } from './working-tree.ts'

/**
 * One side of a comparison: a tree (`undefined`: nothing at all), one file of
 * a version or a tracked one on disk (only with another file), the last
 * commit, what is staged, or the tracked files on disk.
 */
export type Version = { tree: Id | undefined } | { file: TreeEntry } | { fileOnDisk: BytePath } | 'head' | 'staged' | 'working'

export interface CompareOptions {
  spec: Pathspec
  /** Whether to find out what is new in each file; without it, `news` is always absent. */
  measure: boolean
  /** Whether to look for renames; true unless it says otherwise. */
  renames?: boolean
}

/** The id of content that was not read, as in git. */
export const unreadId = '0'.repeat(64) as Id

/**
 * What changed from one version to another, in path order. Files of the
 * working tree are read in full where they are measured, or compared with
 * something else than what is staged; otherwise their ids are `unreadId`. Where
 * the content of files is not here and cannot be had, nothing is measured.
 */
export async function* compareVersions(repo: Repo, before: Version, after: Version, options: CompareOptions): AsyncGenerator<MeasuredChange> {
  const index = before === 'staged' || typeof after === 'string' || 'fileOnDisk' in after ? await readIndex(repo) : undefined
  if (before === 'staged' && after === 'working' && !options.measure) return yield* unreadChanges(repo, index, options.spec)
  const sides = await openSides(repo, index, { before, after }, options.spec)
  const { spec } = options
  const byPath: ChangesOptions = {
    renames: options.renames !== false,
    ...(spec.all || spec.patterns.length > 0 ? {} : { paths: spec.literals }),
    signal: repo.env.signal,
  }
  const changes = options.measure && (await bringRecipes(repo, sides, byPath)) ? compareTrees(sides, sides.before, sides.after, byPath) : unmeasured(sides, byPath)
  for await (const change of changes) {
    if (spec.patterns.length === 0 || spec.matches(change.path) || (change.from !== undefined && spec.matches(change.from))) yield change
  }
}

interface Sides {
  reader: ObjectReader
  ledger: ChunkLedger
  before: Id | undefined
  after: Id | undefined
}

async function openSides(repo: Repo, index: Index | undefined, { before, after }: { before: Version; after: Version }, spec: Pathspec): Promise<Sides> {
  const onDisk = typeof after === 'object' && 'fileOnDisk' in after ? after.fileOnDisk : undefined
  const diskSpec = onDisk === undefined ? spec : parsePathspec([onDisk], rootPath)
  const working = after === 'working' || onDisk !== undefined ? await readWorkingTree(repo, index, diskSpec) : undefined
  const made = new MemoryObjects()
  const reader = new OverlayObjects(made, working?.reader ?? repo.objects)
  const treeOf = async (version: Version): Promise<Id | undefined> => {
    if (version === 'head') return (await readCurrentHead(repo)).commit?.tree
    if (version === 'staged') return index?.tree
    if (version === 'working') return working?.tree
    if ('tree' in version) return version.tree
    const file = 'file' in version ? version.file : await trackedFile(reader, working!.tree, version.fileOnDisk)
    return treeOfFile(made, file, nameOfFile(after))
  }
  return { reader, ledger: new ChunkLedger(repo.objects, working?.unstored), before: await treeOf(before), after: await treeOf(after) }
}

async function trackedFile(reader: ObjectReader, tree: Id, path: BytePath): Promise<TreeEntry> {
  const entry = await entryAtPath(reader, tree, path)
  if (entry && entry.kind !== 'directory') return entry
  throw new DitsError('not-tracked', `'${pathToText(path)}' is no tracked file`, { hint: 'see: dits ls-files' })
}

/** A tree with one file, under the same name on both sides, so that two files compare as two versions of one. */
function treeOfFile(objects: MemoryObjects, file: TreeEntry, name: BytePath): Id {
  const builder = new TreeBuilder((kind, bytes) => objects.write(kind, bytes))
  builder.add({ ...file, name })
  return builder.finish().id
}

function nameOfFile(version: Version): BytePath {
  if (typeof version === 'string' || 'tree' in version) return 'file' as BytePath
  return 'file' in version ? version.file.name : baseName(version.fileOnDisk)
}

/** Brings what says of which chunks the files are made; false where it cannot be had, so that files are compared as a whole. */
async function bringRecipes(repo: Repo, sides: Sides, options: ChangesOptions): Promise<boolean> {
  if (!isPartial(repo)) return true
  try {
    await bringContent(repo, contentsOf(repo, sides, options), { recipesOnly: true })
    return true
  } catch (error) {
    if (!hasCode(error, 'content-unavailable')) throw error
    repo.env.onWarning?.('what is new in each file is not told: the content of some is not here, and cannot be had')
    return false
  }
}

/** What a comparison chunk by chunk reads of the repository; what was made of the working tree is not in it. */
async function* contentsOf({ objects }: Repo, { reader, before, after }: Sides, options: ChangesOptions): AsyncGenerator<FileContent> {
  for await (const change of changesBetween(reader, before, after, { ...options, renames: false })) {
    for (const entry of [change.before, change.after]) {
      if (entry?.content === 'manifest' && ((await objects.has(entry.id)) || !(await reader.has(entry.id)))) yield entry
    }
  }
}

async function* unmeasured({ reader, before, after }: Sides, options: ChangesOptions): AsyncGenerator<MeasuredChange> {
  for await (const change of changesBetween(reader, before, after, options)) yield { ...change, news: undefined }
}

async function* unreadChanges(repo: Repo, index: Index | undefined, spec: Pathspec): AsyncGenerator<MeasuredChange> {
  for await (const change of findChanges(repo, index, spec, { untracked: 'none' })) {
    const i = change.entry
    if (!index || i === undefined) continue
    const { stat: _, path, ...entry } = index.entry(i)
    const before: TreeEntry = { name: baseName(path), ...entry }
    const after = unreadEntry(change, before)
    yield { kind: after ? (change.change === 'type-changed' ? 'type-changed' : 'modified') : 'deleted', path, before, ...(after && { after }), news: undefined }
  }
}

function unreadEntry({ change, kind, stat }: WorkChange, before: TreeEntry): TreeEntry | undefined {
  if (change === 'deleted' || !stat) return undefined
  const isKnownKind = kind === 'file' || kind === 'executable' || kind === 'symlink'
  return { name: before.name, kind: isKnownKind ? kind : before.kind, content: 'chunk', size: stat.size, id: unreadId, hash: unreadId }
}
