import { DitsError, hasCode } from '../errors.ts'
import { idToBytes, type Id } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { PackIndex, type PackRow } from './pack-index.ts'
import { indexKey } from './pack-writer.ts'

const indexBytesMax = 96 * 1024 * 1024

/** Where an object lies. */
export interface Located extends PackRow {
  pack: string
  /** Its rank in the pack's index. */
  rank: number
}

/**
 * The packs of a repository by their indexes. Indexes are loaded when they are
 * first asked and kept while they fit in a bound; the one that answered last is
 * asked first, because neighbours follow.
 */
export class PackSet {
  /** Names of the packs, oldest first. */
  names: readonly string[] = []
  private readonly store: ByteStore
  private readonly indexes = new Map<string, PackIndex>()
  private indexBytes = 0
  private lastHit: PackIndex | undefined

  private constructor(store: ByteStore) {
    this.store = store
  }

  static async open(store: ByteStore): Promise<PackSet> {
    const set = new PackSet(store)
    await set.refresh()
    return set
  }

  /** Looks which packs there are now. Answers whether they are others than before. */
  async refresh(): Promise<boolean> {
    const names: string[] = []
    for await (const key of this.store.list('packs/')) {
      if (key.endsWith('.idx')) names.push(key.slice('packs/'.length, -'.idx'.length))
    }
    const before = this.names
    this.names = names
    for (const name of this.indexes.keys()) if (!names.includes(name)) this.forget(name)
    return before.length !== names.length || before.some((name, i) => name !== names[i])
  }

  /**
   * Does what may meet a pack that is gone by now, because another process has
   * put its objects into other packs (which were there before it went): then it
   * looks which packs there are, and does it again. Throws `pack-missing` where
   * the packs have not changed.
   */
  async followingMoves<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!hasCode(error, 'pack-missing') || !(await this.refresh())) throw error
      }
    }
  }

  /** The index of a pack. Throws `index-damaged`, and `pack-missing` where there is none. */
  async index(name: string): Promise<PackIndex> {
    const known = this.indexes.get(name)
    if (known) return known
    const stored = await this.store.get(indexKey(name), { offset: 0, length: 64 * 1024 * 1024 })
    if (!stored) throw new DitsError('pack-missing', `the index of pack '${name}' is missing`, { hint: 'run: dits fsck' })
    const index = PackIndex.decode(name, stored.bytes)
    this.remember(index)
    return index
  }

  /** Where an object is; `undefined` where no pack holds it. */
  async locate(id: Id): Promise<Located | undefined> {
    const bytes = idToBytes(id)
    return this.locateNow(bytes) ?? (await this.locateAnywhere(bytes))
  }

  /** Where an object is, asking only the pack that answered last. */
  locateNow(id: Uint8Array): Located | undefined {
    const rank = this.lastHit ? this.lastHit.find(id) : -1
    return rank < 0 ? undefined : { ...this.lastHit!.row(rank), pack: this.lastHit!.name, rank }
  }

  /** The index of a pack, where it is in memory. */
  loadedIndex(name: string): PackIndex | undefined {
    return this.indexes.get(name)
  }

  /** Whether some pack holds an object, as far as the indexes in memory can tell. */
  locateLoaded(id: Uint8Array): 'held' | 'absent' | 'unknown' {
    for (const index of this.indexes.values()) {
      if (index.find(id) < 0) continue
      this.lastHit = index
      return 'held'
    }
    return this.indexes.size === this.names.length ? 'absent' : 'unknown'
  }

  /** Where an object is, asking every pack, the newest first. */
  async locateAnywhere(id: Uint8Array): Promise<Located | undefined> {
    for (let i = this.names.length - 1; i >= 0; i--) {
      const name = this.names[i]!
      const index = this.indexes.get(name) ?? (await this.index(name))
      const rank = index.find(id)
      if (rank < 0) continue
      this.lastHit = index
      return { ...index.row(rank), pack: name, rank }
    }
    return undefined
  }

  /** Objects whose ids start with a hex prefix, at most `max` of them; also in packs that were added since. */
  async findByPrefix(prefix: string, max: number): Promise<{ id: Id; kind: PackRow['kind'] }[]> {
    for (;;) {
      const found = await this.followingMoves(() => this.findInAll(prefix, max))
      if (found.length > 0 || !(await this.refresh())) return found
    }
  }

  private async findInAll(prefix: string, max: number): Promise<{ id: Id; kind: PackRow['kind'] }[]> {
    const low = Buffer.from(prefix.length % 2 ? prefix + '0' : prefix, 'hex')
    const found = new Map<Id, PackRow['kind']>()
    for (const name of this.names) {
      const index = await this.index(name)
      for (let rank = index.lowerBound(low); rank < index.count && found.size < max; rank++) {
        const id = index.id(rank)
        if (!id.startsWith(prefix)) break
        found.set(id, index.row(rank).kind)
      }
    }
    return [...found].map(([id, kind]) => ({ id, kind }))
  }

  /** Objects in all packs, counted from the lengths of the indexes. */
  async countObjects(): Promise<number> {
    let count = 0
    for (const name of this.names) {
      const stat = await this.store.stat(indexKey(name))
      if (stat) count += PackIndex.countFor(stat.size)
    }
    return count
  }

  private remember(index: PackIndex): void {
    // Two that asked at the same time both loaded it; it counts once.
    this.forget(index.name)
    while (this.indexBytes + index.size > indexBytesMax && this.indexes.size > 0) {
      this.forget(this.indexes.keys().next().value!)
    }
    this.indexes.set(index.name, index)
    this.indexBytes += index.size
  }

  private forget(name: string): void {
    this.indexBytes -= this.indexes.get(name)?.size ?? 0
    this.indexes.delete(name)
    if (this.lastHit?.name === name) this.lastHit = undefined
  }
}
