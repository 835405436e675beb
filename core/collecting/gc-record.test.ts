import { describe, expect, it } from 'vitest'
import type { Id } from '../objects/id.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { readGcRecord, tipsMax, writeGcRecord, type GcRecord } from './gc-record.ts'

const idOf = (n: number) => n.toString(16).padStart(64, '0') as Id
const record: GcRecord = { run: 'one', condemned: ['0-a', '0-b'], wholeTips: [idOf(1)], seen: new Map([[idOf(2), 17]]) }

describe('the record of a collection', () => {
  it('is read as it was written, and condemns nothing where there is none', async () => {
    const store = new MemoryStore()
    expect(await readGcRecord(store)).toMatchObject({ condemned: [], wholeTips: [], version: undefined })
    expect(await writeGcRecord(store, record, undefined)).toBe(true)
    const { version, ...read } = await readGcRecord(store)
    expect(read).toEqual(record)
    expect(version).not.toBe('')
  })

  it('is replaced by who knows it only', async () => {
    const store = new MemoryStore()
    await writeGcRecord(store, record, undefined)
    const { version } = await readGcRecord(store)
    expect(await writeGcRecord(store, { ...record, run: 'two' }, undefined)).toBe(false)
    expect(await writeGcRecord(store, { ...record, run: 'two' }, version)).toBe(true)
    expect(await writeGcRecord(store, { ...record, run: 'three' }, version)).toBe(false)
    expect((await readGcRecord(store)).run).toBe('two')
  })

  it('is short enough to be put in one piece, whatever there was', async () => {
    const store = new MemoryStore()
    const tips = Array.from({ length: tipsMax + 1 }, (_, i) => idOf(i))
    const condemned = Array.from({ length: 20_000 }, (_, i) => `019b76daa800-f64f67b6b91e-${i}`)
    await writeGcRecord(store, { run: 'one', condemned, wholeTips: tips, seen: new Map(tips.map((id) => [id, 1_700_000_000_000])) }, undefined)
    expect((await store.stat('gc'))!.size).toBeLessThan(8 * 1024 * 1024)
    expect((await readGcRecord(store)).wholeTips).toHaveLength(tipsMax)
  })

  it.each([
    ['a changed byte', (text: string) => text.replace('0-b', '0-c')],
    ['half of it', (text: string) => text.slice(0, text.length / 2)],
    ['nothing', () => ''],
  ])('that is %s is damaged', async (_, change) => {
    const store = new MemoryStore()
    await writeGcRecord(store, record, undefined)
    const text = Buffer.from((await store.get('gc'))!.bytes).toString()
    await store.put('gc', Buffer.from(change(text)))
    await expect(readGcRecord(store)).rejects.toMatchObject({ code: 'gc-record-damaged' })
  })

  it.each([
    ['names something else than packs', { ...record, condemned: ['../refs/heads/main'] }],
    ['has a tip that is no id', { ...record, wholeTips: ['main' as Id] }],
    ['has a tip without a time', { ...record, seen: new Map([[idOf(1), 'soon' as unknown as number]]) }],
  ])('that %s is damaged, though its check holds', async (_, wrong) => {
    const store = new MemoryStore()
    await writeGcRecord(store, wrong, undefined)
    await expect(readGcRecord(store)).rejects.toMatchObject({ code: 'gc-record-damaged' })
  })
})
