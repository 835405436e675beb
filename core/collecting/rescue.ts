import { idToBytes, type Id } from '../objects/id.ts'
import type { Located } from '../pack/pack-set.ts'
import { ObjectMarks } from '../reachable.ts'
import { copyMarked, isSoundCopy, type PackSource } from './sweep.ts'

/** Copies out of condemned packs what is needed after all and has no sound copy elsewhere. Memory: a bit for each object of these packs. */
export class Rescue {
  readonly #source: PackSource
  readonly #condemned: ReadonlySet<string>
  readonly #needed = new ObjectMarks()
  /** How many objects each pack has in which something is needed. */
  readonly #packs = new Map<string, number>()

  constructor(source: PackSource, condemned: ReadonlySet<string>) {
    this.#source = source
    this.#condemned = condemned
  }

  /** Notes that an object is needed, of which one copy was found. Throws `pack-missing` where packs went meanwhile. */
  async need(id: Id, found: Located): Promise<void> {
    if (!this.#condemned.has(found.pack) || this.#needed.has(found.pack, found.rank)) return
    if (await this.#liesElsewhere(id)) return
    this.#needed.add(found)
    this.#packs.set(found.pack, found.packObjects)
  }

  /** Copies what was noted; durable when it resolves. Throws `pack-missing`, and `object-damaged`. */
  async copyOut(): Promise<void> {
    await copyMarked(this.#source, Array.from(this.#packs, ([name, objects]) => ({ name, objects })), this.#needed)
  }

  async #liesElsewhere(id: Id): Promise<boolean> {
    for (const copy of await this.#source.objects.packs.locateAll(id)) {
      if (!this.#condemned.has(copy.pack) && (await isSoundCopy(this.#source, copy, idToBytes(id)))) return true
    }
    return false
  }
}
