import { hasCode, referencesOf, type Id, type ObjectKind, type PackedObjects } from '#core'

/** Objects that are read, and ids that are kept, at most. */
const readsMax = 16_384
const idsMax = 262_144

/**
 * The ids of objects and of what they name, to recognise what was moved and
 * changed. Bounded: of much, only a part is known, and what is not known is
 * taken for new.
 */
export class IdsBelow {
  readonly #objects: PackedObjects
  readonly #ids = new Set<Id>()
  #reads = 0

  constructor(objects: PackedObjects) {
    this.#objects = objects
  }

  async collect(roots: ReadonlyMap<Id, ObjectKind>): Promise<ReadonlySet<Id>> {
    const open = [...roots].map(([id, kind]) => ({ id, kind }))
    for (const { id } of open) this.#ids.add(id)
    for (let next = open.pop(); next && this.#ids.size < idsMax && this.#reads < readsMax; next = open.pop()) {
      if (next.kind === 'chunk') continue
      this.#reads++
      for (const child of await this.#references(next)) {
        if (this.#ids.has(child.id)) continue
        this.#ids.add(child.id)
        open.push(child)
      }
    }
    return this.#ids
  }

  /** What a repository has only a part of cannot be looked into. */
  async #references({ kind, id }: { kind: ObjectKind; id: Id }): Promise<Iterable<{ kind: ObjectKind; id: Id }>> {
    try {
      return referencesOf(kind, await this.#objects.read(kind, id))
    } catch (error) {
      if (hasCode(error, 'object-missing')) return []
      throw error
    }
  }
}
