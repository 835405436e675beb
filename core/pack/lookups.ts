import { randomBytes } from 'node:crypto'
import { lookupPacksMax, lookupRowsMax, lookupSharedBytesMax } from '../limits.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { encodeLookupTable, lookupKey, lookupKeysOf, LookupTable, lookupRowBytes, type ListedPack } from './lookup-table.ts'
import type { PackIndex } from './pack-index.ts'

const folder = 'lookup/'
/** A table is put together with new rows unless it has at least so many times as many. */
const growth = 4
/** Reading a block for a look-up takes as long as reading so many rows in order. */
const rowsPerLookup = 1000

/** The rows of tables, for threads that look up beside this one. */
export type SharedLookups = { key: string; rows: SharedArrayBuffer }[]

/** What a repository's tables are made of. */
export interface LookupSource {
  /** Packs that no table speaks of and that one is to speak of. */
  unlisted: readonly string[]
  isLive: (pack: string) => boolean
  /** The index of a pack; `undefined` where it cannot be had, so that the pack stays unlisted. */
  load: (pack: string) => Promise<PackIndex | undefined>
}

/**
 * The look-up tables of a repository: which packs may hold an object, without
 * asking each pack. They are a cache: what no table speaks of is asked by
 * itself, and a table that is damaged, gone, or made of other indexes than
 * there are counts as none from then on. Where an answer is `undefined`, a
 * table went that way: what it spoke of is unlisted now, so ask again.
 */
export class Lookups {
  private readonly store: ByteStore
  private tables: readonly LookupTable[] = []
  private listed = new Map<string, ListedPack>()
  private readonly dropped = new Set<string>()

  constructor(store: ByteStore) {
    this.store = store
  }

  /** Looks which tables there are now. */
  async refresh(): Promise<void> {
    const open = new Map(this.tables.map((table) => [table.key, table]))
    const tables: LookupTable[] = []
    for await (const key of this.store.list(folder)) {
      if (this.dropped.has(key)) continue
      const table = open.get(key) ?? (await LookupTable.open(this.store, key))
      if (table) tables.push(table)
      else this.dropped.add(key)
    }
    this.setTables(tables)
  }

  /** How many objects a pack has by what a table says; `undefined` where none speaks of it. */
  objectsOf(pack: string): number | undefined {
    return this.listed.get(pack)?.objects
  }

  /** Packs that may hold an object, where that can be told from what is in memory. */
  findNow(id: Uint8Array): string[] | undefined {
    let found: string[] = []
    for (const table of this.tables) {
      const packs = table.findNow(id)
      if (!packs) return undefined
      if (packs.length > 0) found = found.concat(packs)
    }
    return found
  }

  /** Packs that may hold an object. */
  find(id: Uint8Array): Promise<string[] | undefined> {
    return this.askAll((table) => table.find(id))
  }

  /** Packs that may hold objects whose ids start with the given hex digits. */
  findByPrefix(digits: string): Promise<string[] | undefined> {
    return this.askAll((table) => table.findByPrefix(digits))
  }

  /** Compares what a table says of a pack with how many objects its index has. Answers false, and drops the table, where they differ. */
  agrees(pack: string, objects: number): boolean {
    if ((this.objectsOf(pack) ?? objects) === objects) return true
    this.drop(this.tables.filter((table) => table.packs.some(({ name }) => name === pack)))
    return false
  }

  /**
   * Makes a table of packs that none speaks of, together with the tables that
   * are not much larger, so that there are few and none is written often; and
   * removes those that say nothing of their own, and the damaged. A new table
   * is durable before an old one goes.
   */
  async tidy(source: LookupSource): Promise<void> {
    const useless = this.uselessTables(source.isLive)
    const rows = new GatheredRows(this.store)
    for (const pack of source.unlisted) {
      const index = await source.load(pack)
      if (index) await rows.addIndex(index)
    }
    const joined: LookupTable[] = []
    for (const table of this.tables.filter((one) => !useless.includes(one)).sort((a, b) => a.rows - b.rows)) {
      const isStale = table.packs.filter(({ name }) => source.isLive(name)).length * 2 < table.packs.length
      if (!isStale && (rows.count === 0 || table.rows >= growth * rows.count || !rows.hasRoomFor(table))) continue
      const shared = await table.share()
      if (shared) await rows.addTable(table.packs, new Uint8Array(shared), source.isLive)
      else this.dropped.add(table.key)
      if (shared) joined.push(table)
    }
    await rows.store()
    for (const { key } of [...useless, ...joined]) this.dropped.add(key)
    for (const key of this.dropped) await this.store.delete(key)
    await this.refresh()
  }

