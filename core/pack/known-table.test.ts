import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { createSharedKnown, knownSlotsFor, KnownTable, RecentIds, sessionPackRecordsMax } from './known-table.ts'

describe('KnownTable', () => {
  it('enters an id once and then answers where it is', () => {
    const table = new KnownTable(createSharedKnown({ objects: 10_000, workers: 1, packs: 0 }))
    const random = createRandom(1)
    const ids = Array.from({ length: 10_000 }, () => random.bytes(32))
    ids.forEach((id, i) => expect(table.claim(id, i % 7, i)).toBeUndefined())
    ids.forEach((id, i) => expect(table.claim(id, 99, 99)).toEqual({ pack: i % 7, ordinal: i }))
  })

  it('answers a candidate, not a certainty, where only the first 8 bytes agree', () => {
    const shared = createSharedKnown({ objects: 10, workers: 1, packs: 0 })
    const table = new KnownTable(shared)
    const recent = new RecentIds(shared)
    const first = Buffer.alloc(32, 1)
    const second = Buffer.concat([Buffer.alloc(8, 1), Buffer.alloc(24, 2)])
    recent.startPack(0)
    recent.set(0, 0, first)
    table.claim(first, 0, 0)
    const candidate = table.claim(second, 0, 1)
    expect(candidate).toEqual({ pack: 0, ordinal: 0 })
    expect(recent.confirms(candidate!, second)).toBe(false)
    expect(recent.confirms(candidate!, first)).toBe(true)
  })

  it('goes on when several workers have filled it, and then only forgets', () => {
    const shared = createSharedKnown({ objects: 1, workers: 2, packs: 0 })
    const tables = [new KnownTable(shared), new KnownTable(shared)]
    const random = createRandom(2)
    const ids = Array.from({ length: knownSlotsFor(1) * 2 }, () => random.bytes(32))
    ids.forEach((id, i) => expect(tables[i % 2]!.claim(id, 0, i)).toBeUndefined())
    const known = ids.filter((id) => tables[0]!.claim(id, 1, 0))
    expect(known.length).toBeGreaterThan(knownSlotsFor(1) * 0.9)
    expect(known.length).toBeLessThanOrEqual(knownSlotsFor(1))
    for (const id of known) expect(tables[1]!.claim(id, 1, 0)).toMatchObject({ pack: 0 })
  })

  it('looks through a few hundred slots at most, also where ids were made to collide', () => {
    const table = new KnownTable(createSharedKnown({ objects: 100_000, workers: 1, packs: 0 }))
    const colliding = Array.from({ length: 1000 }, (_, i) => {
      const id = Buffer.alloc(32)
      id.writeUInt16LE(i, 8)
      id.writeUInt32LE(i << 20, 0)
      return id
    })
    colliding.forEach((id, i) => expect(table.claim(id, 0, i)).toBeUndefined())
    expect(colliding.filter((id) => table.claim(id, 1, 0))).toHaveLength(256)
  })
})

describe('RecentIds', () => {
  it('says that it does not know once the memory belongs to a later pack of the same worker', () => {
    const recent = new RecentIds(createSharedKnown({ objects: 10, workers: 2, packs: 5 }))
    const id = Buffer.alloc(32, 9)
    const packsOfWorker1 = [6, 8, 10, 12, 14]
    recent.startPack(6)
    recent.set(6, sessionPackRecordsMax - 1, id)
    expect(recent.confirms({ pack: 6, ordinal: sessionPackRecordsMax - 1 }, id)).toBe(true)
    for (const pack of packsOfWorker1.slice(1, 4)) recent.startPack(pack)
    expect(recent.confirms({ pack: 6, ordinal: sessionPackRecordsMax - 1 }, id)).toBe(true)
    recent.startPack(14)
    expect(recent.confirms({ pack: 6, ordinal: sessionPackRecordsMax - 1 }, id)).toBeUndefined()
  })

  it('keeps the memory of workers apart', () => {
    const recent = new RecentIds(createSharedKnown({ objects: 10, workers: 2, packs: 0 }))
    const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
    recent.startPack(0)
    recent.startPack(1)
    recent.set(0, 0, a)
    recent.set(1, 0, b)
    expect(recent.confirms({ pack: 0, ordinal: 0 }, a)).toBe(true)
    expect(recent.confirms({ pack: 1, ordinal: 0 }, b)).toBe(true)
  })
})
