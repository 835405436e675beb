import { decodeCommit } from './commit.ts'
import type { Id, ObjectKind } from './id.ts'
import { decodeListNode, decodeListRoot, listRowId, type ListNode } from './list-node.ts'
import { decodeManifest } from './manifest.ts'
import { decodeTag } from './tag.ts'
import { decodeTreeNode } from './tree-node.ts'

/** One object that another one needs. */
export interface Reference {
  kind: ObjectKind
  id: Id
}

/**
 * The objects that an object names, in order and as often as it names them.
 * What is below a name is not looked at. Throws `object-damaged`.
 */
export function referencesOf(kind: ObjectKind, bytes: Uint8Array): Iterable<Reference> {
  switch (kind) {
    case 'chunk':
      return []
    case 'list':
      return referencesOfList(decodeListNode(bytes))
    case 'manifest':
      return referencesOfList(decodeListRoot(decodeManifest(bytes).root))
    case 'tree':
      return referencesOfTree(bytes)
    case 'commit': {
      const { tree, parents } = decodeCommit(bytes)
      return [{ kind: 'tree', id: tree }, ...parents.map((id): Reference => ({ kind: 'commit', id }))]
    }
    case 'tag': {
      const { targetKind, target } = decodeTag(bytes)
      return [{ kind: targetKind, id: target }]
    }
  }
}

function referencesOfList(node: ListNode): Reference[] {
  const kind = node.level === 0 ? 'chunk' : 'list'
  return Array.from({ length: node.rows }, (_, i) => ({ kind, id: listRowId(node, i) }))
}

function referencesOfTree(bytes: Uint8Array): Reference[] {
  const { entries, children } = decodeTreeNode(bytes)
  return [
    ...entries.map(({ content, id }): Reference => ({ kind: content, id })),
    ...children.map(({ id }): Reference => ({ kind: 'tree', id })),
  ]
}
