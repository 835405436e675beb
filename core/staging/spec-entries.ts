import type { BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { entryAtPath } from '../objects/tree.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { Index } from '../worktree/index-file.ts'
import { specOfNames, startingPoints, type Pathspec, type PathspecName } from './pathspec.ts'

/** What a pathspec names in a tree and in an index, looked up without walking what it does not speak of. */

/** The entries of a tree that `spec` names, in path order. */
export async function* treeEntries(reader: ObjectReader, tree: Id, spec: Pathspec): AsyncGenerator<{ path: BytePath; entry: TreeEntry }> {
  for (const start of startingPoints(spec)) {
    const entry = await entryAtPath(reader, tree, start)
    if (!entry) continue
    if (start !== '' && spec.matches(start)) yield { path: start, entry }
    if (entry.kind !== 'directory') continue
    for await (const found of walkTree(reader, entry.id, start)) if (spec.matches(found.path)) yield found
  }
}

/** The numbers of the entries of an index that `spec` names, in path order. */
export function* indexEntries(index: Index, spec: Pathspec): Generator<number> {
  for (const start of startingPoints(spec)) {
    const folder = index.findFolder(start)
    const entry = index.find(start)
    const [from, end] = folder !== undefined ? [index.firstEntry(folder), index.entryEnd(folder)] : entry !== undefined ? [entry, entry + 1] : [0, 0]
    for (let i = from; i < end; i++) if (spec.all || spec.matches(index.pathAt(i))) yield i
  }
}

/** Whether anything in an index is at a name, below it, or matches it. */
export function isStaged(index: Index | undefined, name: PathspecName): boolean {
  return index !== undefined && indexEntries(index, specOfNames([name])).next().done === false
}
