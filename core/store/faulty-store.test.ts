import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { byteStoreContract, keys } from '../../test/contracts/byte-store.ts'
import { DiskStore } from './disk-store.ts'
import { CrashError, FaultyStore } from './faulty-store.ts'
import { MemoryStore } from './memory-store.ts'

byteStoreContract('FaultyStore without a fault', async () => ({ store: new FaultyStore(new MemoryStore()), close: async () => {} }))

const one = Buffer.from('1')

describe('FaultyStore', () => {
  it('fails once, changes nothing then, and works again', async () => {
    const store = new FaultyStore(new MemoryStore(), { kind: 'fail', at: 2, errno: 'ENOSPC' })
    await store.put('a', one)
    await expect(store.put('b', one)).rejects.toMatchObject({ code: 'store-io', hint: expect.stringContaining('free some space') })
    expect(await keys(store, '')).toEqual(['a'])
    expect(await store.put('b', one)).toBe(true)
    expect(store.writes).toBe(3)
  })

  it('fails for ever, but still reads', async () => {
    const store = new FaultyStore(new MemoryStore(), { kind: 'fail', at: 2, errno: 'EIO', forever: true })
    await store.put('a', one)
    await expect(store.put('b', one)).rejects.toMatchObject({ code: 'store-io' })
    await expect(store.delete('a')).rejects.toMatchObject({ code: 'store-io' })
    expect(await keys(store, '')).toEqual(['a'])
  })

  it('tells a streamed body that no more of it is wanted', async () => {
    let ended = false
    async function* body(): AsyncIterable<Uint8Array> {
      try {
        for (;;) yield one
      } finally {
        ended = true
      }
    }
    const store = new FaultyStore(new MemoryStore(), { kind: 'fail', at: 1, errno: 'ENOSPC' })
    await expect(store.put('a', body())).rejects.toMatchObject({ code: 'store-io' })
    expect(ended).toBe(true)
  })

  for (const left of ['nothing', 'everything'] as const) {
    it(`crashes in put and leaves ${left}; afterwards nothing answers`, async () => {
      const below = new MemoryStore()
      const store = new FaultyStore(below, { kind: 'crash', at: 1, left })
      await expect(store.put('a', one)).rejects.toBeInstanceOf(CrashError)
      expect(await keys(below, '')).toEqual(left === 'nothing' ? [] : ['a'])
      await expect(store.get('a')).rejects.toBeInstanceOf(CrashError)
      await expect(store.stat('a')).rejects.toBeInstanceOf(CrashError)
      await expect(keys(store, '')).rejects.toBeInstanceOf(CrashError)
      await expect(store.put('b', one)).rejects.toBeInstanceOf(CrashError)
      await expect(store.delete('a')).rejects.toBeInstanceOf(CrashError)
    })

    it(`crashes in delete and leaves ${left}`, async () => {
      const below = new MemoryStore()
      await below.put('a', one)
      await expect(new FaultyStore(below, { kind: 'crash', at: 1, left }).delete('a')).rejects.toBeInstanceOf(CrashError)
      expect(await keys(below, '')).toEqual(left === 'nothing' ? ['a'] : [])
    })
  }

  it('leaves a part of the body where the test wants it, and the store below is none the worse', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dits-store-'))
    const below = await DiskStore.open(folder)
    await below.put('a', one)
    const leaveRubbish = (part: Uint8Array): Promise<void> => writeFile(join(folder, 'tmp', 'rubbish'), part)
    const store = new FaultyStore(below, { kind: 'crash', at: 1, left: 'rubbish', leaveRubbish })
    await expect(store.put('b', Buffer.from('12345678'))).rejects.toBeInstanceOf(CrashError)
    expect(await readdir(join(folder, 'tmp'))).toEqual(['rubbish'])
    expect(await keys(below, '')).toEqual(['a'])
    await below.close()
    await rm(folder, { recursive: true })
  })
})
