import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blake3Text } from '../../core/hash.ts'
import type { Id } from '../../core/objects/id.ts'
import { refKey } from '../../core/refs/ref-name.ts'
import { createRefs, type Refs } from '../../core/refs/refs.ts'
import type { ByteStore } from '../../core/store/byte-store.ts'
import { keys } from './byte-store.ts'

export interface OpenedRefsStore {
  /** An empty store. */
  store: ByteStore
  /** The same store as another process has it. */
  reopen(): Promise<ByteStore>
  /** Where the store takes keys up to this length only, longer names are skipped. */
  keyBytesMax?: number
  close(): Promise<void>
}

/** The promises of Refs (core/refs/refs.ts), over every kind of store. */
export function refsContract(name: string, open: () => Promise<OpenedRefsStore>): void {
  describe(`refs over ${name}`, () => {
    let opened: OpenedRefsStore
    let store: ByteStore
    let refs: Refs
    beforeEach(async () => {
      opened = await open()
      store = opened.store
      refs = createRefs(store)
    })
    afterEach(() => opened.close())

    const main = 'refs/heads/main'
    const setRaw = (key: string, text: string): Promise<boolean> => store.put(key, Buffer.from(text))
    const create = async (...names: string[]): Promise<void> => {
      for (const each of names) await refs.move(each, undefined, idOf(each))
    }
    const names = async (prefix: string): Promise<string[]> => {
      const found = []
      for await (const ref of refs.list(prefix)) found.push(ref.name)
      return found
    }

    describe('moving', () => {
      it('creates, moves and deletes a ref', async () => {
        expect(await refs.read(main)).toBeUndefined()
        await refs.move(main, undefined, idOf(1))
        expect(await refs.read(main)).toBe(idOf(1))
        await refs.move(main, idOf(1), idOf(2))
        expect(await refs.read(main)).toBe(idOf(2))
        await refs.move(main, idOf(2), undefined)
        expect(await refs.read(main)).toBeUndefined()
        expect(await names('refs/')).toEqual([])
      })

      it('refuses to move what is not where it was expected, and changes nothing', async () => {
        const refused = { code: 'ref-moved', message: expect.stringContaining("'main'"), hint: expect.any(String) }
        await expect(refs.move(main, idOf(1), idOf(2))).rejects.toMatchObject(refused)
        await expect(refs.move(main, idOf(1), undefined)).rejects.toMatchObject(refused)
        await refs.move(main, undefined, idOf(1))
        await expect(refs.move(main, undefined, idOf(2))).rejects.toMatchObject(refused)
        await expect(refs.move(main, undefined, undefined)).rejects.toMatchObject(refused)
        await expect(refs.move(main, idOf(2), idOf(3))).rejects.toMatchObject(refused)
        await expect(refs.move(main, idOf(2), undefined)).rejects.toMatchObject(refused)
        expect(await refs.read(main)).toBe(idOf(1))
      })

      it('treats a deleted ref as one that never was', async () => {
        await refs.move(main, undefined, idOf(1))
        await refs.move(main, idOf(1), undefined)
        await expect(refs.move(main, idOf(1), idOf(2))).rejects.toMatchObject({ code: 'ref-moved' })
        await expect(refs.move(main, idOf(1), undefined)).rejects.toMatchObject({ code: 'ref-moved' })
        await refs.move(main, undefined, undefined)
        await refs.move(main, undefined, idOf(3))
        expect(await refs.read(main)).toBe(idOf(3))
      })

      it('accepts a move to where the ref is already', async () => {
        await refs.move(main, undefined, idOf(1))
        await refs.move(main, idOf(1), idOf(1))
        expect(await refs.read(main)).toBe(idOf(1))
      })

      it('shows a move to whoever opened the store before', async () => {
        const others = createRefs(await opened.reopen())
        expect(await others.read(main)).toBeUndefined()
        await refs.move(main, undefined, idOf(1))
        expect(await others.read(main)).toBe(idOf(1))
        await others.move(main, idOf(1), undefined)
        expect(await refs.read(main)).toBeUndefined()
      })
    })

    describe('races', () => {
      it('lets exactly one of two movers win, again and again', async () => {
        const others = createRefs(await opened.reopen())
        await refs.move(main, undefined, idOf('start'))
        let now = idOf('start')
        for (let round = 0; round < 10; round++) {
          const targets = [idOf(`a${round}`), idOf(`b${round}`)] as const
          const results = await Promise.allSettled([refs.move(main, now, targets[0]), others.move(main, now, targets[1])])
          expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
          const winner = results[0].status === 'fulfilled' ? 0 : 1
          expect(results[1 - winner]).toMatchObject({ reason: { code: 'ref-moved' } })
          expect(await refs.read(main)).toBe((now = targets[winner]))
        }
      })

      it('lets exactly one of many create a ref, also where one was deleted', async () => {
        for (const round of [1, 2]) {
          const results = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => refs.move(main, undefined, idOf(i))))
          expect(results.filter((result) => result.status === 'fulfilled').length, `round ${round}`).toBe(1)
          const now = await refs.read(main)
          expect(now).toBe(idOf(results.findIndex((result) => result.status === 'fulfilled')))
          await refs.move(main, now, undefined)
        }
      })

      it('either deletes or moves a ref, never both', async () => {
        for (let round = 0; round < 10; round++) {
          await refs.move(main, undefined, idOf(1))
          const [deleted, moved] = await Promise.allSettled([refs.move(main, idOf(1), undefined), refs.move(main, idOf(1), idOf(2))])
          expect([deleted.status, moved.status].sort()).toEqual(['fulfilled', 'rejected'])
          const now = await refs.read(main)
          expect(now).toBe(moved.status === 'fulfilled' ? idOf(2) : undefined)
          if (now) await refs.move(main, now, undefined)
        }
      })

      it('lets 20 who count through a ref lose no count', async () => {
        const counts = new Map(Array.from({ length: 21 }, (_, i) => [idOf(`count ${i}`), i] as const))
        await refs.move(main, undefined, idOf('count 0'))
        const others = createRefs(await opened.reopen())
        await Promise.all(Array.from({ length: 20 }, (_, i) => countOn(i % 2 ? refs : others)))
        expect(counts.get((await refs.read(main))!)).toBe(20)

        async function countOn(mine: Refs): Promise<void> {
          for (let tries = 0; tries < 1000; tries++) {
            const now = (await mine.read(main))!
            try {
              return await mine.move(main, now, idOf(`count ${counts.get(now)! + 1}`))
            } catch (error) {
              expect(error).toMatchObject({ code: 'ref-moved' })
            }
          }
          throw new Error('never got its turn')
        }
      })

      it('keeps at most one of two refs that are created at once, one in the folder of the other', async () => {
        for (let round = 0; round < 10; round++) {
          const pair = [`refs/heads/r${round}`, `refs/heads/r${round}/below`] as const
          const results = await Promise.allSettled(pair.map((each) => refs.move(each, undefined, idOf(each))))
          const kept = pair.filter((_, i) => results[i]!.status === 'fulfilled')
          expect(kept.length).toBeLessThanOrEqual(1)
          expect(await names(`refs/heads/r${round}`)).toEqual(kept)
        }
      })
    })

    describe('names', () => {
      const good = ['main', 'feature/one/two', 'v1.0.2', 'a-b_c', 'with+plus', 'ünïcödé', '項目/編集', '🎬', 'percent%41', '100%', "o'hara", 'a%/b', 'UPPER', 'a./b', '-dash', 'x@y', 'n'.repeat(1000), 'п'.repeat(500), `${'n'.repeat(200)}/${'n'.repeat(201)}`]
      for (const short of good) {
        it(`takes '${short.slice(0, 30)}'`, async (context) => {
          const keyBytes = refKey(`refs/heads/${short}`).length
          context.skip(keyBytes > (opened.keyBytesMax ?? Infinity), `its key has ${keyBytes} bytes, more than this store takes`)
          await refs.move(`refs/heads/${short}`, undefined, idOf(1))
          expect(await refs.read(`refs/heads/${short}`)).toBe(idOf(1))
          expect(await names('refs/heads/')).toEqual([`refs/heads/${short}`])
          expect(await names(`refs/heads/${short}`)).toEqual([`refs/heads/${short}`])
        })
      }

      for (const full of ['refs/heads/a\u009b2J', 'refs/tags/\u202eb', 'refs/remotes/o/a\u0085']) {
        it(`makes no ref that no terminal may see: ${JSON.stringify(full)}`, async () => {
          await expect(refs.move(full, undefined, idOf(1))).rejects.toMatchObject({ code: 'bad-ref-name', message: expect.stringContaining('?') })
          expect(await refs.read(full)).toBeUndefined()
        })
      }

      const bad = ['', 'main', 'HEAD', 'refs/heads', 'refs/heads/', 'refs//main', 'refs/heads//a', 'heads/main', 'Refs/heads/a', 'refs/heads/a..b', 'refs/heads/.a', 'refs/heads/a/.b', 'refs/./a', 'refs/../a', 'refs/heads/a.', 'refs/heads/a/', 'refs/heads/a.lock', 'refs/heads/a.lock/b', 'refs/heads/a b', 'refs/heads/a\tb', 'refs/heads/a~1', 'refs/heads/a^', 'refs/heads/a:b', 'refs/heads/a?', 'refs/heads/a*', 'refs/heads/a[b', 'refs/heads/a\\b', 'refs/heads/a@{1}', 'refs/heads/a\x7f', 'refs/heads/a\0', 'refs/heads/\ud800', `refs/heads/${'n'.repeat(1014)}`]
      for (const full of bad) {
        it(`refuses ${JSON.stringify(full.slice(0, 30))}`, async () => {
          const refused = { code: 'bad-ref-name', hint: expect.any(String) }
          await expect(refs.read(full)).rejects.toMatchObject(refused)
          await expect(refs.move(full, undefined, idOf(1))).rejects.toMatchObject(refused)
          await expect(refs.writeHead({ branch: full })).rejects.toMatchObject(refused)
        })
      }

      it('keeps names apart that differ in one byte or in how they could be escaped', async () => {
        const close = ['refs/heads/%C3%BC', 'refs/heads/A', 'refs/heads/a', 'refs/heads/a%2Fb', 'refs/heads/\u00fc', 'refs/heads/u\u0308']
        await create(...close)
        for (const each of close) expect(await refs.read(each)).toBe(idOf(each))
        expect((await names('refs/')).length).toBe(close.length)
      })
    })

    describe('listing', () => {
      it('goes by name, in byte order, whatever has to be escaped', async () => {
        const sorted = ['refs/heads/a', 'refs/heads/a!', 'refs/heads/a%', 'refs/heads/a+', 'refs/heads/a-b', 'refs/heads/b/c', 'refs/heads/b/c-d', 'refs/heads/b0', 'refs/heads/z', 'refs/heads/é', 'refs/heads/\uffee', 'refs/heads/🎬', 'refs/tags/a']
        await create(...[...sorted].reverse())
        expect(await names('refs/')).toEqual(sorted)
        expect(await names('')).toEqual(sorted)
      })

      it('gives the refs that start with a prefix, wherever it ends', async () => {
        const long = 'l'.repeat(450)
        const all = ['refs/heads/ab', 'refs/heads/abc', 'refs/heads/b/x', `refs/heads/${long}`, 'refs/heads/é', 'refs/tags/ab']
        await create(...all)
        const prefixes = ['refs/heads/', 'refs/heads/a', 'refs/heads/abc', 'refs/heads/b', 'refs/heads/b/', 'refs/heads/é', 'refs/t', 'refs/tags', 'refs', 'refs/x/', ...[1, 199, 200, 201, 400, 450].map((n) => `refs/heads/${long.slice(0, n)}`)]
        for (const prefix of prefixes) expect(await names(prefix), prefix.slice(0, 20)).toEqual(all.filter((each) => each.startsWith(prefix)))
      })

      it('tells the id of each', async () => {
        await create('refs/heads/a', 'refs/heads/b')
        const found = []
        for await (const ref of refs.list('refs/heads/')) found.push(ref)
        expect(found).toEqual(['refs/heads/a', 'refs/heads/b'].map((each) => ({ name: each, id: idOf(each) })))
      })

      it('leaves out deleted refs, among many', async () => {
        const many = Array.from({ length: 40 }, (_, i) => `refs/heads/${100 + i}`)
        await create(...many)
        for (const each of many.filter((_, i) => i % 3 === 0)) await refs.move(each, idOf(each), undefined)
        expect(await names('refs/')).toEqual(many.filter((_, i) => i % 3 !== 0))
      })

      it('passes over keys that no ref has', async () => {
        await create(main)
        for (const key of ['refs/heads/.DS_Store', 'refs/heads/a%2fb', 'refs/heads/%41', 'refs/heads/%FF', 'refs/stray']) await setRaw(key, 'stray')
        expect(await names('refs/')).toEqual([main])
      })

      for (const prefix of ['heads/', 'refs//', 'refs/../', '/']) {
        it(`refuses the prefix '${prefix}'`, async () => {
          await expect(names(prefix)).rejects.toMatchObject({ code: 'bad-ref-name' })
        })
      }
    })

    describe('names in the folder of another', () => {
      it('cannot be created beside it, either way', async () => {
        await create('refs/heads/a/b')
        for (const each of ['refs/heads/a', 'refs/heads/a/b/c', 'refs/heads/a/b/c/d']) {
          await expect(refs.move(each, undefined, idOf(1))).rejects.toMatchObject({ code: 'ref-conflict', message: expect.stringContaining("'a/b'") })
        }
        expect(await keys(store, ''), 'what was put').toEqual(['refs/heads/a%/b'])
        await create('refs/heads/a/c', 'refs/heads/ab', 'refs/tags/a')
      })

      it('can be created once the other is deleted, to and fro', async () => {
        for (const [first, second] of [['refs/heads/a', 'refs/heads/a/b'], ['refs/heads/a/b', 'refs/heads/a'], ['refs/heads/a', 'refs/heads/a/b/c']] as const) {
          await create(first)
          await refs.move(first, idOf(first), undefined)
          await create(second)
          expect(await names('refs/')).toEqual([second])
          await refs.move(second, idOf(second), undefined)
        }
      })
    })

    describe('damage', () => {
      const texts = ['', '\n', 'garbage', idOf(1), idOf(1).slice(1) + '\n', `${idOf(1)}\n\n`, `${idOf(1)}\r\n`, idOf(1).toUpperCase() + '\n', 'deleted', `${idOf(1).slice(0, 30)}`, '\0'.repeat(65)]
      for (const text of texts) {
        it(`is found in ${JSON.stringify(text.slice(0, 12))} of ${text.length} bytes`, async () => {
          await setRaw(main, text)
          const found = { code: 'ref-damaged', message: expect.stringContaining(main), hint: expect.any(String) }
          await expect(refs.read(main)).rejects.toMatchObject(found)
          await expect(names('refs/')).rejects.toMatchObject(found)
          await expect(refs.move(main, undefined, idOf(1))).rejects.toMatchObject(found)
        })
      }

      for (const text of ['', 'garbage', 'ref: refs/heads/main', 'ref: refs/heads/a b\n', 'ref: main\n', 'ref: refs/tags/v1\n', idOf(1), 'ref: refs/heads/\xff\n']) {
        it(`is found in a HEAD of ${JSON.stringify(text.slice(0, 24))}`, async () => {
          await store.put('HEAD', Buffer.from(text, 'latin1'))
          await expect(refs.readHead()).rejects.toMatchObject({ code: 'ref-damaged', message: expect.stringContaining('HEAD'), hint: expect.any(String) })
        })
      }

      it('is what a missing HEAD counts as', async () => {
        await expect(refs.readHead()).rejects.toMatchObject({ code: 'ref-damaged' })
      })
    })

    describe('HEAD', () => {
      it('stands on a branch, which need not exist, or on a commit', async () => {
        for (const head of [{ branch: main }, { branch: 'refs/heads/ünï/x' }, { id: idOf(1) }]) {
          await refs.writeHead(head)
          expect(await refs.readHead()).toEqual(head)
        }
        expect(await refs.read(main)).toBeUndefined()
      })

      it('stands on no tag', async () => {
        await expect(refs.writeHead({ branch: 'refs/tags/v1' })).rejects.toMatchObject({ code: 'bad-ref-name' })
      })
    })

    it('is written as FORMAT.md says', async () => {
      await create(main, 'refs/heads/a/é', `refs/heads/${'n'.repeat(201)}`)
      await refs.writeHead({ branch: main })
      expect(await raw('refs/heads/main')).toBe(`${idOf(main)}\n`)
      expect(await raw('refs/heads/a%/%C3%A9')).toBe(`${idOf('refs/heads/a/é')}\n`)
      expect(await raw(`refs/heads/${'n'.repeat(200)}%%/n`)).toBe(`${idOf(`refs/heads/${'n'.repeat(201)}`)}\n`)
      expect(await raw('HEAD')).toBe('ref: refs/heads/main\n')
      await refs.writeHead({ id: idOf(7) })
      expect(await raw('HEAD')).toBe(`${idOf(7)}\n`)
      await refs.move(main, idOf(main), undefined)
      expect(await raw('refs/heads/main')).toBe('deleted\n')
    })

    async function raw(key: string): Promise<string | undefined> {
      const stored = await store.get(key)
      return stored && Buffer.from(stored.bytes).toString()
    }
  })
}

/** Some id for whatever is given. */
export function idOf(what: string | number): Id {
  return blake3Text(Buffer.from(String(what))) as Id
}
