import { describe, expect, it } from 'vitest'
import { MemoryStore, type ByteStore } from '#core'
import { openTestServer, push } from './host.fixture.ts'
import { OpenRepositories } from './open-repositories.ts'

/** Open repositories over one store for each name, and a clock that stands. */
function openAll() {
  const clock = { nowMs: 0 }
  const stores = new Map<string, ByteStore>()
  const storeOf = (name: string) => stores.get(name) ?? stores.set(name, new MemoryStore()).get(name)!
  return { clock, stores, storeOf, open: new OpenRepositories(storeOf, () => clock.nowMs) }
}

describe('open repositories', () => {
  it('are shared while they are used, and a while after', async () => {
    const { open } = openAll()
    const first = await open.open('film')
    const second = await open.open('film')
    expect(second.objects).toBe(first.objects)
    first.release()
    second.release()
    expect((await open.open('film')).objects).toBe(first.objects)
    expect((await open.open('game')).objects).not.toBe(first.objects)
  })

  it('are let go where many others were used since, unless somebody uses them', async () => {
    const { open } = openAll()
    const [used, unused] = [await open.open('used'), await open.open('unused')]
    unused.release()
    for (let i = 0; i < 20; i++) (await open.open(`other${i}`)).release()
    expect((await open.open('used')).objects).toBe(used.objects)
    expect((await open.open('unused')).objects).not.toBe(unused.objects)
  })

  it('know the packs that another process has added since, two seconds later at the latest', async () => {
    const writer = openTestServer({ autoCreate: 'admin' })
    const clock = { nowMs: 0 }
    const open = new OpenRepositories((name) => writer.repositories.contentOf(name), () => clock.nowMs)
    const before = await open.open('film')
    expect(before.objects.packs.names).toHaveLength(0)
    await push(await writer.host.open(writer.greet('film', await writer.tokenOf('ada', 'admin'))), ['refs/heads/main'])
    clock.nowMs = 2001
    expect((await open.open('film')).objects.packs.names).toHaveLength(1)
  })

  it('that could not be opened are tried anew', async () => {
    const { open, stores, storeOf } = openAll()
    const sound = storeOf('film')
    stores.set('film', Object.assign(Object.create(sound) as ByteStore, { list: () => { throw new Error('away') } }))
    await expect(open.open('film')).rejects.toThrow('away')
    stores.set('film', sound)
    expect((await open.open('film')).objects.packs.names).toEqual([])
  })
})
