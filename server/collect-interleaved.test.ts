import { describe, expect, it } from 'vitest'
import { hasCode, type Id } from '#core'
import type { Random } from '../fixtures/random.ts'
import { forSeeds, randomHistory, Synthetic } from '../protocol/synthetic.fixture.ts'
import { checkWhole, collect, contentPrefix, createTeam, keysOf, pushBranch, type Team } from './collect.fixture.ts'
import type { TestServer } from './host.fixture.ts'
import { Turns } from './turns.fixture.ts'

interface World extends Team {
  turns: Turns
  /** Server processes whose calls wait for turns. */
  servers: TestServer[]
  /** One whose calls do not. */
  calm: TestServer
  synthetic: Synthetic
  commits: Id[]
  /** True after a write that could have made a hole. */
  isDoubtful: boolean
}

/** Those that come and go; another one is where clones start, which no push may take away. */
const branches = ['title', 'cut', 'sound']

async function createWorld(random: Random): Promise<World> {
  const team = await createTeam()
  const synthetic = await Synthetic.create()
  const turns = new Turns()
  const world: World = { ...team, turns, servers: [], calm: team.serve(), synthetic, commits: await randomHistory(random, synthetic, 7), isDoubtful: false }
  const onDone = (call: 'put' | 'delete', key: string) => void (world.isDoubtful ||= call === 'delete' || key.startsWith(`${contentPrefix}refs/`))
  for (const name of ['a', 'b']) world.servers.push(team.serve(turns.store(name, team.store, contentPrefix, onDone)))
  const first = synthetic.commit(synthetic.tree(new Map()))
  await synthetic.flush()
  expect(await pushBranch(world.calm, world.token, synthetic, 'main', first)).toBe('')
  return world
}

/** Pushes and deletes branches; counts how often one moved. */
async function beBusy(world: World, random: Random, server: TestServer, times: number, counts: { moved: number }): Promise<void> {
  for (let i = 0; i < times; i++) {
    const after = random.below(3) === 0 ? undefined : random.pick(world.commits)
    const code = await pushBranch(server, world.token, world.synthetic, random.pick(branches), after)
    expect(['', 'ref-moved']).toContain(code)
    if (code === '') counts.moved++
  }
}

/** Collects so often; what others keep it from is done by a later one. */
async function keepCollecting(world: World, server: TestServer, times: number, counts: { done: number; removed: number }): Promise<void> {
  for (let i = 0; i < times; i++) {
    try {
      const { objectsRemoved } = await collect(server, { wait: () => world.turns.take('gc') })
      counts.done++
      counts.removed += Math.max(0, objectsRemoved)
    } catch (error) {
      if (!hasCode(error, 'transfer-running') && !hasCode(error, 'repository-busy')) throw error
    }
  }
}

/** Chooses at random; now and then one gets far ahead of the others. */
function unevenly(random: Random): (waiting: readonly string[]) => number {
  let favourite = ''
  return (waiting) => {
    if (random.below(20) === 0) favourite = random.pick(waiting)
    const at = waiting.indexOf(favourite)
    return at >= 0 && random.below(4) > 0 ? at : random.below(waiting.length)
  }
}

describe('pushes, deletions and collections at the same time, through several server processes', () => {
  it('never leave a ref of which something is missing, and in the end nothing that no ref reaches', async () => {
    const counts = { done: 0, removed: 0, moved: 0 }
    await forSeeds(30, async (random) => {
      const world = await createWorld(random)
      // Garbage to begin with.
      await beBusy(world, random, world.calm, 5, { moved: 0 })
      const [a, b] = world.servers as [TestServer, TestServer]
      const pushing = [a, b, b].map((server) => () => beBusy(world, random, server, 4, counts))
      const collecting = [a, b].slice(random.below(2)).map((server) => () => keepCollecting(world, server, 4, counts))
      await world.turns.play([...pushing, ...collecting], unevenly(random), async () => {
        if (!world.isDoubtful) return
        world.isDoubtful = false
        await checkWhole(world.store)
      })
      for (const branch of branches) expect(await pushBranch(world.calm, world.token, world.synthetic, branch, undefined)).toBe('')
      await collect(world.calm)
      // What is left is the commit of the branch that stays, and its tree.
      expect(await checkWhole(world.store)).toBe(2)
      expect((await keysOf(world.store, 'packs/')).length).toBe(2)
    })
    // Otherwise nothing was tested.
    expect(counts.moved).toBeGreaterThan(100)
    expect(counts.done).toBeGreaterThan(50)
    expect(counts.removed).toBeGreaterThan(500)
  }, 120_000)
})
