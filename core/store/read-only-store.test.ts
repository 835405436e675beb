import { describe, expect, it } from 'vitest'
import { keys } from '../../test/contracts/byte-store.ts'
import { MemoryStore } from './memory-store.ts'
import { ReadOnlyStore } from './read-only-store.ts'

describe('ReadOnlyStore', () => {
  it('reads what the store below holds, and sees its changes', async () => {
    const below = new MemoryStore(() => 5)
    await below.put('a/b', Buffer.from('hello'))
    const store = new ReadOnlyStore(below)
    expect(await store.get('a/b')).toEqual(await below.get('a/b'))
    expect(await store.get('a/b', { offset: 1, length: 3 })).toEqual({ bytes: Buffer.from('ell'), version: '' })
    expect(await store.stat('a/b')).toEqual({ size: 5, modifiedMs: 5 })
    await below.put('a/c', Buffer.from('1'))
    expect(await keys(store, 'a/')).toEqual(['a/b', 'a/c'])
    expect(await store.get('none')).toBeUndefined()
  })

  it('changes nothing, under whichever condition', async () => {
    const below = new MemoryStore()
    await below.put('a', Buffer.from('1'))
    const { version } = (await below.get('a'))!
    const store = new ReadOnlyStore(below)
    for (const write of [() => store.put('a'), () => store.put('b'), () => store.delete('a')]) {
      await expect(write()).rejects.toMatchObject({ code: 'store-read-only' })
    }
    expect(await keys(below, '')).toEqual(['a'])
    expect((await below.get('a'))!.version).toBe(version)
  })
})
