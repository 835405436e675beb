import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { idOf, refsContract } from '../../test/contracts/refs.ts'
import { DiskStore } from '../store/disk-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { createRefs } from './refs.ts'

refsContract('memory', async () => {
  const store = new MemoryStore()
  return { store, reopen: async () => store, close: async () => {} }
})

refsContract('disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dits-refs-'))
  const stores = [await DiskStore.open(folder), await DiskStore.open(folder)] as const
  return {
    store: stores[0],
    reopen: async () => stores[1],
    close: async () => {
      for (const store of stores) await store.close()
      await rm(folder, { recursive: true })
    },
  }
})

describe('a ref that is taken back because of a conflict', () => {
  it('is left where another process has moved it meanwhile', async () => {
    const [name, below] = ['refs/heads/a', 'refs/heads/a/b']
    const inner = new MemoryStore()
    const others = createRefs(inner)
    const refs = createRefs({
      get: (key, range) => inner.get(key, range),
      stat: (key) => inner.stat(key),
      list: (prefix) => inner.list(prefix),
      delete: (key) => inner.delete(key),
      put: async (key, body, condition) => {
        const stored = await inner.put(key, body, condition)
        if (stored && key === name && (await others.read(name)) === idOf(1)) {
          await inner.put('refs/heads/a%/b', Buffer.from(`${idOf(2)}\n`))
          await others.move(name, idOf(1), idOf(3))
        }
        return stored
      },
    })
    await expect(refs.move(name, undefined, idOf(1))).rejects.toMatchObject({ code: 'ref-conflict' })
    expect([await others.read(name), await others.read(below)]).toEqual([idOf(3), idOf(2)])
  })
})

describe('refs on disk', () => {
  it('lose no count of several processes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dits-refs-'))
    const store = await DiskStore.open(folder)
    const refs = createRefs(store)
    await refs.move('refs/heads/count', undefined, countId(0))
    const href = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
    const code = `
      const { DiskStore } = await import(${href('../store/disk-store.ts')})
      const { createRefs } = await import(${href('./refs.ts')})
      const refs = createRefs(await DiskStore.open(${JSON.stringify(folder)}))
      for (let done = 0; done < 10; ) {
        const now = await refs.read('refs/heads/count')
        const next = (parseInt(now, 16) + 1).toString(16).padStart(64, '0')
        try { await refs.move('refs/heads/count', now, next); done++ }
        catch (error) { if (error.code !== 'ref-moved') throw error }
      }`
    const run = (): Promise<number | null> =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' })
        child.once('error', reject)
        child.once('exit', resolve)
      })
    expect(await Promise.all(Array.from({ length: 5 }, run))).toEqual([0, 0, 0, 0, 0])
    expect(await refs.read('refs/heads/count')).toBe(countId(50))
    await store.close()
    await rm(folder, { recursive: true })
  })
})

/** An id that stands for a number. */
function countId(count: number): ReturnType<typeof idOf> {
  return count.toString(16).padStart(64, '0') as ReturnType<typeof idOf>
}
