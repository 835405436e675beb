import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blake3Text } from '../../core/hash.ts'
import type { ByteStore } from '../../core/store/byte-store.ts'

export interface OpenedStore {
  /** An empty store. */
  store: ByteStore
  /** The same values through a new object, as another process sees them. Absent where nothing outlives the object. */
  reopen?(): Promise<ByteStore>
  /** Ends the store and removes what it kept. */
  close(): Promise<void>
}

/** The promises of ByteStore (core/store/byte-store.ts), for every implementation and wrapper. */
export function byteStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} keeps the promises of ByteStore`, () => {
    let opened: OpenedStore
    let store: ByteStore
    beforeEach(async () => {
      opened = await open()
      store = opened.store
    })
    afterEach(() => opened.close())

    describe('put and get', () => {
      it('gives back what was put, whole', async () => {
        expect(await store.put('a/b', bytes('hello'))).toBe(true)
        expect(await text(store, 'a/b')).toBe('hello')
      })

      it('keeps an empty value apart from no value', async () => {
        await store.put('empty', bytes(''))
        expect((await store.get('empty'))?.bytes.length).toBe(0)
        expect(await store.get('none')).toBeUndefined()
      })

      it('replaces a value by a longer and by a shorter one', async () => {
        for (const value of ['middle', 'much longer than that', 's']) {
          await store.put('k', bytes(value))
          expect(await text(store, 'k')).toBe(value)
          expect((await store.stat('k'))?.size).toBe(value.length)
        }
      })

      it('takes every byte value and every size around the usual buffer sizes', async () => {
        for (const size of [1, 255, 4095, 4096, 65_537, 262_143, 262_144, 262_145]) {
          await store.put('k', pattern(size))
          expect(blake3Text((await store.get('k'))!.bytes), `${size} bytes`).toBe(blake3Text(pattern(size)))
        }
      })

      it('keeps nothing of the caller: neither bytes that were put nor bytes that were handed out', async () => {
        const given = Buffer.from('hello')
        await store.put('k', given)
        given.fill(0)
        const got = (await store.get('k'))!.bytes
        got.fill(0)
        expect(await text(store, 'k')).toBe('hello')
      })

      it('changes the version with the value, and only with it', async () => {
        await store.put('k', bytes('one'))
        const first = await versionOf(store, 'k')
        expect(await versionOf(store, 'k')).toBe(first)
        await store.put('k', bytes('two'))
        expect(await versionOf(store, 'k')).not.toBe(first)
      })
    })

    describe('streamed bodies', () => {
      it('stores the pieces one after another, whatever their sizes', async () => {
        const sizes = [0, 1, 70_000, 300_000, 200_000, 62_145, 62_144, 5, 262_144, 0, 1_100_000, 17]
        const whole = pattern(sizes.reduce((sum, size) => sum + size, 0))
        await store.put('k', pieces(whole, sizes))
        expect(blake3Text((await store.get('k'))!.bytes)).toBe(blake3Text(whole))
      })

      it('stores a body without pieces as an empty value', async () => {
        await store.put('k', pieces(bytes(''), []))
        expect((await store.stat('k'))?.size).toBe(0)
      })

      it('lets the caller use the same memory for every piece', async () => {
        async function* reused(): AsyncIterable<Uint8Array> {
          const memory = Buffer.alloc(100_000)
          for (let i = 0; i < 8; i++) yield memory.fill(i)
          memory.fill(255)
        }
        await store.put('k', reused())
        const got = (await store.get('k'))!.bytes
        expect(got.length).toBe(800_000)
        for (let i = 0; i < 8; i++) expect([got[i * 100_000], got[i * 100_000 + 99_999]]).toEqual([i, i])
      })

      it('stores nothing where the body throws midway, and throws what it threw', async () => {
        await store.put('kept', bytes('before'))
        const reason = new Error('the source broke')
        await expect(store.put('new', breaking(reason))).rejects.toBe(reason)
        await expect(store.put('kept', breaking(reason))).rejects.toBe(reason)
        expect(await keys(store, '')).toEqual(['kept'])
        expect(await text(store, 'kept')).toBe('before')
      })

      it('shows nothing of a value before the body has ended', async () => {
        const seen: unknown[] = []
        async function* watched(): AsyncIterable<Uint8Array> {
          for (let i = 0; i < 3; i++) {
            yield pattern(400_000)
            seen.push(await store.get('k'), await keys(store, ''))
          }
        }
        await store.put('k', watched())
        expect(seen).toEqual([undefined, [], undefined, [], undefined, []])
        expect((await store.stat('k'))?.size).toBe(1_200_000)
      })

      it('never shows a mixture while a value is replaced again and again', async () => {
        await store.put('k', Buffer.alloc(300_000, 1))
        const replacing = (async () => {
          for (let i = 2; i < 12; i++) await store.put('k', Buffer.alloc(300_000 + i, i))
        })()
        for (let i = 0; i < 30; i++) {
          const got = (await store.get('k'))!.bytes
          expect(got.every((byte) => byte === got[0])).toBe(true)
          expect([300_000, 300_000 + got[0]!]).toContain(got.length)
        }
        await replacing
      })
    })

    describe('ranges', () => {
      const cases = [
        { offset: 0, length: 4, expected: '0123' },
        { offset: 3, length: 4, expected: '3456' },
        { offset: 6, length: 4, expected: '6789' },
        { offset: 6, length: 400, expected: '6789' },
        { offset: 9, length: 1, expected: '9' },
        { offset: 10, length: 1, expected: '' },
        { offset: 5_000_000_000, length: 10, expected: '' },
        { offset: 2, length: 0, expected: '' },
        { offset: 0, length: Number.MAX_SAFE_INTEGER, expected: '0123456789' },
      ]
      for (const { offset, length, expected } of cases) {
        it(`gives '${expected}' for ${length} bytes from ${offset} of ten`, async () => {
          await store.put('k', bytes('0123456789'))
          const got = await store.get('k', { offset, length })
          expect({ text: Buffer.from(got!.bytes).toString(), version: got!.version }).toEqual({ text: expected, version: '' })
        })
      }

      it('gives nothing of a value that is not there', async () => {
        expect(await store.get('k', { offset: 0, length: 1 })).toBeUndefined()
      })

      it('gives the new bytes after a value was replaced, and none after it was deleted', async () => {
        await store.put('k', bytes('old value'))
        const range = { offset: 0, length: 3 }
        expect(Buffer.from((await store.get('k', range))!.bytes).toString()).toBe('old')
        await store.put('k', bytes('new value'))
        expect(Buffer.from((await store.get('k', range))!.bytes).toString()).toBe('new')
        await store.delete('k')
        expect(await store.get('k', range)).toBeUndefined()
      })

      it('serves many reads of many values at once', async () => {
        const names = Array.from({ length: 100 }, (_, i) => `many/${i}`)
        await Promise.all(names.map((key) => store.put(key, bytes(`value of ${key}`))))
        const reads = Array.from({ length: 400 }, (_, i) => names[(i * 37) % names.length]!)
        const got = await Promise.all(reads.map((key) => store.get(key, { offset: 9, length: 50 })))
        expect(got.map((stored) => Buffer.from(stored!.bytes).toString())).toEqual(reads)
      })

      it('are the same where memory is brought for them, be it used or too small', async () => {
        await store.put('k', bytes('abcdefgh'))
        for (const space of [0, 3, 4, 100]) {
          const into = Buffer.alloc(space, 1)
          expect(Buffer.from((await store.get('k', { offset: 2, length: 4, into }))!.bytes).toString(), `${space} bytes`).toBe('cdef')
          expect(Buffer.from((await store.get('k', { offset: 6, length: 4, into }))!.bytes).toString(), `${space} bytes`).toBe('gh')
        }
      })

      it('refuses a range that is none', async () => {
        await store.put('k', bytes('0123456789'))
        for (const range of [{ offset: -1, length: 1 }, { offset: 0, length: -1 }, { offset: 0.5, length: 1 }]) {
          await expect(store.get('k', range)).rejects.toBeInstanceOf(RangeError)
        }
      })
    })

    describe('conditions', () => {
      it('stores if absent only where nothing is', async () => {
        expect(await store.put('k', bytes('first'), { if: 'absent' })).toBe(true)
        expect(await store.put('k', bytes('second'), { if: 'absent' })).toBe(false)
        expect(await text(store, 'k')).toBe('first')
        await store.delete('k')
        expect(await store.put('k', bytes('third'), { if: 'absent' })).toBe(true)
      })

      it('takes an empty value for a value', async () => {
        await store.put('k', bytes(''))
        expect(await store.put('k', bytes('more'), { if: 'absent' })).toBe(false)
      })

      it('stores if the version is the expected one', async () => {
        await store.put('k', bytes('one'))
        const version = await versionOf(store, 'k')
        expect(await store.put('k', bytes('two'), { if: { version } })).toBe(true)
        expect(await store.put('k', bytes('three'), { if: { version } })).toBe(false)
        expect(await text(store, 'k')).toBe('two')
      })

      it('does not store under a version where nothing is', async () => {
        await store.put('k', bytes('one'))
        const version = await versionOf(store, 'k')
        await store.delete('k')
        expect(await store.put('k', bytes('two'), { if: { version } })).toBe(false)
        expect(await keys(store, '')).toEqual([])
      })

      it('lets exactly one of 50 racers create a value', async () => {
        const racers = Array.from({ length: 50 }, (_, i) => store.put('race', bytes(`racer ${i}`), { if: 'absent' }))
        const won = await Promise.all(racers)
        expect(won.filter(Boolean).length).toBe(1)
        expect(await text(store, 'race')).toBe(`racer ${won.indexOf(true)}`)
      })

      it('lets exactly one of 50 racers replace a version', async () => {
        await store.put('race', bytes('start'))
        const version = await versionOf(store, 'race')
        const racers = Array.from({ length: 50 }, (_, i) => store.put('race', bytes(`racer ${i}`), { if: { version } }))
        const won = await Promise.all(racers)
        expect(won.filter(Boolean).length).toBe(1)
        expect(await text(store, 'race')).toBe(`racer ${won.indexOf(true)}`)
      })

      it('loses no update of 12 racers who read, add one, and write', async () => {
        await store.put('count', bytes('0'))
        await Promise.all(Array.from({ length: 12 }, () => increment(store, 'count')))
        expect(await text(store, 'count')).toBe('12')
      })

      it('holds conditions with streamed bodies as well', async () => {
        await store.put('k', bytes('one'))
        expect(await store.put('k', pieces(pattern(9), [4, 5]), { if: 'absent' })).toBe(false)
        expect(await store.put('new', pieces(pattern(9), [4, 5]), { if: 'absent' })).toBe(true)
        expect(await keys(store, '')).toEqual(['k', 'new'])
      })
    })

    describe('stat and delete', () => {
      it('tells the size, and nothing of what is not there', async () => {
        await store.put('a/b', bytes('hello'))
        expect((await store.stat('a/b'))?.size).toBe(5)
        expect(await store.stat('a')).toBeUndefined()
        expect(await store.stat('a/b/c')).toBeUndefined()
        expect(await store.stat('b')).toBeUndefined()
      })

      it('takes a folder for no value', async () => {
        await store.put('a/b', bytes('hello'))
        expect(await store.get('a')).toBeUndefined()
        expect(await store.get('a', { offset: 0, length: 1 })).toBeUndefined()
        expect(await store.get('a/b/c')).toBeUndefined()
        await store.delete('a')
        expect(await text(store, 'a/b')).toBe('hello')
      })

      it('deletes a value, and does nothing where there is none', async () => {
        await store.put('a/b', bytes('1'))
        await store.put('a/c', bytes('2'))
        await store.delete('a/b')
        await store.delete('a/b')
        await store.delete('never/was')
        expect(await keys(store, '')).toEqual(['a/c'])
      })

      it('lets a key be used that was a folder before, once the folder is empty', async () => {
        await store.put('a/b/c', bytes('1'))
        await store.delete('a/b/c')
        expect(await store.put('a', bytes('2'))).toBe(true)
        await store.delete('a')
        expect(await store.put('a/b', bytes('3'), { if: 'absent' })).toBe(true)
        await store.delete('a/b')
        expect(await store.put('a', bytes('4'), { if: 'absent' })).toBe(true)
        expect(await text(store, 'a')).toBe('4')
      })
    })

    describe('list', () => {
      const all = ['a', 'a-b', 'a.b/c', 'ab/c', 'ab/d/e', 'ab/d/f', 'ab0', 'b/%41', 'b/A', 'b/a', 'b/z', 'refs/heads/x']
      beforeEach(async () => {
        for (const key of [...all].reverse()) await store.put(key, bytes(key))
      })

      it('gives all keys in byte order', async () => {
        expect(await keys(store, '')).toEqual(all)
      })

      for (const prefix of ['a', 'a-', 'a.', 'ab', 'ab/', 'ab/d', 'ab/d/', 'ab/d/e', 'ab/d/e/', 'b/%', 'c', 'refs/heads/', 'refs/he', 'refs/heads/x', 'zz/y']) {
        it(`gives the keys that start with '${prefix}'`, async () => {
          expect(await keys(store, prefix)).toEqual(all.filter((key) => key.startsWith(prefix)))
        })
      }

      it('can be left before its end', async () => {
        for await (const key of store.list('a')) {
          expect(key).toBe('a')
          break
        }
      })

      it('goes on where keys come and go meanwhile, and gives those that stay', async () => {
        const seen = []
        for await (const key of store.list('')) {
          seen.push(key)
          if (key === 'a') await store.delete('ab/d/e')
        }
        expect(seen.filter((key) => key !== 'ab/d/e')).toEqual(all.filter((key) => key !== 'ab/d/e'))
      })
    })

    describe('keys', () => {
      const bad = ['', '/', '/a', 'a/', 'a//b', '.', '..', 'a/..', 'a/../b', './a', 'a\\b', 'a b', 'ä', 'a\0', 'a\n', 'a:b', 'tmp/a', 'tmp', 'lock', 'lock/a', 'refs/x.lock', 'n'.repeat(256)]
      for (const key of bad) {
        it(`refuses ${JSON.stringify(key.slice(0, 20))}`, async () => {
          await expect(store.get(key)).rejects.toMatchObject({ code: 'bad-key' })
          await expect(store.get(key, { offset: 0, length: 1 })).rejects.toMatchObject({ code: 'bad-key' })
          await expect(store.stat(key)).rejects.toMatchObject({ code: 'bad-key' })
          await expect(store.put(key, bytes('x'))).rejects.toMatchObject({ code: 'bad-key' })
          await expect(store.put(key, bytes('x'), { if: 'absent' })).rejects.toMatchObject({ code: 'bad-key' })
          await expect(store.delete(key)).rejects.toMatchObject({ code: 'bad-key' })
        })
      }

      it('takes every allowed character, dots inside, and names of 255 bytes', async () => {
        const good = ['-', '..a', 'ABCXYZ.abcxyz_0189-%2F', '_', 'a/tmp/lock/b', 'a..b', 'a.lock/x', 'lock2', 'n'.repeat(255), 'tmpx/y', '...']
        for (const key of good) await store.put(key, bytes(key))
        expect(await keys(store, '')).toEqual([...good].sort())
        for (const key of good) expect(await text(store, key)).toBe(key)
      })

      for (const prefix of ['/', '../', 'a/../', 'a//', './x', 'a b', 'ä']) {
        it(`refuses to list '${prefix}'`, async () => {
          await expect(keys(store, prefix)).rejects.toMatchObject({ code: 'bad-key' })
        })
      }

      it('lists nothing under what is kept for stores', async () => {
        await store.put('a', bytes('1'))
        await store.put('a', bytes('2'))
        expect(await keys(store, 'tmp/')).toEqual([])
        expect(await keys(store, 'lock')).toEqual([])
      })
    })

    it('shows every change to whoever opens the store anew', async (context) => {
      if (!opened.reopen) return context.skip('nothing outlives this store')
      await store.put('kept', bytes('1'))
      await store.put('changed', bytes('2'))
      await store.put('gone', bytes('3'))
      const other = await opened.reopen()
      expect(await keys(other, '')).toEqual(['changed', 'gone', 'kept'])
      const range = { offset: 0, length: 10 }
      expect(Buffer.from((await other.get('changed', range))!.bytes).toString()).toBe('2')
      await store.put('changed', bytes('4'))
      await store.delete('gone')
      expect(Buffer.from((await other.get('changed', range))!.bytes).toString()).toBe('4')
      expect(await other.get('gone')).toBeUndefined()
      expect(await text(other, 'kept')).toBe('1')
      expect(await versionOf(other, 'kept')).toBe(await versionOf(store, 'kept'))
    })

    it('holds conditions between two who opened the same store', async (context) => {
      if (!opened.reopen) return context.skip('nothing outlives this store')
      const other = await opened.reopen()
      await store.put('count', bytes('0'))
      await Promise.all(Array.from({ length: 10 }, (_, i) => increment(i % 2 ? store : other, 'count')))
      expect(await text(store, 'count')).toBe('10')
    })
  })
}

/** Adds one to a decimal number by reading it and replacing the version that was read, until that succeeds. */
export async function increment(store: ByteStore, key: string): Promise<void> {
  // Bounded, so that a store whose versions never match fails instead of filling the memory.
  for (let tries = 0; tries < 1000; tries++) {
    const { bytes: value, version } = (await store.get(key))!
    const next = bytes(String(Number(Buffer.from(value).toString()) + 1))
    if (await store.put(key, next, { if: { version } })) return
  }
  throw new Error(`'${key}' could not be replaced in 1000 tries`)
}

/** All keys that start with `prefix`. */
export async function keys(store: ByteStore, prefix: string): Promise<string[]> {
  const found = []
  for await (const key of store.list(prefix)) found.push(key)
  return found
}

function bytes(value: string): Uint8Array {
  return Buffer.from(value)
}

async function text(store: ByteStore, key: string): Promise<string | undefined> {
  const stored = await store.get(key)
  return stored && Buffer.from(stored.bytes).toString()
}

async function versionOf(store: ByteStore, key: string): Promise<string> {
  return (await store.get(key))!.version
}

function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255)
}

async function* pieces(whole: Uint8Array, sizes: number[]): AsyncIterable<Uint8Array> {
  let offset = 0
  for (const size of sizes) yield whole.subarray(offset, (offset += size))
}

async function* breaking(reason: Error): AsyncIterable<Uint8Array> {
  yield pattern(300_000)
  yield pattern(10)
  throw reason
}
