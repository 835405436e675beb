import { baseName, comparePaths, joinPath, rootPath, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { Emit, ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { readTree, TreeBuilder } from '../objects/tree.ts'
import type { PathEntry } from './renames.ts'

interface EditNode {
  /** What stands here instead; `null` where nothing does; `undefined` where it stays what it was. */
  set: TreeEntry | null | undefined
  /** Remove the directory where the edits leave nothing in it. */
  prune: boolean
  below: Map<BytePath, EditNode>
}

/**
 * Changes to a tree, gathered by path and applied at once. An edit of a path
 * comes before the edits below it, in whatever order they were made; a later
 * edit of the same path replaces the earlier one. Only the directories on the
 * way to an edit are written again.
 */
export class TreeEdits {
  readonly #root: EditNode = emptyNode()

  /** Puts an entry (a whole directory, too) at a path, under the path's name; `undefined` removes what is there. */
  set(path: BytePath, entry: TreeEntry | undefined): void {
    this.#nodeAt(path).set = entry ?? null
  }

  /** Removes the directory at this path where nothing is left in it. */
  pruneIfEmpty(path: BytePath): void {
    this.#nodeAt(path).prune = true
  }

  /**
   * Writes the edited tree. Directories on the way to a new entry are made.
   * Where a file stands in the way of an entry, the file stays and the entry is
   * handed back in `blocked`. Throws `bad-name` and what the reader throws.
   */
  async apply(reader: ObjectReader, emit: Emit, root: Id): Promise<{ tree: Id; blocked: PathEntry[] }> {
    const blocked: PathEntry[] = []
    const writer = { reader, emit, blocked }
    const tree = this.#root.below.size === 0 ? root : (await writeFolder(writer, this.#root, rootPath, root)).id
    return { tree, blocked }
  }

  #nodeAt(path: BytePath): EditNode {
    let node = this.#root
    for (const name of path.split('/') as BytePath[]) {
      let next = node.below.get(name)
      if (!next) node.below.set(name, (next = emptyNode()))
      node = next
    }
    return node
  }
}

interface Writer {
  reader: ObjectReader
  emit: Emit
  blocked: PathEntry[]
}

function emptyNode(): EditNode {
  return { set: undefined, prune: false, below: new Map() }
}

/** What stands at `path` after the edits, where `current` stood. */
async function editEntry(
  writer: Writer,
  node: EditNode,
  path: BytePath,
  current: TreeEntry | undefined,
): Promise<TreeEntry | undefined> {
  const name = baseName(path)
  const base = node.set === undefined ? current : (node.set ?? undefined)
  const isFolder = base?.kind === 'directory'
  if (node.below.size === 0 && !(node.prune && isFolder)) return base && { ...base, name }
  if (base && !isFolder) {
    gatherBlocked(writer, node, path)
    return { ...base, name }
  }
  const { id, size, count } = await writeFolder(writer, node, path, base?.id)
  if (count === 0 && (node.prune || !base)) return undefined
  return { name, kind: 'directory', content: 'tree', size, id, hash: id }
}

/** Writes a directory again, one leaf of the old one at a time beside the edits in order of name. */
async function writeFolder(
  writer: Writer,
  node: EditNode,
  path: BytePath,
  base: Id | undefined,
): Promise<{ id: Id; size: number; count: number }> {
  const builder = new TreeBuilder(writer.emit)
  const edits = [...node.below].sort(([a], [b]) => comparePaths(a, b))
  let next = 0
  const edit = async (current: TreeEntry | undefined): Promise<void> => {
    const [name, child] = edits[next++]!
    const entry = await editEntry(writer, child, joinPath(path, name), current)
    if (entry) builder.add(entry)
  }
  for await (const entries of base === undefined ? [] : readTree(writer.reader, base)) {
    for (const entry of entries) {
      while (next < edits.length && edits[next]![0] < entry.name) await edit(undefined)
      if (edits[next]?.[0] === entry.name) await edit(entry)
      else builder.add(entry)
    }
  }
  while (next < edits.length) await edit(undefined)
  return builder.finish()
}

function gatherBlocked(writer: Writer, node: EditNode, path: BytePath): void {
  for (const [name, child] of node.below) {
    const below = joinPath(path, name)
    if (child.set) writer.blocked.push({ path: below, entry: child.set })
    gatherBlocked(writer, child, below)
  }
}
