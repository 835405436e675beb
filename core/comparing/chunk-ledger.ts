import { IdTable, NumberColumn } from '../history/id-table.ts'
import { idToBytes, type Id } from '../objects/id.ts'
import type { ChunkRef } from '../objects/list-node.ts'
import type { PackedObjects } from '../pack/packed-objects.ts'
import type { Located } from '../pack/pack-set.ts'
import { ObjectMarks } from '../reachable.ts'

/** What it takes to send a chunk to someone. */
export interface Sending {
  /** True where they have it. */
  had: boolean
  /** Bytes as stored; 0 where they have it, or it was counted before. */
  bytes: number
}

/**
 * Keeps the account of what would have to be sent to someone who has certain
 * chunks. Memory: two bits for each object of the packs, and 60 bytes for each
 * chunk that the packs do not hold.
 */
export class ChunkLedger {
  readonly #objects: PackedObjects
  /** Chunks that no pack holds yet, with the bytes that they will take. */
  readonly #unstored: ReadonlyMap<Id, number>
  readonly #noted = new ObjectMarks()
  readonly #counted = new ObjectMarks()
  readonly #others = new IdTable()
  /** For each of the others: 1 noted, 2 counted. */
  readonly #states = new NumberColumn()

  constructor(objects: PackedObjects, unstored: ReadonlyMap<Id, number> = new Map()) {
    this.#objects = objects
    this.#unstored = unstored
  }

  /** Notes that they have a chunk. */
  async note({ id }: ChunkRef): Promise<void> {
    const located = await this.#locate(id)
    if (located) this.#noted.add(located)
    else this.#states.set(this.#others.add(id), 1)
  }

  /** What sending a chunk takes, the first time that it is asked. */
  async send(chunk: ChunkRef): Promise<Sending> {
    const located = await this.#locate(chunk.id)
    if (!located) return this.#sendOther(chunk)
    if (this.#noted.has(located.pack, located.rank)) return { had: true, bytes: 0 }
    return { had: false, bytes: this.#counted.add(located) ? located.stored : 0 }
  }

  #sendOther({ id, length }: ChunkRef): Sending {
    const number = this.#others.add(id)
    const state = this.#states.get(number)
    if (state === 1) return { had: true, bytes: 0 }
    this.#states.set(number, 2)
    return { had: false, bytes: state === 2 ? 0 : (this.#unstored.get(id) ?? length) }
  }

  async #locate(id: Id): Promise<Located | undefined> {
    if (this.#unstored.has(id)) return undefined
    const { packs } = this.#objects
    return packs.locateNow(idToBytes(id)) ?? packs.locate(id)
  }

}
