import { describe, expect, it } from 'vitest'
import { collect, HistoryBuilder, randomHistory, reachability, seededRandom } from './history-fixture.ts'
import { walkCommits, type WalkOptions } from './walk.ts'

const dayMs = 24 * 60 * 60 * 1000

async function walk(history: HistoryBuilder, starts: number[], options: WalkOptions = {}): Promise<number[]> {
  const walked = await collect(walkCommits(history.objects, starts.map((number) => history.ids[number]!), options))
  return walked.map(({ id }) => history.numberOf(id))
}

describe('walkCommits', () => {
  it('gives the newest first and each commit once', async () => {
    const history = new HistoryBuilder()
    for (const parents of [[], [0], [0], [1, 2], [3]]) history.commit(parents)
    expect(await walk(history, [4, 3, 4])).toEqual([4, 3, 2, 1, 0])
  })

  it('leaves out what the excluded commits reach', async () => {
    const history = new HistoryBuilder()
    for (const parents of [[], [0], [1], [1], [3, 2]]) history.commit(parents)
    expect(await walk(history, [4], { exclude: [history.ids[2]!] })).toEqual([4, 3])
    expect(await walk(history, [2], { exclude: [history.ids[4]!] })).toEqual([])
  })

  it('follows first parents only, but excludes by all of them', async () => {
    const history = new HistoryBuilder()
    for (const parents of [[], [0], [0], [1, 2], [3], [2, 1]]) history.commit(parents)
    expect(await walk(history, [4], { firstParent: true })).toEqual([4, 3, 1, 0])
    expect(await walk(history, [4], { firstParent: true, exclude: [history.ids[5]!] })).toEqual([4, 3])
  })

  it('gives no parent before its child in topological order, whatever the clocks said', async () => {
    const history = new HistoryBuilder()
    const times = [50, 90, 10, 20]
    for (const [number, parents] of [[], [0], [1], [0, 2]].entries()) history.commit(parents, { timeMs: times[number]! })
    expect(await walk(history, [3], { order: 'topo' })).toEqual([3, 2, 1, 0])
    expect(await walk(history, [3])).toEqual([3, 0, 2, 1])
  })

  it('goes through a long history with one read a commit', async () => {
    const history = new HistoryBuilder()
    for (let number = 0; number < 3000; number++) history.commit(number === 0 ? [] : [number - 1])
    expect((await walk(history, [2999])).length).toBe(3000)
  })

  it('stops when it is told to', async () => {
    const history = new HistoryBuilder()
    history.commit([])
    await expect(walk(history, [0], { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })
})

describe('walkCommits in random histories', () => {
  for (let seed = 1; seed <= 12; seed++) {
    it(`gives what is reachable and not excluded, children first (seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const { history, parents } = randomHistory(random, 40, dayMs)
      const reached = reachability(parents)
      for (let round = 0; round < 30; round++) {
        const starts = [Math.floor(random() * 40), Math.floor(random() * 40)]
        const excluded = random() < 0.3 ? [] : [Math.floor(random() * 40)]
        const left = new Set(excluded.flatMap((number) => [...reached[number]!]))
        const wanted = [...new Set(starts.flatMap((number) => [...reached[number]!]))].filter((number) => !left.has(number))
        for (const order of ['date', 'topo'] as const) {
          const walked = await walk(history, starts, { order, exclude: excluded.map((number) => history.ids[number]!) })
          expect([...walked].sort(), `${starts} without ${excluded}`).toEqual(wanted.sort())
          if (order === 'topo') expectChildrenFirst(walked, parents)
        }
      }
    })
  }
})

function expectChildrenFirst(walked: number[], parents: number[][]): void {
  const place = new Map(walked.map((number, at) => [number, at]))
  for (const number of walked) {
    for (const parent of parents[number]!) {
      if (place.has(parent)) expect(place.get(number)).toBeLessThan(place.get(parent)!)
    }
  }
}
