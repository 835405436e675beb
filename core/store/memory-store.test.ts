import { describe, expect, it } from 'vitest'
import { byteStoreContract } from '../../test/contracts/byte-store.ts'
import { MemoryStore } from './memory-store.ts'

byteStoreContract('MemoryStore', async () => ({ store: new MemoryStore(), close: async () => {} }))

describe('MemoryStore', () => {
  it('refuses a value where a folder is, and a folder where a value is, as a disk would', async () => {
    const store = new MemoryStore()
    await store.put('a/b', Buffer.from('1'))
    await expect(store.put('a', Buffer.from('2'))).rejects.toMatchObject({ code: 'key-conflict' })
    await expect(store.put('a/b/c', Buffer.from('2'))).rejects.toMatchObject({ code: 'key-conflict' })
  })

  it('tells the time of the last change by the clock it was given', async () => {
    let nowMs = 1000
    const store = new MemoryStore(() => nowMs)
    await store.put('k', Buffer.from('1'))
    nowMs = 2000
    expect((await store.stat('k'))?.modifiedMs).toBe(1000)
    await store.put('k', Buffer.from('2'))
    expect((await store.stat('k'))?.modifiedMs).toBe(2000)
  })
})
