import { describe, expect, it } from 'vitest'
import type { ByteStore } from '../store/byte-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { PackedObjects } from './packed-objects.ts'
import { storePacks, type StoredObject } from './packs.fixture.ts'

async function remove(store: ByteStore, name: string, packs: number): Promise<void> {
  for (let n = 0; n < packs; n++) {
    await store.delete(`packs/${name}-${n}.idx`)
    await store.delete(`packs/${name}-${n}.pack`)
  }
}

async function expectAllRead(reader: PackedObjects, objects: readonly StoredObject[]): Promise<void> {
  for (const { id, kind, bytes } of objects) expect(Buffer.compare(await reader.read(kind, id), bytes)).toBe(0)
}

describe('objects that were stored since the packs were listed', () => {
  it('are read, and found, and are there', async () => {
    const store = new MemoryStore()
    const reader = await PackedObjects.open(store)
    await expectAllRead(reader, await storePacks(store, 'a', { packs: 1, objects: 5, seed: 1 }))
    const [second] = await storePacks(store, 'b', { packs: 1, objects: 5, seed: 2 })
    expect(await reader.locate(second!.id)).toMatchObject({ pack: 'b-0', packObjects: 5 })
    const [third] = await storePacks(store, 'c', { packs: 1, objects: 5, seed: 3 })
    expect(await reader.has(third!.id)).toBe(true)
    const [fourth] = await storePacks(store, 'd', { packs: 1, objects: 5, seed: 4 })
    expect(await reader.packs.findByPrefix(fourth!.id.slice(0, 20), 2)).toEqual([{ id: fourth!.id, kind: fourth!.kind }])
  })

  it('are missing where they are in no pack', async () => {
    const [elsewhere] = await storePacks(new MemoryStore(), 'a', { packs: 1, objects: 1, seed: 5 })
    const reader = await PackedObjects.open(new MemoryStore())
    expect(await reader.has(elsewhere!.id)).toBe(false)
    await expect(reader.read(elsewhere!.kind, elsewhere!.id)).rejects.toMatchObject({ code: 'object-missing' })
  })
})

describe('a pack that is gone since it was listed', () => {
  it('is looked for again, because others put packs together', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: 3, objects: 10, seed: 17 })
    const reader = await PackedObjects.open(store)
    await storePacks(store, 'b', { packs: 3, objects: 10, seed: 17 })
    await remove(store, 'a', 3)
    await expectAllRead(reader, objects)
  })

  it('is looked for again where its index is in memory', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: 2, objects: 10, seed: 18 })
    const reader = await PackedObjects.open(store)
    for (const { id } of objects) await reader.has(id)
    await storePacks(store, 'b', { packs: 2, objects: 10, seed: 18 })
    await remove(store, 'a', 2)
    await expectAllRead(reader, objects)
  })

  it('is looked for again by everybody who reads at the time, not only by who notices first', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: 4, objects: 10, seed: 20 })
    const reader = await PackedObjects.open(store)
    for (const { id } of objects) await reader.has(id)
    await storePacks(store, 'b', { packs: 4, objects: 10, seed: 20 })
    await remove(store, 'a', 4)
    const read = await Promise.all(objects.map(({ id, kind }) => reader.read(kind, id)))
    for (const [i, { bytes }] of objects.entries()) expect(Buffer.compare(read[i]!, bytes)).toBe(0)
  })

  it('is missing where its index still is there', async () => {
    const store = new MemoryStore()
    const [object] = await storePacks(store, 'a', { packs: 1, objects: 1, seed: 19 })
    const reader = await PackedObjects.open(store)
    await store.delete('packs/a-0.pack')
    await expect(reader.read(object!.kind, object!.id)).rejects.toMatchObject({ code: 'pack-missing' })
  })
})

describe('an object of which one copy is damaged', () => {
  it('is read from any other that is sound', async () => {
    const store = new MemoryStore()
    const objects = await storePacks(store, 'a', { packs: 1, objects: 5, seed: 21 })
    await storePacks(store, 'b', { packs: 1, objects: 5, seed: 21 })
    // One copy of each is damaged, of one object both are; and one pack ends before its last object.
    for (const [name, damagedOnes] of [['a', [0, 1, 2]], ['b', [2, 3]]] as const) {
      const bytes = Buffer.from((await store.get(`packs/${name}-0.pack`))!.bytes)
      for (const n of damagedOnes) bytes[16 + n * 72 + 60]! ^= 1
      await store.put(`packs/${name}-0.pack`, name === 'b' ? bytes.subarray(0, -30) : bytes)
    }
    const reader = await PackedObjects.open(store)
    await expectAllRead(reader, objects.filter((_, n) => n !== 2))
    await expect(reader.read(objects[2]!.kind, objects[2]!.id)).rejects.toMatchObject({ code: 'object-damaged' })
  })
})
