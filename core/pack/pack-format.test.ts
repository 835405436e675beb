import { expect, it } from 'vitest'
import { codecs, readRecordHeader, recordCheckHolds, recordHeaderBytes, writeRecordHeader } from './pack-format.ts'

const kept = ['plain', codecs.plain] as const
const packed = ['compressed', codecs.zstd] as const

function makeRecord(codec: 0 | 1): Buffer {
  const payload = Buffer.from('a payload')
  const record = Buffer.alloc(recordHeaderBytes + payload.length)
  writeRecordHeader(record, 0, { kind: 'chunk', codec, raw: codec === codecs.plain ? payload.length : 100, id: Buffer.alloc(32, 7), payload })
  payload.copy(record, recordHeaderBytes)
  return record
}

function holds(record: Buffer, original: Buffer): boolean {
  // The fields as they were written, but for the check: what is asked is whether the check tells of the change.
  const header = { ...readRecordHeader(original, 0, 'p'), check: record.readUInt32LE(12) }
  return recordCheckHolds(record, 0, header)
}

it.each([kept, packed])('the check of a %s record tells of a flipped bit anywhere in its header', (_, codec) => {
  const original = makeRecord(codec)
  expect(holds(original, original)).toBe(true)
  for (let bit = 0; bit < recordHeaderBytes * 8; bit++) {
    const record = Buffer.from(original)
    record[bit >> 3]! ^= 1 << (bit & 7)
    expect(holds(record, original), `bit ${bit}`).toBe(false)
  }
})

it.each([[...kept, true] as const, [...packed, false] as const])('the check of a %s record covers the payload only where it is compressed', (_, codec, still) => {
  const original = makeRecord(codec)
  const record = Buffer.from(original)
  record[recordHeaderBytes]! ^= 1
  expect(holds(record, original)).toBe(still)
})
