import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import * as limits from '../limits.ts'
import { hashObject, idFromBytes, type Id } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { CrashError, FaultyStore, type Fault } from '../store/faulty-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { readRecordHeader, recordHeaderBytes, writeRecordHeader, type RecordHeader } from './pack-format.ts'
import { verifyPack } from './pack-scan.ts'
import { PackSet } from './pack-set.ts'
import { PackWriter } from './pack-writer.ts'

/** Small ones for three packs, and then two that are more than a megabyte together, so that their pack is begun before it is full. */
const payloads = [...Array.from({ length: 12 }, (_, i) => Buffer.from(`object ${i}`)), ...[1, 2].map((seed) => createRandom(seed).bytes(700_000))]
const recordsMax = 4

function openWriter(store: ByteStore, name: string): PackWriter {
  let number = 0
  return new PackWriter(store, { nextName: () => `${name}-${number++}`, recordsMax })
}

async function append(writer: PackWriter, payload: Buffer): Promise<void> {
  writer.append({ kind: 'chunk', codec: 0, raw: payload.length, id: hashObject('chunk', payload), payload })
  await writer.ready()
}

/** Fills a record in, as it would come from elsewhere. */
function fill(writer: PackWriter, payload: Buffer): RecordHeader {
  const record = writer.reserve(recordHeaderBytes + payload.length)
  const kind = payload.length > limits.chunkBytesMax ? 'tree' : 'chunk'
  writeRecordHeader(record, 0, { kind, codec: 0, raw: payload.length, id: hashObject(kind, payload), payload })
  record.set(payload, recordHeaderBytes)
  return readRecordHeader(record, 0, 'filled in')
}

async function writeAll(store: ByteStore, name: string): Promise<void> {
  const writer = openWriter(store, name)
  for (const payload of payloads) await append(writer, payload)
  await writer.finish()
}

async function keysOf(store: ByteStore): Promise<string[]> {
  return Array.fromAsync(store.list('packs/'))
}

/** The objects that can be found; every index has its whole pack. */
async function foundIn(store: ByteStore): Promise<Set<Id>> {
  const packs = await PackSet.open(store)
  for (const name of packs.names) expect((await verifyPack(store, name, () => {})).problems).toEqual([])
  const ids = payloads.map((payload) => idFromBytes(hashObject('chunk', payload)))
  const found = await Promise.all(ids.map((id) => packs.locate(id)))
  return new Set(ids.filter((_, i) => found[i]))
}

async function* noting(body: AsyncIterable<Uint8Array>, lengths: number[]): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    lengths.push(piece.length)
    yield piece
  }
}

const puts = 8

describe('PackWriter', () => {
  it('writes each pack before its index', async () => {
    const store = new FaultyStore(new MemoryStore())
    await writeAll(store, 'a')
    expect(store.writes).toBe(puts)
    expect((await foundIn(store)).size).toBe(payloads.length)
  })

  it('hands a store that waits what there is, where it is told to, and a megabyte otherwise', async () => {
    const handed = async (eager: { eagerBytes: number } | undefined) => {
      const store = new MemoryStore()
      const pieces: number[] = []
      const { put } = store
      store.put = (key, body, condition) => put.call(store, key, body instanceof Uint8Array ? body : noting(body, pieces), condition)
      const writer = new PackWriter(store, { nextName: () => 'a', ...eager })
      const random = createRandom(1)
      for (let i = 0; i < 100; i++) {
        await append(writer, random.bytes(30_000))
        // The store has done with what it has, and waits.
        await setImmediate()
      }
      await writer.finish()
      expect((await verifyPack(store, 'a', () => {})).problems).toEqual([])
      return pieces
    }
    const eager = await handed({ eagerBytes: 100_000 })
    for (const bytes of eager.slice(0, -1)) expect(bytes).toBeGreaterThanOrEqual(100_000)
    for (const bytes of eager) expect(bytes).toBeLessThan(140_000)
    expect((await handed(undefined)).slice(0, -1)).toEqual([1 << 20, 1 << 20])
  })

  const faults = Array.from({ length: puts }, (_, i) => i + 1).flatMap((at): Fault[] => [
    { kind: 'fail', at, errno: 'ENOSPC' },
    { kind: 'fail', at, errno: 'EIO', forever: true },
    { kind: 'crash', at, left: 'nothing' },
    { kind: 'crash', at, left: 'everything' },
  ])
  it.each(faults)('leaves only whole packs behind, and can be begun again: $kind at $at ($errno$left)', async (fault) => {
    const store = new MemoryStore()
    await expect(writeAll(new FaultyStore(store, fault), 'a')).rejects.toSatisfy(
      (error) => (fault.kind === 'crash' ? error instanceof CrashError : (error as { code: string }).code === 'store-io'),
    )
    expect((await foundIn(store)).size).toBeLessThanOrEqual(payloads.length)
    await writeAll(store, 'b')
    expect((await foundIn(store)).size).toBe(payloads.length)
  })

  it('takes records that are filled in where they will be stored, and forgets what was not committed', async () => {
    const store = new MemoryStore()
    const writer = openWriter(store, 'a')
    // Longer than a piece of the writer, too.
    const large = createRandom(3).bytes(3_000_000)
    for (const payload of [...payloads, large]) {
      fill(writer, Buffer.from('of this nothing stays'))
      writer.commit(fill(writer, payload))
      await writer.ready()
    }
    await append(writer, Buffer.from('beside'))
    fill(writer, large)
    await writer.finish()
    expect((await foundIn(store)).size).toBe(payloads.length)
    const packs = await PackSet.open(store)
    expect(await packs.countObjects()).toBe(payloads.length + 2)
    expect(await packs.locate(idFromBytes(hashObject('tree', large)))).toBeDefined()
  })

  it('writes nothing where nothing was committed', async () => {
    const store = new MemoryStore()
    const writer = openWriter(store, 'a')
    fill(writer, createRandom(4).bytes(2_000_000))
    await writer.finish()
    expect(await keysOf(store)).toEqual([])
  })

  it('tells whoever waits for it of a failure, and goes on telling', async () => {
    const writer = openWriter(new FaultyStore(new MemoryStore(), { kind: 'fail', at: 1, errno: 'ENOSPC' }), 'a')
    for (const payload of payloads.slice(0, 4)) await append(writer, payload)
    await expect(writer.finish()).rejects.toMatchObject({ code: 'store-io' })
    await expect(writer.ready()).rejects.toMatchObject({ code: 'store-io' })
    await expect(writer.finish()).rejects.toMatchObject({ code: 'store-io' })
  })

  it('that is abandoned leaves nothing of the pack that was open, and all of those that were full', async () => {
    const store = new MemoryStore()
    const writer = openWriter(store, 'a')
    for (const payload of payloads) await append(writer, payload)
    await writer.abandon()
    expect(await keysOf(store)).toEqual(['packs/a-0.idx', 'packs/a-0.pack', 'packs/a-1.idx', 'packs/a-1.pack', 'packs/a-2.idx', 'packs/a-2.pack'])
    expect((await foundIn(store)).size).toBe(12)
  })
})
