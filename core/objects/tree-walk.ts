import { joinPath, rootPath, type BytePath } from '../bytes.ts'
import { treeDepthMax } from '../limits.ts'
import type { Id } from './id.ts'
import type { ObjectReader } from './object-io.ts'
import { diffDirectory, type DirectorySide, type EntryChange } from './tree-diff.ts'
import type { TreeEntry } from './tree-entry.ts'
import { treeTooDeep } from './tree.ts'
import { WalkLimit } from './walk-limit.ts'

/** One path that differs between two trees; a missing side is a path that does not exist there. */
export interface TreeChange {
  path: BytePath
  before?: TreeEntry
  after?: TreeEntry
}

/**
 * Everything below a directory: files, symlinks and directories, with paths
 * that start with `prefix` where one is given. The names of one directory come
 * in byte order, and a directory's content right behind it. Holds a few nodes
 * for each directory on the way. Throws `tree-too-deep`, `tree-too-large`,
 * `object-missing` and `object-damaged`.
 */
export async function* walkTree(
  reader: ObjectReader,
  id: Id,
  prefix: BytePath = rootPath,
): AsyncIterable<{ path: BytePath; entry: TreeEntry }> {
  for await (const { path, after } of diffTrees(reader, undefined, id, { prefix })) {
    if (after) yield { path, entry: after }
  }
}

/**
 * What differs between two trees, in the order of `walkTree`; `undefined`
 * stands for a tree that does not exist. A directory that only one side has is
 * reported and then its content; of a directory on both sides, only what
 * differs below. Where a directory became a file, or a file a directory, the
 * change is reported and then the directory's content. What both sides share
 * is not read. Paths start with `prefix` where one is given. Throws
 * `tree-too-deep`, `tree-too-large`, `object-missing` and `object-damaged`.
 */
export async function* diffTrees(
  reader: ObjectReader,
  a: Id | undefined,
  b: Id | undefined,
  options: { prefix?: BytePath } = {},
): AsyncIterable<TreeChange> {
  if (a === b) return
  const before = a === undefined ? undefined : { id: a }
  const after = b === undefined ? undefined : { id: b }
  const limit = new WalkLimit()
  // A stack instead of recursion: a change at depth 100 would otherwise pass through 100 generators.
  const stack = [openFolder(reader, { path: options.prefix ?? rootPath, isRepeated: false }, before, after)]
  for (let folder = stack.at(-1); folder; folder = stack.at(-1)) {
    const change = folder.batch[folder.next++] ?? (await nextOf(folder))
    if (!change) {
      stack.pop()
      continue
    }
    const { name, ...sides } = change
    const path = joinPath(folder.path, name)
    limit.count(path, folder.isRepeated)
    const folderBefore = folderOf(change.before)
    const folderAfter = folderOf(change.after)
    if (!(folderBefore && folderAfter)) yield { path, ...sides }
    if (!folderBefore && !folderAfter) continue
    if (stack.length >= treeDepthMax) throw treeTooDeep(path)
    const isRepeated = limit.enter((folderAfter ?? folderBefore)!.id, folder.isRepeated)
    stack.push(openFolder(reader, { path, isRepeated }, folderBefore, folderAfter))
  }
}

interface OpenFolder {
  path: BytePath
  /** See WalkLimit. */
  isRepeated: boolean
  changes: AsyncIterator<EntryChange[]>
  batch: EntryChange[]
  next: number
}

function openFolder(
  reader: ObjectReader,
  folder: { path: BytePath; isRepeated: boolean },
  before: DirectorySide | undefined,
  after: DirectorySide | undefined,
): OpenFolder {
  return { ...folder, changes: diffDirectory(reader, before, after)[Symbol.asyncIterator](), batch: [], next: 0 }
}

/** The first change of the next batch; `undefined` at the end. */
async function nextOf(folder: OpenFolder): Promise<EntryChange | undefined> {
  const { done, value } = await folder.changes.next()
  if (done) return undefined
  folder.batch = value
  folder.next = 1
  return value[0]
}

function folderOf(entry: TreeEntry | undefined): TreeEntry | undefined {
  return entry?.kind === 'directory' ? entry : undefined
}
