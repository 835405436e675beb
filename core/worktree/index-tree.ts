import { baseName, joinPath, rootPath, type BytePath } from '../bytes.ts'
import { treeDepthMax } from '../limits.ts'
import type { Id } from '../objects/id.ts'
import type { Emit, ObjectReader } from '../objects/object-io.ts'
import { sameEntry, type TreeEntry } from '../objects/tree-entry.ts'
import { readTree, treeTooDeep } from '../objects/tree.ts'
import { WalkLimit } from '../objects/walk-limit.ts'
import { folderEntry, FolderTrees, type BuiltTree } from './folder-trees.ts'
import { IndexBuilder } from './index-builder.ts'
import { decodeIndex, type Index, type IndexEntry } from './index-file.ts'

/**
 * Writes the trees of an index, or of entries in path order, and answers the
 * root's. The tree of a folder is reused where the index knows it, or where
 * `previous` knows it and holds the same entries there. Whoever changes an
 * index wants IndexUpdate, which does this on the way. Throws `bad-name`.
 */
export function writeIndexTrees(
  source: Index | Iterable<IndexEntry>,
  previous: Index | undefined,
  emit: Emit,
): BuiltTree {
  const index = 'bytes' in source ? source : indexOfEntries(source)
  const trees = new FolderTrees(emit, () => {})
  for (let i = 0; i < index.count; ) {
    const known = knownFolderAt(index, i, previous)
    if (known) {
      trees.add(known.path, folderEntry(baseName(known.path), known.tree))
      i = known.end
    } else {
      const { path, stat, isGhost, ...fields } = index.entry(i++)
      trees.add(path, fields)
    }
  }
  return trees.finish()
}

/**
 * The encoded index of a tree: what is staged right after a checkout of it.
 * Stat data comes from `previous`, for entries that are the same there; the
 * files of all others have to be looked at (see StatPatch). Folders that are
 * the same in `previous` are copied without being read. Throws
 * `object-missing`, `object-damaged`, `tree-too-deep`, `tree-too-large`.
 */
export async function indexFromTree(reader: ObjectReader, tree: Id, previous?: Index): Promise<Uint8Array> {
  const builder = new IndexBuilder()
  await addTree({ reader, previous, builder, limit: new WalkLimit() }, rootPath, { tree, depth: 1, isRepeated: false })
  return builder.finish({ writtenMs: previous?.writtenMs ?? 0 })
}

function indexOfEntries(entries: Iterable<IndexEntry>): Index {
  const builder = new IndexBuilder()
  for (const entry of entries) builder.add(entry)
  return decodeIndex(builder.finish({ writtenMs: 0 }))
}

/** The outermost folder that starts at entry `i` and whose tree is known. */
function knownFolderAt(
  index: Index,
  i: number,
  previous: Index | undefined,
): { path: BytePath; tree: { id: Id; size: number }; end: number } | undefined {
  let found: { folder: number; tree: { id: Id; size: number } } | undefined
  let folder = index.folderOf(i)
  for (; folder > 0 && index.firstEntry(folder) === i; folder = index.parentOf(folder)) {
    const tree = index.folderTree(folder) ?? previousTree(index, folder, previous)
    if (tree) found = { folder, tree }
  }
  return found && { path: index.folderPath(found.folder), tree: found.tree, end: index.entryEnd(found.folder) }
}

/** The tree that `previous` knows for a folder, where it holds the same entries as `index` there. */
function previousTree(
  index: Index,
  folder: number,
  previous: Index | undefined,
): { id: Id; size: number } | undefined {
  const before = previous?.findFolder(index.folderPath(folder))
  const tree = before === undefined ? undefined : previous?.folderTree(before)
  if (!previous || before === undefined || !tree) return undefined
  const offset = previous.firstEntry(before) - index.firstEntry(folder)
  if (previous.entryEnd(before) - index.entryEnd(folder) !== offset) return undefined
  for (let i = index.firstEntry(folder); i < index.entryEnd(folder); i++) {
    if (index.pathAt(i) !== previous.pathAt(i + offset)) return undefined
    if (!sameEntry(index.entry(i), previous.entry(i + offset))) return undefined
  }
  return tree
}

interface TreeImport {
  reader: ObjectReader
  previous: Index | undefined
  builder: IndexBuilder
  limit: WalkLimit
}

interface ImportedTree {
  tree: Id
  depth: number
  /** See WalkLimit. */
  isRepeated: boolean
}

/** Adds everything below a tree; answers the bytes of it, or `undefined` where it is empty. */
async function addTree(job: TreeImport, folder: BytePath, { tree, depth, isRepeated }: ImportedTree): Promise<number | undefined> {
  if (depth > treeDepthMax) throw treeTooDeep(folder)
  const { reader, previous, builder, limit } = job
  const before = previous?.findFolder(folder)
  const known = before === undefined ? undefined : previous?.folderTree(before)
  if (previous && before !== undefined && known?.id === tree) {
    builder.addFolder(previous, before)
    builder.setFolderTree(folder, tree, known.size)
    return known.size
  }
  let size = 0
  let isEmpty = true
  for await (const entries of readTree(reader, tree)) {
    for (const entry of entries) {
      const path = joinPath(folder, entry.name)
      limit.count(path, isRepeated)
      const below = { tree: entry.id, depth: depth + 1, isRepeated: entry.kind === 'directory' && limit.enter(entry.id, isRepeated) }
      if (entry.kind !== 'directory') builder.add(indexEntry(path, entry, previous))
      else if ((await addTree(job, path, below)) === undefined) builder.add(indexEntry(path, entry, undefined))
      size += entry.size
      isEmpty = false
    }
  }
  if (isEmpty && folder !== rootPath) return undefined
  builder.setFolderTree(folder, tree, size)
  return size
}

function indexEntry(path: BytePath, entry: TreeEntry, previous: Index | undefined): IndexEntry {
  const { name, ...fields } = entry
  const made: IndexEntry = { path, ...fields }
  const i = previous?.find(path)
  if (previous && i !== undefined && previous.hasId(i, entry.id) && previous.kindAt(i) === entry.kind) {
    const stat = previous.statAt(i)
    if (stat) made.stat = stat
    if (previous.isGhostAt(i)) made.isGhost = true
  }
  return made
}
