import { comparePaths, rootPath, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { diffTrees, type TreeChange } from '../objects/tree-walk.ts'
import { entryAtPath } from '../objects/tree.ts'
import { findRenames, pathsByContent, type PathEntry, type Rename } from './renames.ts'

/** What happened to one file, symlink or empty directory between two trees. */
export interface Change {
  /** 'mode-changed': the content is the same, its executable bit or recorded time is not. */
  kind: 'added' | 'deleted' | 'modified' | 'renamed' | 'type-changed' | 'mode-changed'
  /** Where it is now; where it was, if it is deleted. */
  path: BytePath
  /** Where a renamed file was; for an added one, where the same content was before (a copy). */
  from?: BytePath
  before?: TreeEntry
  after?: TreeEntry
  /** For a renamed file: the share of bytes in common, 0.5 to 1. */
  similarity?: number
}

export interface ChangesOptions {
  /** Whether to look for renames and copies; true unless it says otherwise. */
  renames?: boolean | undefined
  /** Only what stands at or below these paths, also for renames. */
  paths?: readonly BytePath[] | undefined
  signal?: AbortSignal | undefined
}

/** Deleted and changed paths that are remembered for finding renames and copies. */
const rememberedPathsMax = 1_000_000

/**
 * What changed from one root tree to another (`undefined`: nothing was there),
 * in the order of `diffTrees`: files and symlinks, and directories only where
 * they are empty or take the place of a file or give it up. The cost grows with
 * what differs, memory only with the number of deleted and changed paths (for
 * finding renames). A copy is found where its source was changed or deleted.
 */
export async function* changesBetween(
  reader: ObjectReader,
  a: Id | undefined,
  b: Id | undefined,
  options: ChangesOptions = {},
): AsyncIterable<Change> {
  const known = options.renames === false ? noRenames : await learnRenames(reader, a, b, options)
  for await (const change of leafChanges(reader, a, b, options)) {
    const described = describe(change, known)
    if (described) yield described
  }
}

interface KnownRenames {
  byTarget: Map<BytePath, Rename>
  sources: Set<BytePath>
  copies: Map<Id, BytePath>
}

const noRenames: KnownRenames = { byTarget: new Map(), sources: new Set(), copies: new Map() }

async function learnRenames(
  reader: ObjectReader,
  a: Id | undefined,
  b: Id | undefined,
  options: ChangesOptions,
): Promise<KnownRenames> {
  const deleted: PathEntry[] = []
  const changed: PathEntry[] = []
  for await (const { path, before, after } of leafChanges(reader, a, b, options)) {
    if (!before || before.kind === 'directory' || deleted.length + changed.length >= rememberedPathsMax) continue
    const list = after ? changed : deleted
    list.push({ path, entry: before })
  }
  const renames = await findRenames(reader, deleted, addedFiles(leafChanges(reader, a, b, options)), options)
  return {
    byTarget: new Map(renames.map((rename) => [rename.to.path, rename])),
    sources: new Set(renames.map(({ from }) => from.path)),
    copies: pathsByContent([...changed, ...deleted]),
  }
}

/** The files and symlinks among the changes that were not there before. */
export async function* addedFiles(changes: AsyncIterable<TreeChange>): AsyncIterable<PathEntry> {
  for await (const { path, before, after } of changes) {
    if (!before && after && after.kind !== 'directory') yield { path, entry: after }
  }
}

function describe({ path, before, after }: TreeChange, known: KnownRenames): Change | undefined {
  if (before && after) return { kind: kindOf(before, after), path, before, after }
  if (before) return known.sources.has(path) ? undefined : { kind: 'deleted', path, before }
  if (!after) return undefined
  const rename = known.byTarget.get(path)
  if (rename) {
    return { kind: 'renamed', path, from: rename.from.path, before: rename.from.entry, after, similarity: rename.similarity }
  }
  const copied = after.kind === 'file' || after.kind === 'executable' ? known.copies.get(after.hash) : undefined
  return { kind: 'added', path, after, ...(copied === undefined ? {} : { from: copied }) }
}

function kindOf(before: TreeEntry, after: TreeEntry): Change['kind'] {
  if (shapeOf(before) !== shapeOf(after)) return 'type-changed'
  return before.id === after.id ? 'mode-changed' : 'modified'
}

function shapeOf({ kind }: TreeEntry): string {
  return kind === 'executable' ? 'file' : kind
}

/** The changes without those of directories that only say that their content came or went. */
async function* leafChanges(
  reader: ObjectReader,
  a: Id | undefined,
  b: Id | undefined,
  options: ChangesOptions,
): AsyncIterable<TreeChange> {
  let held: TreeChange | undefined
  for await (const change of changesAtPaths(reader, a, b, options.paths)) {
    options.signal?.throwIfAborted()
    if (held && !change.path.startsWith(`${held.path}/`)) yield held
    held = undefined
    if (isPlainFolder(change)) held = change
    else yield change
  }
  if (held) yield held
}

function isPlainFolder({ before, after }: TreeChange): boolean {
  return !(before && after) && (before ?? after)?.kind === 'directory'
}

async function* changesAtPaths(
  reader: ObjectReader,
  a: Id | undefined,
  b: Id | undefined,
  paths: readonly BytePath[] = [rootPath],
): AsyncIterable<TreeChange> {
  const outermost = [...new Set(paths)].filter((path) => !paths.some((other) => isBelow(path, other)))
  for (const path of outermost.sort(comparePaths)) {
    if (path === rootPath) yield* diffTrees(reader, a, b)
    else yield* changesBelow(reader, path, await entryIn(reader, a, path), await entryIn(reader, b, path))
  }
}

function isBelow(path: BytePath, folder: BytePath): boolean {
  return path !== folder && (folder === rootPath || path.startsWith(`${folder}/`))
}

async function entryIn(reader: ObjectReader, tree: Id | undefined, path: BytePath): Promise<TreeEntry | undefined> {
  return tree === undefined ? undefined : entryAtPath(reader, tree, path)
}

async function* changesBelow(
  reader: ObjectReader,
  path: BytePath,
  before: TreeEntry | undefined,
  after: TreeEntry | undefined,
): AsyncIterable<TreeChange> {
  const folderBefore = before?.kind === 'directory' ? before.id : undefined
  const folderAfter = after?.kind === 'directory' ? after.id : undefined
  const differs = before?.id !== after?.id || before?.kind !== after?.kind || before?.mtimeNs !== after?.mtimeNs
  if (differs && !(folderBefore && folderAfter)) yield { path, ...(before && { before }), ...(after && { after }) }
  yield* diffTrees(reader, folderBefore, folderAfter, { prefix: path })
}
