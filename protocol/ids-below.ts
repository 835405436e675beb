import { decodeListNode, decodeListRoot, decodeManifest, decodeTreeNode, hasCode, type Id, type ListNode, type PackedObjects } from '#core'
import { saidOfChild, saidOfEntry, saidOfRow, type Said } from './said-checks.ts'

/** Objects of which it is known that they are there, and what is said of them. */
export type Known = ReadonlyMap<Id, Said>

/** Objects that are read, in folders and in files, and that are kept, at one time; and read in all. */
const readsMax = 16_384
const readsInFilesMax = 2048
const knownMax = 131_072
const readsInAllMax = 262_144

/**
 * What some objects name, and what that names, to recognise what was moved and
 * changed. Bounded: of much, only a part is known, and what is not known is
 * taken for new; so are histories that take away the same again and again.
 */
export class IdsBelow {
  readonly #objects: PackedObjects
  #reads = 0

  constructor(objects: PackedObjects) {
    this.#objects = objects
  }

  /** The objects themselves and what is below them. */
  async collect(roots: Known): Promise<Known> {
    const known = new Map(roots)
    // Folders first: they name many files each, and most of what was moved was not changed.
    const inside = await this.#goThrough([...roots], readsMax, known, ({ kind }) => kind === 'tree')
    await this.#goThrough(inside, readsInFilesMax, known, ({ kind }) => kind !== 'chunk')
    return known
  }

  /** Goes into what `isOpened` says of what is open, and adds what it names to `known`; answers what was left. */
  async #goThrough(open: [Id, Said][], reads: number, known: Map<Id, Said>, isOpened: (said: Said) => boolean): Promise<[Id, Said][]> {
    const left: [Id, Said][] = []
    const last = Math.min(readsInAllMax, this.#reads + reads)
    for (let next = open.pop(); next && known.size < knownMax && this.#reads < last; next = open.pop()) {
      if (!isOpened(next[1])) {
        left.push(next)
        continue
      }
      this.#reads++
      for (const child of await this.#named(next[1].kind, next[0])) {
        if (known.has(child[0])) continue
        known.set(...child)
        open.push(child)
      }
    }
    return left
  }

  /** What a repository has only a part of cannot be looked into. */
  async #named(kind: Said['kind'], id: Id): Promise<[Id, Said][]> {
    try {
      return namedBy(kind, await this.#objects.read(kind, id))
    } catch (error) {
      if (hasCode(error, 'object-missing')) return []
      throw error
    }
  }
}

function namedBy(kind: Said['kind'], bytes: Uint8Array): [Id, Said][] {
  if (kind === 'manifest') return namedByList(decodeListRoot(decodeManifest(bytes).root))
  if (kind === 'list') return namedByList(decodeListNode(bytes))
  const { level, entries, children } = decodeTreeNode(bytes)
  return [
    ...entries.map((entry): [Id, Said] => [entry.id, saidOfEntry(entry)]),
    ...children.map((child): [Id, Said] => [child.id, saidOfChild(child, level - 1, undefined)]),
  ]
}

function namedByList(node: ListNode): [Id, Said][] {
  return Array.from({ length: node.rows }, (_, i) => {
    const { id, said } = saidOfRow(node, i)
    return [id, said]
  })
}
