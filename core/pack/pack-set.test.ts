import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { unlistedPacksMax } from '../limits.ts'
import { idFromBytes, idToBytes, type Id } from '../objects/id.ts'
import type { ByteRange, ByteStore, PutCondition, Stored } from '../store/byte-store.ts'
import { CrashError, FaultyStore, type Fault } from '../store/faulty-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { ReadOnlyStore } from '../store/read-only-store.ts'
import { PackedObjects } from './packed-objects.ts'
import { PackIndexBuilder } from './pack-index.ts'
import { PackSet } from './pack-set.ts'
import { storePacks, type StoredObject } from './packs.fixture.ts'

const many = unlistedPacksMax + 8

async function lookupKeys(store: ByteStore): Promise<string[]> {
  const keys: string[] = []
  for await (const key of store.list('lookup/')) keys.push(key)
  return keys
}

async function expectAllFound(packs: PackSet, objects: readonly StoredObject[]): Promise<void> {
  for (const { id, kind, pack } of objects) expect(await packs.locate(id)).toMatchObject({ kind, pack })
}

function unknownIds(count: number): Id[] {
  const random = createRandom(77)
  return Array.from({ length: count }, () => idFromBytes(random.bytes(32)))
}

/** A store that tells what was read of it. */
class WatchedStore implements ByteStore {
  readonly reads: string[] = []
  private readonly store: ByteStore
  constructor(store: ByteStore) {
    this.store = store
  }
  get(key: string, range?: ByteRange): Promise<Stored | undefined> {
    this.reads.push(key)
    return this.store.get(key, range)
  }
  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: PutCondition): Promise<boolean> {
    return this.store.put(key, body, condition)
  }
  stat(key: string): Promise<{ size: number; modifiedMs: number } | undefined> {
    return this.store.stat(key)
  }
  list(prefix: string): AsyncIterable<string> {
    return this.store.list(prefix)
  }
  delete(key: string): Promise<void> {
    return this.store.delete(key)
  }
}

describe('few packs', () => {
  it('are asked themselves, and no look-up table is made for them', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: 5, objects: 20, seed: 1 })
    const packs = await PackSet.open(store)
    await packs.cover()
    await expectAllFound(packs, objects)
    expect(await packs.locate(unknownIds(1)[0]!)).toBeUndefined()
    expect(await lookupKeys(store)).toEqual([])
  })
})

