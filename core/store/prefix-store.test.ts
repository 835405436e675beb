import { describe, expect, it } from 'vitest'
import { byteStoreContract, keys } from '../../test/contracts/byte-store.ts'
import { refsContract } from '../../test/contracts/refs.ts'
import { MemoryStore } from './memory-store.ts'
import { PrefixStore } from './prefix-store.ts'

async function open() {
  const below = new MemoryStore()
  const reopen = async () => new PrefixStore(below, 'repos/one')
  return { store: await reopen(), reopen, close: async () => {} }
}

byteStoreContract('PrefixStore', open)
refsContract('PrefixStore', open)

describe('PrefixStore', () => {
  it('keeps what has different prefixes apart, also where one prefix starts like another', async () => {
    const below = new MemoryStore()
    const names = ['a', 'a-b', 'a.b', 'ab', 'b/a']
    const stores = names.map((name) => new PrefixStore(below, name))
    for (const [i, store] of stores.entries()) await store.put('k', Buffer.from(names[i]!), { if: 'absent' })
    for (const [i, store] of stores.entries()) {
      expect(await keys(store, '')).toEqual(['k'])
      expect(Buffer.from((await store.get('k'))!.bytes).toString()).toBe(names[i])
    }
    expect(await keys(below, '')).toEqual(names.map((name) => `${name}/k`).sort())
    await stores[0]!.delete('k')
    expect(await keys(below, '')).toEqual(['a-b/k', 'a.b/k', 'ab/k', 'b/a/k'])
  })

  it('lists no unfinished values that a store of its own left in the same place', async () => {
    const below = new MemoryStore()
    for (const key of ['r/tmp/x', 'r/k', 'r/lock']) await below.put(key, Buffer.from('1'))
    expect(await keys(new PrefixStore(below, 'r'), '')).toEqual(['k'])
  })

  it.each(['', '/', 'a/', '/a', '..', 'a/../b', 'tmp', 'lock', 'a.lock'])(`refuses the prefix '%s'`, (prefix) => {
    expect(() => new PrefixStore(new MemoryStore(), prefix)).toThrow(expect.objectContaining({ code: 'bad-key' }))
  })
})