  /** Removes all tables. */
  async clear(): Promise<void> {
    for await (const key of this.store.list(folder)) await this.store.delete(key)
    this.setTables([])
  }

  /** All rows, for threads that will look up so much that reading block by block would take longer. */
  async share(lookups: number): Promise<SharedLookups> {
    const rows = this.tables.reduce((sum, table) => sum + table.rows, 0)
    if (rows > lookups * rowsPerLookup || rows * lookupRowBytes > lookupSharedBytesMax) return []
    const shared: SharedLookups = []
    for (const table of this.tables) {
      const own = await table.share()
      if (own) shared.push({ key: table.key, rows: own })
      else this.drop([table])
    }
    return shared
  }

  /** Takes over what another thread read. */
  adopt(shared: SharedLookups): void {
    for (const { key, rows } of shared) this.tables.find((table) => table.key === key)?.adopt(rows)
  }

  private async askAll(ask: (table: LookupTable) => Promise<string[] | undefined>): Promise<string[] | undefined> {
    const found: string[] = []
    for (const table of this.tables) {
      const packs = await ask(table)
      if (packs) found.push(...packs)
      else {
        this.drop([table])
        return undefined
      }
    }
    return found
  }

  /** Tables of which every pack is gone, or spoken of by a larger table. */
  private uselessTables(isLive: (pack: string) => boolean): LookupTable[] {
    const spokenOf = new Set<string>()
    return [...this.tables].sort((a, b) => b.rows - a.rows).filter((table) => {
      const own = table.packs.filter(({ name }) => isLive(name) && !spokenOf.has(name))
      for (const { name } of own) spokenOf.add(name)
      return own.length === 0
    })
  }

  private drop(tables: readonly LookupTable[]): void {
    for (const { key } of tables) this.dropped.add(key)
    this.setTables(this.tables.filter((table) => !tables.includes(table)))
  }

  private setTables(tables: readonly LookupTable[]): void {
    this.tables = tables
    this.listed = new Map(tables.flatMap((table) => table.packs.map((pack) => [pack.name, pack])))
  }
}

/** The rows of some packs, gathered in memory; stored as a table in between where they would be too many for one. */
class GatheredRows {
  count = 0
  private readonly destination: ByteStore
  private packs: ListedPack[] = []
  private keys = new Float64Array(1 << 16)

  constructor(destination: ByteStore) {
    this.destination = destination
  }

  hasRoomFor({ rows, packs }: LookupTable): boolean {
    return this.count + rows <= lookupRowsMax && this.packs.length + packs.length <= lookupPacksMax
  }

  async addIndex(index: PackIndex): Promise<void> {
    if (this.count + index.count > lookupRowsMax || this.packs.length >= lookupPacksMax) await this.store()
    const pack = this.packs.push({ name: index.name, objects: index.count }) - 1
    for (let rank = 0; rank < index.count; rank++) this.add(index.prefix(rank), pack)
  }

  /** Adds what a table says of packs that are there and not in this yet. */
  async addTable(packs: readonly ListedPack[], rows: Uint8Array, isLive: (pack: string) => boolean): Promise<void> {
    if (this.count + rows.length / lookupRowBytes > lookupRowsMax || this.packs.length + packs.length > lookupPacksMax) await this.store()
    const own = new Set(this.packs.map(({ name }) => name))
    const numbers = packs.map((pack) => (isLive(pack.name) && !own.has(pack.name) ? this.packs.push(pack) - 1 : -1))
    for (const { prefix, pack } of lookupKeysOf(rows)) {
      const number = numbers[pack] ?? -1
      if (number >= 0) this.add(prefix, number)
    }
  }

  /** Puts a table of what was gathered, where there is something, and begins anew. */
  async store(): Promise<void> {
    if (this.packs.length === 0) return
    const keys = this.keys.subarray(0, this.count).sort()
    let distinct = 0
    for (let i = 0; i < keys.length; i++) if (i === 0 || keys[i] !== keys[distinct - 1]) keys[distinct++] = keys[i]!
    await this.destination.put(newKey(), encodeLookupTable(this.packs, keys.subarray(0, distinct)), { if: 'absent' })
    this.packs = []
    this.count = 0
  }

  private add(prefix: number, pack: number): void {
    if (this.count === this.keys.length) {
      const larger = new Float64Array(this.keys.length * 2)
      larger.set(this.keys)
      this.keys = larger
    }
    this.keys[this.count++] = lookupKey(prefix, pack)
  }
}

function newKey(): string {
  return folder + randomBytes(12).toString('hex')
}