describe('many packs', () => {
  it('are found through a look-up table, which the first who asks makes', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 30, seed: 2 })
    await expectAllFound(await PackSet.open(store), objects)
    expect(await lookupKeys(store)).toHaveLength(1)
    await expectAllFound(await PackSet.open(store), objects)
  })

  it('are not each asked: of their indexes only that of the pack that holds the object is read', async () => {
    const store = new WatchedStore(new MemoryStore())
    const objects = await storePacks(store, 'a', { packs: many, objects: 30, seed: 3 })
    await (await PackSet.open(store)).cover()
    const packs = await PackSet.open(store)
    store.reads.length = 0
    const wanted = objects[777]!
    expect(await packs.locate(wanted.id)).toMatchObject({ pack: wanted.pack })
    expect(store.reads.filter((key) => key.endsWith('.idx'))).toEqual([`packs/${wanted.pack}.idx`])
    store.reads.length = 0
    for (const id of unknownIds(50)) expect(await packs.locate(id)).toBeUndefined()
    expect(store.reads.filter((key) => key.endsWith('.idx'))).toEqual([])
  })

  it('of which some are newer than the table are all found', async () => {
    const store = new MemoryStore()
    const old = await storePacks(store, 'a', { packs: many, objects: 30, seed: 4 })
    await (await PackSet.open(store)).cover()
    const fresh = await storePacks(store, 'b', { packs: 7, objects: 30, seed: 5 })
    const packs = await PackSet.open(store)
    await expectAllFound(packs, [...old, ...fresh])
    expect(await lookupKeys(store)).toHaveLength(1)
  })

  it('keep few tables however often some are added', async () => {
    const store = new MemoryStore()
    const objects: StoredObject[] = []
    for (let round = 0; round < 12; round++) {
      objects.push(...(await storePacks(store, `r${round}`, { packs: many, objects: 5, seed: 100 + round })))
      await (await PackSet.open(store)).cover()
    }
    expect((await lookupKeys(store)).length).toBeLessThanOrEqual(3)
    await expectAllFound(await PackSet.open(store), objects)
  })

  it('tell by what is in memory what is held and what is not, once they were asked', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 30, seed: 6 })
    const packs = await PackSet.open(store)
    const [known, unknown] = [idToBytes(objects[5]!.id), idToBytes(unknownIds(1)[0]!)]
    expect(packs.locateLoaded(known)).toBe('unknown')
    await packs.locateAnywhere(known)
    await packs.locateAnywhere(unknown)
    expect(packs.locateLoaded(known)).toBe('held')
    expect(packs.locateLoaded(unknown)).toBe('absent')
  })

  it('are told by tables in shared memory as by those that are read', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 30, seed: 7 })
    const packs = await PackSet.open(store)
    await packs.cover()
    const other = await PackSet.open(store)
    other.adoptLookups(await packs.shareLookups(1_000_000))
    for (const id of unknownIds(50)) expect(other.locateLoaded(idToBytes(id))).toBe('absent')
    await expectAllFound(other, objects)
  })

  it('give every object that starts with some digits, and commits and trees even where chunks would fill the answer', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 30, seed: 8 })
    const packs = await PackSet.open(store)
    for (const prefix of ['a', '0f', '123', objects[50]!.id, objects[99]!.id.slice(0, 20), 'ffffffffff']) {
      const wanted = objects.filter(({ id }) => id.startsWith(prefix)).map(({ id, kind }) => ({ id, kind }))
      const found = await packs.findByPrefix(prefix, 10_000)
      expect(found.sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(wanted.sort((a, b) => (a.id < b.id ? -1 : 1)))
      const few = await packs.findByPrefix(prefix, 1)
      expect(new Set(few.map(({ kind }) => kind))).toEqual(new Set(wanted.map(({ kind }) => kind)))
    }
  })

  it('are found without tables where none can be written', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 10, seed: 9 })
    await expectAllFound(await PackSet.open(new ReadOnlyStore(store)), objects)
    expect(await lookupKeys(store)).toEqual([])
  })
})

