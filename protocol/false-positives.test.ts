import { describe, expect, it } from 'vitest'
import { createRefs, hasCode, MemoryStore, PackedObjects, type Id } from '#core'
import type { Random } from '../fixtures/random.ts'
import { IdFilter } from './bloom.ts'
import { push } from './push.ts'
import type { RemoteSession } from './remote-session.ts'
import { MemoryServer, openSession } from './sync.fixture.ts'
import { copyWithout, forSeeds, randomHistory, reachOf, Synthetic } from './synthetic.fixture.ts'

/** Makes a session's answers about what is held lie towards 'held', so often. */
function lieAboutHeld(session: RemoteSession, random: Random, share: number): { lies: () => number } {
  let lies = 0
  const receiveHeld = session.receiveHeld.bind(session)
  session.receiveHeld = async (count) => {
    const bits = Uint8Array.from(await receiveHeld(count))
    for (let i = 0; i < count; i++) {
      if (bits[i >>> 3]! & (1 << (i & 7)) || random.next() >= share) continue
      bits[i >>> 3]! |= 1 << (i & 7)
      lies++
    }
    return bits
  }
  const filter = session.filter.bind(session)
  session.filter = async () => {
    const bits = Uint8Array.from((await filter()).bits)
    // Seven probes all hit with the probability that was asked for.
    const each = share ** (1 / 7)
    for (let i = 0; i < bits.length * 8; i++) if (random.next() < each) bits[i >>> 3]! |= 1 << (i & 7)
    return new IdFilter({ bits })
  }
  return { lies: () => lies }
}

/** What a server's ref reaches and is not there. */
async function holesBelow(server: MemoryServer, id: Id): Promise<Id[]> {
  const objects = await PackedObjects.open(server.store)
  const holes: Id[] = []
  for (const reached of (await reachOf(objects, [id])).keys()) if (!(await objects.packs.locate(reached))) holes.push(reached)
  return holes
}

describe('what seems to be held', () => {
  it('and is not never leaves a hole behind a ref, whatever the history, the edits and the lies', async () => {
    let [accepted, lied] = [0, 0]
    await forSeeds(14, async (random) => {
      const synthetic = await Synthetic.create()
      const commits = await randomHistory(random, synthetic, 10)
      const server = new MemoryServer()
      const share = random.pick([0.01, 0.05, 0.2, 0.5])
      for (const at of [random.below(4), 4 + random.below(3), 9]) {
        const session = await openSession(server.connect())
        const lies = lieAboutHeld(session, random, share)
        const remote = await session.refs()
        // A count that is too small chooses the filter, one that is too large the list.
        remote.objects = Math.max(remote.objects > 0 ? 1 : 0, Math.floor(remote.objects * random.pick([0.01, 1, 10])))
        const before = await server.ref('refs/heads/main')
        const { results } = await push(session, synthetic.objects, remote, [{ name: 'refs/heads/main', before, after: commits[at] }])
        expect(results).toEqual([{ name: 'refs/heads/main', code: '', message: '' }])
        expect(await server.ref('refs/heads/main')).toBe(commits[at])
        expect(await holesBelow(server, commits[at]!)).toEqual([])
        accepted++
        lied += lies.lies()
        await session.close()
      }
    })
    expect(accepted).toBeGreaterThan(0)
    expect(lied).toBeGreaterThan(50)
  })

  it('and is neither there nor here fails the push, and no ref moves', async () => {
    await forSeeds(10, async (random) => {
      const synthetic = await Synthetic.create()
      const commits = await randomHistory(random, synthetic, 6)
      const server = new MemoryServer()
      const tip = commits.at(-1)!
      const reached = [...(await synthetic.reach([tip])).entries()].filter(([, kind]) => kind !== 'commit')
      const { objects } = await copyWithout(synthetic.objects, new Set([random.pick(reached)[0]]))
      const session = await openSession(server.connect())
      const remote = await session.refs()
      lieAboutHeld(session, random, 0.5)
      const pushed = push(session, objects, { ...remote, objects: 1 }, [{ name: 'refs/heads/main', before: undefined, after: tip }])
      await expect(pushed).rejects.toSatisfy((error) => hasCode(error, 'object-missing'))
      expect(await server.ref('refs/heads/main')).toBeUndefined()
      await session.close()
    })
  })

  it('by a server that keeps nothing fails the push instead of repeating it for ever', async () => {
    const synthetic = await Synthetic.create()
    const commit = synthetic.commit(synthetic.tree(new Map([['a', [1, 2]]])))
    await synthetic.flush()
    const forgetful = new (class extends MemoryStore {
      override async put(key: string, ...rest: [never, never?]): Promise<boolean> {
        return key.startsWith('packs/') ? true : super.put(key, ...rest)
      }
    })()
    const server = new MemoryServer(forgetful)
    const session = await openSession(server.connect())
    const pushed = push(session, synthetic.objects, await session.refs(), [{ name: 'refs/heads/main', before: undefined, after: commit }])
    await expect(pushed).rejects.toSatisfy((error) => hasCode(error, 'push-incomplete'))
    expect(await createRefs(forgetful).read('refs/heads/main')).toBeUndefined()
    await session.close()
  })
})
