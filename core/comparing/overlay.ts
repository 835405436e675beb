import type { Id, ObjectKind } from '../objects/id.ts'
import type { MemoryObjects } from '../objects/memory-objects.ts'
import type { ObjectReader } from '../objects/object-io.ts'

/** Objects in memory before those of the store. */
export class OverlayObjects implements ObjectReader {
  readonly #above: MemoryObjects
  readonly #below: ObjectReader

  constructor(above: MemoryObjects, below: ObjectReader) {
    this.#above = above
    this.#below = below
  }

  read(kind: ObjectKind, id: Id): Promise<Uint8Array> {
    return this.#above.objects.has(id) ? this.#above.read(kind, id) : this.#below.read(kind, id)
  }

  async has(id: Id): Promise<boolean> {
    return this.#above.objects.has(id) || this.#below.has(id)
  }
}