describe('look-up tables', () => {
  it('that speak of packs that are gone do not find their objects, and are removed', async () => {
    const store = new MemoryStore()
    const gone = await storePacks(store, 'gone', { packs: many, objects: 10, seed: 10 })
    await (await PackSet.open(store)).cover()
    const kept = await storePacks(store, 'kept', { packs: 3, objects: 10, seed: 11 })
    for (const name of new Set(gone.map(({ pack }) => pack))) {
      await store.delete(`packs/${name}.idx`)
      await store.delete(`packs/${name}.pack`)
    }
    const packs = await PackSet.open(store)
    for (const { id } of gone) expect(await packs.locate(id)).toBeUndefined()
    await packs.tidyLookups()
    expect(await lookupKeys(store)).toEqual([])
    await expectAllFound(packs, kept)
  })

  it('that are removed or put together while someone uses them are not missed', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 10, seed: 12 })
    const packs = await PackSet.open(store)
    await packs.locate(objects[0]!.id)
    for (const key of await lookupKeys(store)) await store.delete(key)
    await expectAllFound(packs, objects)
    for (const id of unknownIds(20)) expect(await packs.locate(id)).toBeUndefined()
  })

  it('are passed over and made again where any byte of them is damaged', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 5, seed: 13 })
    await (await PackSet.open(store)).cover()
    const [key] = await lookupKeys(store)
    const whole = (await store.get(key!))!.bytes
    const random = createRandom(14)
    for (let i = 0; i < 120; i++) {
      const bytes = Buffer.from(whole)
      const offset = i < 70 ? i : random.below(bytes.length)
      bytes[offset]! ^= 1 << random.below(8)
      await store.put(key!, bytes)
      const packs = await PackSet.open(store)
      for (const { id, pack } of objects) expect(await packs.locate(id), `byte ${offset}`).toMatchObject({ pack })
      for (const other of await lookupKeys(store)) expect(Buffer.compare((await store.get(other))!.bytes, bytes), `byte ${offset}`).not.toBe(0)
      for (const other of await lookupKeys(store)) await store.delete(other)
    }
  })

  it('are passed over and made again where they were cut short', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 5, seed: 15 })
    await (await PackSet.open(store)).cover()
    const [key] = await lookupKeys(store)
    const whole = (await store.get(key!))!.bytes
    for (const length of [0, 1, 31, 32, 33, whole.length >> 1, whole.length - 1]) {
      for (const other of await lookupKeys(store)) await store.delete(other)
      await store.put(key!, whole.subarray(0, length))
      await expectAllFound(await PackSet.open(store), objects)
    }
  })

  it('that are damaged are removed when tables are tidied', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 5, seed: 20 })
    await (await PackSet.open(store)).cover()
    const [key] = await lookupKeys(store)
    await store.put(key!, Buffer.from((await store.get(key!))!.bytes).fill(0, 40, 44))
    const packs = await PackSet.open(store)
    await packs.tidyLookups()
    expect(await lookupKeys(store)).toHaveLength(1)
    expect(await lookupKeys(store)).not.toContain(key)
    await expectAllFound(packs, objects)
  })

  it('that were made of another index than there is now hide nothing', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 5, seed: 21 })
    const whole = (await store.get('packs/a-7.idx'))!.bytes
    const [lost] = objects.filter(({ pack }) => pack === 'a-7')
    const rest = new PackIndexBuilder()
    for (const { id, pack } of objects) if (pack === 'a-7' && id !== lost!.id) rest.add(idToBytes(id), 1, 0, 16, 24, 24)
    await store.put('packs/a-7.idx', rest.encode(1000))
    const reader = await PackedObjects.open(store)
    expect(await reader.has(lost!.id)).toBe(false)
    await store.put('packs/a-7.idx', whole)
    expect(await (await PackedObjects.open(store)).has(lost!.id)).toBe(true)
    expect(Buffer.compare(await (await PackedObjects.open(store)).read(lost!.kind, lost!.id), lost!.bytes)).toBe(0)
  })

  it.each([1, 2, 3].flatMap((at): Fault[] => [
    { kind: 'crash', at, left: 'nothing' },
    { kind: 'crash', at, left: 'everything' },
    { kind: 'fail', at, errno: 'ENOSPC', forever: true },
  ]))('hide nothing where putting them together ends early: $kind at $at ($left)', async (fault) => {
    const store = new MemoryStore()
    const objects: StoredObject[] = []
    for (const name of ['a', 'b']) {
      objects.push(...(await storePacks(store, name, { packs: many, objects: 5, seed: name.charCodeAt(0) })))
      if (name === 'a') await (await PackSet.open(store)).cover()
    }
    // Two tables of the same packs, so that there is one to remove as well.
    const [key] = await lookupKeys(store)
    await store.put('lookup/000000000000000000000000', (await store.get(key!))!.bytes)
    const packs = await PackSet.open(new FaultyStore(store, fault))
    if (fault.kind === 'crash') await expect(packs.cover()).rejects.toThrow(CrashError)
    else {
      await packs.cover()
      await expectAllFound(packs, objects)
    }
    await expectAllFound(await PackSet.open(store), objects)
    for (const id of unknownIds(10)) expect(await (await PackSet.open(store)).locate(id)).toBeUndefined()
  })

  it('leave out a pack whose index is damaged, so that whoever needs it is told', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: many, objects: 5, seed: 16 })
    const bytes = Buffer.from((await store.get('packs/a-3.idx'))!.bytes)
    bytes[1100]! ^= 1
    await store.put('packs/a-3.idx', bytes)
    const packs = await PackSet.open(store)
    for (const { id, pack } of objects) {
      if (pack !== 'a-3') expect(await packs.locate(id)).toMatchObject({ pack })
      else await expect(packs.locate(id)).rejects.toMatchObject({ code: 'index-damaged' })
    }
  })
})
