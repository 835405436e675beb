import type { BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { Emit } from '../objects/object-io.ts'
import { TreeBuilder } from '../objects/tree.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { openWriter, type Repo } from '../repo.ts'
import type { Index, IndexEntry } from '../worktree/index-file.ts'
import { IndexUpdate } from '../worktree/index-update.ts'
import { comparePathOrder } from '../worktree/path-order.ts'

/** What a path is to hold: an entry to put there, or nothing. */
export type PathEdit = { path: BytePath; entry: Omit<IndexEntry, 'path'> | undefined }

/**
 * Puts edits into an index (or into nothing) and writes the trees of the
 * result. The trees are durable when it resolves; the index is not written.
 */
export async function editIndex(
  repo: Repo,
  index: Index | undefined,
  edits: Iterable<PathEdit>,
  writtenMs: number,
): Promise<{ bytes: Uint8Array; tree: Id }> {
  const writer = await openWriter(repo)
  const edited = editIndexWith((kind, bytes) => writer.write(kind, bytes), index, edits, writtenMs)
  await writer.flush()
  await repo.objects.packs.refresh()
  return edited
}

/** The same, with the trees handed to `emit`, for whoever makes more of them before any has to be durable. */
export function editIndexWith(emit: Emit, index: Index | undefined, edits: Iterable<PathEdit>, writtenMs: number): { bytes: Uint8Array; tree: Id } {
  const update = new IndexUpdate(index, emit)
  for (const { path, entry } of [...edits].sort((a, b) => comparePathOrder(a.path, b.path))) {
    if (entry) update.put({ ...entry, path })
    else update.remove(path)
  }
  const { bytes, tree } = update.finish({ writtenMs })
  return { bytes, tree: tree.id }
}

/** The index entry of a tree entry, without stat data. */
export function entryFromTree(entry: TreeEntry): Omit<IndexEntry, 'path'> {
  const { name: _, ...fields } = entry
  return fields
}

/** The id of the tree without entries, which is written. */
export function emptyTree(emit: Emit): Id {
  return new TreeBuilder(emit).finish().id
}
