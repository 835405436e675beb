import { DitsError, hasCode } from '../errors.ts'
import { unlistedPacksMax } from '../limits.ts'
import { idToBytes, type Id } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { Lookups, type SharedLookups } from './lookups.ts'
import { PackIndex, type PackRow } from './pack-index.ts'
import { indexKey } from './pack-writer.ts'

const indexBytesMax = 96 * 1024 * 1024
const tablesLostMax = 8

/** Where an object lies. */
export interface Located extends PackRow {
  pack: string
  /** Its rank in the pack's index. */
  rank: number
  /** How many objects the pack has. */
  packObjects: number
}

/**
 * The packs of a repository by their indexes, found through look-up tables
 * where there are many. Indexes are loaded when they are first asked and kept
 * while they fit in a bound; the one that answered last is asked first,
 * because neighbours follow.
 */
export class PackSet {
  /** Names of the packs, oldest first. */
  names: readonly string[] = []
  /** How often it turned out that the packs, or what is known of them, had changed. */
  generation = 0
  private readonly store: ByteStore
  private readonly lookups: Lookups
  private live = new Set<string>()
  /** Packs that no look-up table speaks of, newest first. */
  private unlisted: readonly string[] = []
  /** False once it turned out that no look-up tables can be made here. */
  private mayCover = true
  private tablesLost = 0
  private lookupsProved = false
  private covering: Promise<void> | undefined
  private refreshing: Promise<unknown> = Promise.resolve()
  private readonly indexes = new Map<string, PackIndex>()
  private indexBytes = 0
  private lastHit: PackIndex | undefined

  private constructor(store: ByteStore) {
    this.store = store
    this.lookups = new Lookups(store)
  }

  static async open(store: ByteStore): Promise<PackSet> {
    const set = new PackSet(store)
    await set.refresh()
    return set
  }

  /** Looks which packs there are now. Answers whether they are others than before. */
  async refresh(): Promise<boolean> {
    // One after another: a look that began earlier must not overwrite what a later one found.
    const next = this.refreshing.then(() => this.look())
    this.refreshing = next.catch(() => undefined)
    return next
  }

  /** Whether the packs have changed since `generation` was read, also where somebody else found that out meanwhile. */
  async haveChangedSince(generation: number): Promise<boolean> {
    await this.refresh()
    return this.generation !== generation
  }

