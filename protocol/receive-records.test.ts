import { describe, expect, it } from 'vitest'
import { hashObject, idFromBytes, MemoryStore, PackedObjects, type Id } from '#core'
import { writeRecordHeader } from '../core/pack/pack-format.ts'
import type { Random } from '../fixtures/random.ts'
import { RecordReceiver } from './receive-records.ts'
import { forSeeds } from './synthetic.fixture.ts'

/** Records of random chunks, one after another, their ids, and where each ends. */
function randomRecords(random: Random): { bytes: Buffer; ids: Id[]; ends: number[] } {
  const records: Buffer[] = []
  const [ids, ends]: [Id[], number[]] = [[], []]
  let end = 0
  for (let i = 0; i < 60; i++) {
    const payload = random.bytes(1 + random.below(random.pick([10, 3000, 400_000])))
    const id = hashObject('chunk', payload)
    const record = Buffer.alloc(48 + payload.length)
    writeRecordHeader(record, 0, { kind: 'chunk', codec: 0, raw: payload.length, id, payload })
    record.set(payload, 48)
    records.push(record)
    ids.push(idFromBytes(id))
    ends.push((end += record.length))
  }
  return { bytes: Buffer.concat(records), ids, ends }
}

describe('a receiver', () => {
  it('that is settled on the way has all whole records stored then, and takes the rest as if nothing had been', async () => {
    await forSeeds(20, async (random) => {
      const { bytes, ids, ends } = randomRecords(random)
      const store = new MemoryStore()
      const objects = await PackedObjects.open(store)
      const receiver = new RecordReceiver(store, objects, 's')
      let at = 0
      for (const cut of [random.below(bytes.length), random.below(bytes.length), bytes.length].sort((a, b) => a - b)) {
        await receiver.push(bytes.subarray(at, cut))
        const settled = receiver.settle()
        // More may come while the store is at work.
        at = Math.min(bytes.length, cut + random.below(1000))
        await receiver.push(bytes.subarray(cut, at))
        await settled
        const whole = ends.filter((end) => end <= cut).length
        for (const id of ids.slice(0, whole)) await objects.read('chunk', id)
      }
      receiver.assertWhole()
      await receiver.finish()
      for (const id of ids) await objects.read('chunk', id)
      expect(receiver.counts).toEqual({ objects: ids.length, known: 0, bytes: bytes.length })
    })
  })
})
