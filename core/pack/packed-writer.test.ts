import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { hashObject, idFromBytes } from '../objects/id.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { sessionPackRecordsMax } from './known-table.ts'
import { PackSet } from './pack-set.ts'
import { beginWriting, PackedWriter } from './packed-writer.ts'
import { storePacks } from './packs.fixture.ts'

/** Stores an object unless it is known, as whoever cuts files does. */
async function store(writer: PackedWriter, id: Uint8Array, bytes: Uint8Array): Promise<void> {
  const unsettled = writer.add('chunk', id, bytes)
  if (unsettled && !(await unsettled)) writer.append('chunk', id, bytes)
  await writer.ready()
}

/** The writers of a session's workers, over a store in memory. */
async function openWriters(workers: number, options: { objects?: number; existing?: number } = {}) {
  const bytes = new MemoryStore()
  const existing = options.existing ? await storePacks(bytes, 'a', { packs: 3, objects: options.existing / 3, seed: 1 }) : []
  const packs = await PackSet.open(bytes)
  const session = await beginWriting(packs, { name: 's', objects: options.objects ?? 1000, workers })
  const writers: PackedWriter[] = []
  for (let worker = 0; worker < workers; worker++) writers.push(new PackedWriter(bytes, await PackSet.open(bytes), session, worker))
  return { bytes, existing, session, writers }
}

async function flushAll(writers: readonly PackedWriter[]): Promise<number> {
  for (const writer of writers) await writer.flush()
  return writers.reduce((sum, { added }) => sum + added.objects, 0)
}

describe('two workers', () => {
  it('store an object once that both have', async () => {
    const { bytes, writers } = await openWriters(2)
    const random = createRandom(2)
    const chunks = Array.from({ length: 50 }, () => random.bytes(100))
    for (const [i, chunk] of chunks.entries()) {
      await store(writers[i % 2]!, hashObject('chunk', chunk), chunk)
      await store(writers[(i + 1) % 2]!, hashObject('chunk', chunk), chunk)
    }
    expect(await flushAll(writers)).toBe(50)
    const packs = await PackSet.open(bytes)
    for (const chunk of chunks) expect(await packs.locateAll(idFromBytes(hashObject('chunk', chunk)))).toHaveLength(1)
  })

  it('know what the other stored also when its pack is long on disk', async () => {
    const { writers } = await openWriters(2, { objects: 100_000 })
    const count = sessionPackRecordsMax * 5
    const chunk = (i: number) => Buffer.from(`object ${i}`)
    for (let i = 0; i < count; i++) await store(writers[0]!, hashObject('chunk', chunk(i)), chunk(i))
    for (let i = 0; i < count; i += 997) await store(writers[1]!, hashObject('chunk', chunk(i)), chunk(i))
    expect(await flushAll(writers)).toBe(count)
  })

  it('both store what only starts like an object of the other', async () => {
    const { bytes, writers } = await openWriters(2)
    const ids = [1, 2, 3].map((end) => Buffer.concat([Buffer.alloc(8, 7), Buffer.alloc(24, end)]))
    for (const [i, id] of ids.entries()) await store(writers[i % 2]!, id, Buffer.from([i]))
    expect(await flushAll(writers)).toBe(3)
    const packs = await PackSet.open(bytes)
    for (const id of ids) expect(await packs.locate(idFromBytes(id))).toBeDefined()
  })
})

describe('a session beside what the repository holds', () => {
  it.each([
    ['with a table of it, where much is expected', 1000, 3],
    ['without one, where little is', 2, 0],
  ])('%s, stores only what is new, once', async (_, objects, loaded) => {
    const { existing, session, writers } = await openWriters(1, { objects, existing: 300 })
    expect(session.loaded).toHaveLength(loaded)
    for (const { id, bytes } of existing) await store(writers[0]!, Buffer.from(id, 'hex'), bytes)
    for (const text of ['new', 'newer', 'new']) await store(writers[0]!, hashObject('chunk', Buffer.from(text)), Buffer.from(text))
    expect(await flushAll(writers)).toBe(2)
  })

  it.each([['with', 1000], ['without', 2]])('%s a table, stores what only starts like what is there', async (_, objects) => {
    const { bytes, existing, writers } = await openWriters(1, { objects, existing: 30 })
    const alike = Buffer.from(existing[5]!.id, 'hex')
    alike[20]! ^= 1
    await store(writers[0]!, alike, Buffer.from('alike'))
    expect(await flushAll(writers)).toBe(1)
    expect(await (await PackSet.open(bytes)).locate(idFromBytes(alike))).toMatchObject({ pack: 's-0' })
  })

  it('finds it through look-up tables that it shares with its workers', async () => {
    const bytes = new MemoryStore()
    const existing = await storePacks(bytes, 'a', { packs: 60, objects: 2000, seed: 3 })
    const packs = await PackSet.open(bytes)
    const session = await beginWriting(packs, { name: 's', objects: 500, workers: 2 })
    expect(session.loaded).toEqual([])
    expect(session.lookups).toHaveLength(1)
    const writer = new PackedWriter(bytes, await PackSet.open(bytes), session, 1)
    for (let i = 0; i < existing.length; i += 1999) await store(writer, Buffer.from(existing[i]!.id, 'hex'), existing[i]!.bytes)
    await store(writer, hashObject('chunk', Buffer.from('new')), Buffer.from('new'))
    expect(await flushAll([writer])).toBe(1)
  })
})