  /**
   * Does what may meet a pack that is gone by now, because another process has
   * put its objects into other packs (which were there before it went): then it
   * looks which packs there are, and does it again. Throws `pack-missing` where
   * the packs have not changed.
   */
  async followingMoves<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      const { generation } = this
      try {
        return await work()
      } catch (error) {
        if (!hasCode(error, 'pack-missing') || !(await this.haveChangedSince(generation))) throw error
      }
    }
  }

  /** The index of a pack. Throws `index-damaged`, and `pack-missing` where there is none. */
  async index(name: string): Promise<PackIndex> {
    const known = this.indexes.get(name)
    if (known) return known
    const index = await this.readIndex(name)
    if (!index) throw new DitsError('pack-missing', `the index of pack '${name}' is missing`, { hint: 'run: dits fsck' })
    if (!this.lookups.agrees(name, index.count)) {
      this.generation++
      this.listUnlisted()
    }
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
    return this.lastHit && this.locateIn(this.lastHit, id)
  }

  /** The index of a pack, where it is in memory. */
  loadedIndex(name: string): PackIndex | undefined {
    return this.indexes.get(name)
  }

  /** Whether some pack holds an object, as far as what is in memory can tell. */
  locateLoaded(id: Uint8Array): 'held' | 'absent' | 'unknown' {
    if (this.locateNow(id)) return 'held'
    const hits = this.lookups.findNow(id)
    let isOpen = hits === undefined
    for (const names of [hits ?? [], this.unlisted]) {
      for (const name of names) {
        const index = this.indexes.get(name)
        if (index && this.locateIn(index, id)) return 'held'
        isOpen ||= !index && this.live.has(name)
      }
    }
    return isOpen ? 'unknown' : 'absent'
  }

  /** Where an object is, asking the packs that the look-up tables name, and then those that they do not speak of, the newest first. */
  async locateAnywhere(id: Uint8Array): Promise<Located | undefined> {
    return this.followingMoves(async () => {
      for await (const located of this.copies(id)) {
        this.lastHit = this.indexes.get(located.pack)
        return located
      }
      return undefined
    })
  }

  /** All places where an object is. */
  async locateAll(id: Id): Promise<Located[]> {
    return this.followingMoves(() => Array.fromAsync(this.copies(idToBytes(id))))
  }

  /** Objects whose ids start with a hex prefix, of each kind at most `max`; also in packs that were added since. */
  async findByPrefix(prefix: string, max: number): Promise<{ id: Id; kind: PackRow['kind'] }[]> {
    for (;;) {
      const { generation } = this
      const found = await this.followingMoves(() => this.findInAll(prefix, max))
      if (found.length > 0 || !(await this.haveChangedSince(generation))) return found
    }
  }

  /** Objects in all packs, counted from the look-up tables and the lengths of the other indexes. */
  async countObjects(): Promise<number> {
    let count = 0
    for (const name of this.names) count += this.lookups.objectsOf(name) ?? (await this.measureIndex(name)) ?? 0
    return count
  }

  /**
   * Sees to it that look-up tables speak of all packs but a few. Where tables
   * cannot be written, every pack goes on to be asked by itself.
   */
  async cover(): Promise<void> {
    if (this.unlisted.length > unlistedPacksMax && this.mayCover) await this.makeTables(this.unlisted)
  }

  /** Removes look-up tables that are damaged or speak of packs that are gone, and makes those that are wanted. */
  async tidyLookups(): Promise<void> {
    await this.makeTables(this.unlisted.length > unlistedPacksMax ? this.unlisted : [])
  }

  /** Removes the look-up tables: for whoever makes the index of a pack again, which may then have other objects. */
  async clearLookups(): Promise<void> {
    await this.lookups.clear()
    this.listUnlisted()
  }

  /**
   * Compares the look-up tables, once, with the lengths of the indexes that
   * they were made of, before somebody is told that an object is missing: an
   * index that was put there from elsewhere may have more objects. Answers
   * whether a table was dropped, so that more packs are asked than before.
   */
  async proveLookups(): Promise<boolean> {
    if (this.lookupsProved) return false
    this.lookupsProved = true
    let isProof = true
    for (const name of this.names) {
      if (this.lookups.objectsOf(name) === undefined) continue
      const objects = await this.measureIndex(name)
      if (objects !== undefined && !this.lookups.agrees(name, objects)) isProof = false
    }
    this.listUnlisted()
    return !isProof
  }

  /** Takes the look-up tables into memory where so many look-ups are worth it, and answers what threads can share. */
  async shareLookups(lookups: number): Promise<SharedLookups> {
    const shared = await this.lookups.share(lookups)
    this.listUnlisted()
    return shared
  }

  adoptLookups(shared: SharedLookups): void {
    this.lookups.adopt(shared)
  }

  private async look(): Promise<boolean> {
    await this.lookups.refresh()
    const names: string[] = []
    for await (const key of this.store.list('packs/')) {
      if (key.endsWith('.idx')) names.push(key.slice('packs/'.length, -'.idx'.length))
    }
    const before = this.names
    this.names = names
    this.live = new Set(names)
    for (const name of this.indexes.keys()) if (!this.live.has(name)) this.forget(name)
    this.listUnlisted()
    const haveChanged = before.length !== names.length || before.some((name, i) => name !== names[i])
    if (haveChanged) this.generation++
    return haveChanged
  }

  /** Everywhere that an object is. Throws `pack-missing` where a pack went meanwhile. */
  private async *copies(id: Uint8Array): AsyncGenerator<Located> {
    for (const name of await this.packsToAsk((lookups) => lookups.find(id))) {
      const located = this.locateIn(this.indexes.get(name) ?? (await this.index(name)), id, { isHit: false })
      if (located) yield located
    }
  }

  /** The packs that `find` names, and those that no table speaks of. */
  private async packsToAsk(find: (lookups: Lookups) => Promise<string[] | undefined>): Promise<string[]> {
    for (;;) {
      await this.cover()
      const hits = await find(this.lookups)
      if (hits) return [...new Set(hits.filter((name) => this.live.has(name))), ...this.unlisted]
      // A table went, perhaps because somebody made a better one. Where that does not end, do without.
      if (++this.tablesLost >= tablesLostMax) this.mayCover = false
      await this.refresh()
    }
  }

  private locateIn(index: PackIndex, id: Uint8Array, options = { isHit: true }): Located | undefined {
    const rank = index.find(id)
    if (rank < 0) return undefined
    if (options.isHit) this.lastHit = index
    return { ...index.row(rank), pack: index.name, rank, packObjects: index.count }
  }

  private async findInAll(prefix: string, max: number): Promise<{ id: Id; kind: PackRow['kind'] }[]> {
    const low = Buffer.from(prefix.length % 2 ? prefix + '0' : prefix, 'hex')
    const found = new Map<Id, PackRow['kind']>()
    const counts = new Map<PackRow['kind'], number>()
    for (const name of await this.packsToAsk((lookups) => lookups.findByPrefix(prefix))) {
      const index = await this.index(name)
      for (let rank = index.lowerBound(low); rank < index.count; rank++) {
        const id = index.id(rank)
        if (!id.startsWith(prefix)) break
        const { kind } = index.row(rank)
        const count = counts.get(kind) ?? 0
        // Of each kind, so that many chunks do not hide a commit.
        if (found.has(id) || count >= max) continue
        found.set(id, kind)
        counts.set(kind, count + 1)
      }
    }
    return [...found].map(([id, kind]) => ({ id, kind }))
  }

  private makeTables(unlisted: readonly string[]): Promise<void> {
    this.covering ??= this.writeTables(unlisted).finally(() => (this.covering = undefined))
    return this.covering
  }

  private async writeTables(unlisted: readonly string[]): Promise<void> {
    try {
      await this.lookups.tidy({ unlisted, isLive: (name) => this.live.has(name), load: (name) => this.indexForTable(name) })
    } catch (error) {
      if (!hasCode(error, 'store-io') && !hasCode(error, 'store-read-only')) throw error
    }
    this.listUnlisted()
    this.mayCover = this.unlisted.length <= unlistedPacksMax
  }

  /** An index that is damaged stays unlisted, so that whoever needs the pack is told. */
  private async indexForTable(name: string): Promise<PackIndex | undefined> {
    try {
      return this.indexes.get(name) ?? (await this.readIndex(name))
    } catch (error) {
      if (hasCode(error, 'index-damaged') || hasCode(error, 'unsupported-version')) return undefined
      throw error
    }
  }

  private async readIndex(name: string): Promise<PackIndex | undefined> {
    const stored = await this.store.get(indexKey(name), { offset: 0, length: 64 * 1024 * 1024 })
    return stored && PackIndex.decode(name, stored.bytes)
  }

  private async measureIndex(name: string): Promise<number | undefined> {
    const stat = await this.store.stat(indexKey(name))
    return stat && PackIndex.countFor(stat.size)
  }

  private listUnlisted(): void {
    this.unlisted = this.names.filter((name) => this.lookups.objectsOf(name) === undefined).reverse()
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
