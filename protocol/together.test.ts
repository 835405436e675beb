import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { MemoryStore, PackedObjects, type Id } from '#core'
import { fetchCommits } from './fetch.ts'
import { push, type PushReport } from './push.ts'
import { MemoryServer, openSession } from './sync.fixture.ts'
import { forSeeds, randomHistory, reachOf, Synthetic } from './synthetic.fixture.ts'

async function pushTo(server: MemoryServer, source: Synthetic, before: Id | undefined, after: Id): Promise<PushReport> {
  const session = await openSession(server.connect())
  try {
    return await push(session, source.objects, await session.refs(), [{ name: 'refs/heads/main', before, after }])
  } finally {
    await session.close()
  }
}

/** Fetches what the server's branch is at, and answers it, and how much of it is there in the end. */
async function fetchFrom(server: MemoryServer): Promise<{ id: Id; isWhole: boolean }> {
  const session = await openSession(server.connect())
  const id = (await session.refs()).refs.get('refs/heads/main')!
  const store = new MemoryStore()
  const objects = await PackedObjects.open(store)
  let sessions = 0
  await fetchCommits(session, { store, objects, newSessionName: () => `s${sessions++}` }, { commits: [id] }, { haves: [] })
  await session.close()
  let isWhole = true
  for (const found of (await reachOf(objects, [id])).keys()) isWhole &&= (await objects.packs.locate(found)) !== undefined
  return { id, isWhole }
}

describe('at the same time', () => {
  it('two pushes to one branch: one wins, the other is told that the ref has moved', async () => {
    await forSeeds(8, async (random) => {
      const synthetic = await Synthetic.create()
      const [base, one, two] = [synthetic.tree(new Map([['a', [1]]])), synthetic.tree(new Map([['a', [2]]])), synthetic.tree(new Map([['a', [3, random.below(9)]]]))]
      const root = synthetic.commit(base)
      const tips = [synthetic.commit(one, [root]), synthetic.commit(two, [root])]
      await synthetic.flush()
      const server = new MemoryServer()
      await pushTo(server, synthetic, undefined, root)
      const reports = await Promise.all(tips.map((tip) => pushTo(server, synthetic, root, tip)))
      const codes = reports.map(({ results }) => results[0]!.code)
      expect([...codes].sort()).toEqual(['', 'ref-moved'])
      expect(await server.ref('refs/heads/main')).toBe(tips[codes.indexOf('')])
    })
  })

  it('pushes and fetches: whoever fetches gets a version, and all of it', async () => {
    await forSeeds(3, async (random) => {
      const synthetic = await Synthetic.create()
      const commits = await randomHistory(random, synthetic, 12)
      const server = new MemoryServer()
      await pushTo(server, synthetic, undefined, commits[0]!)
      const pushing = (async () => {
        for (let i = 1; i < commits.length; i++) await pushTo(server, synthetic, commits[i - 1], commits[i]!)
      })()
      const seen: Id[] = []
      for (let round = 0; round < 6; round++) {
        for (const { id, isWhole } of await Promise.all([1, 2, 3, 4].map(() => fetchFrom(server)))) {
          expect(isWhole).toBe(true)
          expect(commits).toContain(id)
          seen.push(id)
        }
      }
      await pushing
      expect((await fetchFrom(server)).id).toBe(commits.at(-1))
    })
  })

  it('fifty clients that clone: all get everything, and memory stays bounded', async () => {
    const synthetic = await Synthetic.create({ chunkBytes: 14_000 })
    const files = new Map(Array.from({ length: 22 }, (_, file) => [`clip-${file}.mov`, Array.from({ length: 40 }, (_, i) => file * 40 + i)] as const))
    const id = synthetic.commit(synthetic.tree(files))
    await synthetic.flush()
    const server = new MemoryServer(synthetic.store)
    const wanted = (await synthetic.reach([id])).size
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    const before = process.memoryUsage()
    let most = 0
    let looks = 0
    const look = () => {
      // What is held, and not what nobody has collected yet.
      if (looks++ % looksPerCollection !== 0) return
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      most = Math.max(most, heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers)
    }
    const counts = await Promise.all(Array.from({ length: 50 }, () => countAll(server, id, look)))
    expect(most).toBeGreaterThan(0)
    expect(counts).toEqual(Array.from({ length: 50 }, () => wanted))
    console.log(`50 clones of 12 MB, 610 MB in all: at most ${Math.round(most / 2 ** 20)} MiB more, on both sides`)
    expect(most).toBeLessThan(50 * 10 * 2 ** 20)
  })
})

const looksPerCollection = 20

/** Clones into a store that counts the objects and forgets them; what is kept of them is their index. */
async function countAll(server: MemoryServer, id: Id, look: () => void): Promise<number> {
  const session = await openSession(server.connect())
  await session.refs()
  const store = new SmallStore(look)
  const objects = await PackedObjects.open(store)
  let sessions = 0
  await fetchCommits(session, { store, objects, newSessionName: () => `s${sessions++}` }, { commits: [id] }, { haves: [] })
  await session.close()
  return (await reachOf(objects, [id])).size
}

/** Keeps of large packs only the beginning of each megabyte, because fifty clones would fill the memory with what they cloned. */
class SmallStore extends MemoryStore {
  readonly #look: () => void

  /** `look` is called for each piece that comes. */
  constructor(look: () => void) {
    super()
    this.#look = look
  }

  override async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: { if: 'absent' | { version: string } }): Promise<boolean> {
    if (!key.endsWith('.pack') || body instanceof Uint8Array) return super.put(key, body, condition)
    let bytes = 0
    const kept: Uint8Array[] = []
    for await (const piece of body) {
      bytes += piece.length
      this.#look()
      // Trees and manifests come first, in packs of their own.
      if (bytes <= 2 ** 20) kept.push(Uint8Array.from(piece))
    }
    return super.put(key, Buffer.concat(kept), condition)
  }
}
