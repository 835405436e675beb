import { decodeListNode, decodeManifest, decodeTreeNode, DitsError, listRowId, type BytePath, type Id, type ListNode, type ObjectKind, type PackedObjects, type TreeEntry, type TreeNode } from '#core'

/**
 * What one object says of another that it names: bytes below it, and, of a
 * file, its whole-file hash; of a node inside a tree or list its level and what
 * its last row is; of a node inside a tree also its entries, and the name that
 * those come after. Absent is what is not said.
 */
export interface Said {
  kind: ObjectKind
  size?: number
  hash?: Id
  level?: number
  count?: number
  last?: BytePath
  /** The hash of the last chunk, as lists have it. */
  boundary?: number
  after?: BytePath | undefined
}

/** What an object is. */
type Facts = Omit<Said, 'after'> & { first?: BytePath | undefined; rows: number }

/** Facts that are kept: where more objects than these are named again and again, they are read again. */
const factsMax = 32_768

/** Checks what is said of objects against what they are; each is read once for as long as it is remembered. */
export class SaidChecks {
  readonly #objects: PackedObjects
  readonly #facts = new Map<Id, Facts>()

  constructor(objects: PackedObjects) {
    this.#objects = objects
  }

  /** Throws `object-damaged` where an object other than a chunk, which must be here, is not what is said of it. */
  async check(id: Id, said: Said): Promise<void> {
    const facts = this.#facts.get(id) ?? (await this.#read(said.kind, id))
    const fits =
      facts.kind === said.kind &&
      comparable.every((name) => said[name] === undefined || said[name] === facts[name]) &&
      (said.after === undefined || facts.first === undefined || facts.first > said.after) &&
      (said.level !== undefined || facts.level === undefined || facts.level === 0 || facts.rows >= 2)
    if (!fits) throw notAsSaid(said.kind, id)
  }

  /**
   * Whether an object is one of which somebody else, who is right, said
   * something. Throws `object-damaged` where this is not the same.
   */
  async agrees(known: Said | undefined, id: Id, said: Said): Promise<boolean> {
    if (!known) return false
    if (known.kind !== said.kind) throw notAsSaid(said.kind, id)
    const differing = comparable.filter((name) => said[name] !== undefined && said[name] !== known[name])
    if (differing.some((name) => known[name] !== undefined)) throw notAsSaid(said.kind, id)
    if (differing.length > 0) await this.check(id, said)
    return true
  }

  async #read(kind: ObjectKind, id: Id): Promise<Facts> {
    const facts = factsOf(kind, await this.#objects.read(kind, id))
    if (this.#facts.size >= factsMax) this.#facts.delete(this.#facts.keys().next().value!)
    this.#facts.set(id, facts)
    return facts
  }
}

const comparable = ['size', 'hash', 'level', 'count', 'last', 'boundary'] as const

/** What a directory says of an entry. */
export function saidOfEntry({ content, size, hash }: TreeEntry): Said {
  return content === 'manifest' ? { kind: content, size, hash } : { kind: content, size }
}

/** What an inner node of a tree says of a node of `level` below it, whose names come after `after`. */
export function saidOfChild({ name, size, count }: TreeNode['children'][number], level: number, after: BytePath | undefined): Said & { kind: 'tree' } {
  return { kind: 'tree', size, count, level, last: name, after }
}

/** What a node of a chunk list says of what its row `i` names. */
export function saidOfRow(node: ListNode, i: number): { id: Id; said: Said } {
  const id = listRowId(node, i)
  const size = node.sizes[i]!
  return { id, said: node.level === 0 ? { kind: 'chunk', size } : { kind: 'list', size, level: node.level - 1, boundary: node.hashes[i]! } }
}

function factsOf(kind: ObjectKind, bytes: Uint8Array): Facts {
  if (kind === 'manifest') {
    const { size, hash } = decodeManifest(bytes)
    return { kind, size, hash, rows: 0 }
  }
  if (kind === 'list') {
    const { size, level, rows, hashes } = decodeListNode(bytes)
    return { kind, size, level, rows, ...(rows > 0 && { boundary: hashes[rows - 1]! }) }
  }
  const { size, level, count, entries, children } = decodeTreeNode(bytes)
  const names = level === 0 ? entries : children
  return { kind, size, level, count, rows: names.length, ...(names.length > 0 && { first: names[0]!.name, last: names.at(-1)!.name }) }
}

function notAsSaid(kind: ObjectKind, id: Id): DitsError {
  return new DitsError('object-damaged', `${kind} '${id}' is not what is said of it where it is named`)
}
