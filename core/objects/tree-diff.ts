import type { BytePath } from '../bytes.ts'
import { damaged } from './columns.ts'
import type { Id } from './id.ts'
import type { ObjectReader } from './object-io.ts'
import { TreeCursor } from './tree-cursor.ts'
import { sameEntry, type TreeEntry } from './tree-entry.ts'

/** One version of a directory; `size` where an entry tells it, to be checked against what is there. */
export interface DirectorySide {
  id: Id
  size?: number
  /** Reads this side's nodes, where somebody wants to see which are read. */
  reader?: ObjectReader
}

/** One name that differs between two versions of one directory. */
export interface EntryChange {
  name: BytePath
  before?: TreeEntry
  after?: TreeEntry
}

/**
 * What differs between two versions of one directory, in order of name, not
 * looking into directories below; a few nodes' worth at a time. `undefined`
 * stands for a directory that does not exist. Nodes that both versions share
 * are not read. Throws `object-damaged` where the versions contradict each other.
 */
export async function* diffDirectory(
  reader: ObjectReader,
  before: DirectorySide | undefined,
  after: DirectorySide | undefined,
): AsyncIterable<EntryChange[]> {
  const a = await openSide(reader, before)
  const b = await openSide(reader, after)
  while (a.frame || b.frame) {
    const levelA = a.frame?.node.level ?? 0
    const levelB = b.frame?.node.level ?? 0
    if (levelA === 0 && levelB === 0) {
      const changes = mergeLeaves(a, b)
      if (changes.length > 0) yield changes
    } else if (levelA === levelB && a.child?.id === b.child?.id) {
      // The same node covers the same names, and all before it is done on both sides.
      checkSameSaid(a.child, b.child)
      a.skip(1)
      b.skip(1)
    } else {
      // The higher side goes down until both stand before rows of one level, where equal ids can be seen.
      if (levelA >= levelB) await a.descend()
      if (levelB >= levelA) await b.descend()
    }
  }
}

async function openSide(reader: ObjectReader, side: DirectorySide | undefined): Promise<TreeCursor> {
  return side ? TreeCursor.open(side.reader ?? reader, side.id, side.size) : TreeCursor.empty(reader)
}

/** Merges two leaves up to the end of the one that ends first; a side at its end has nothing to merge. */
function mergeLeaves(a: TreeCursor, b: TreeCursor): EntryChange[] {
  const left = a.frame?.node.entries ?? []
  const right = b.frame?.node.entries ?? []
  const startA = a.frame?.index ?? 0
  const startB = b.frame?.index ?? 0
  const changes: EntryChange[] = []
  let i = startA
  let j = startB
  // A side without rows is at the end of its directory, so the whole leaf of the other is its own.
  while (a.frame && b.frame ? i < left.length && j < right.length : i < left.length || j < right.length) {
    const before = left[i]
    const after = right[j]
    if (before && (!after || before.name < after.name)) {
      changes.push({ name: before.name, before })
      i++
    } else if (after && (!before || after.name < before.name)) {
      changes.push({ name: after.name, after })
      j++
    } else if (before && after) {
      if (before.id === after.id && before.content === after.content) checkSameSaid(before, after)
      if (!sameEntry(before, after)) changes.push({ name: before.name, before, after })
      i++
      j++
    }
  }
  a.skip(i - startA)
  b.skip(j - startB)
  return changes
}

/** One object is one size: of two versions that say something else of it, one lies. */
function checkSameSaid(a: Said | undefined, b: Said | undefined): void {
  if (a?.size !== b?.size || a?.hash !== b?.hash || a?.count !== b?.count || a?.name !== b?.name) {
    throw damaged(`tree with '${a?.id}' in it`, 'two versions say different things of one object')
  }
}

interface Said {
  id: Id
  name: BytePath
  size: number
  hash?: Id
  count?: number
}
