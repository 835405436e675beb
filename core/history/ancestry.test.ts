import { describe, expect, it } from 'vitest'
import { aheadBehind, isAncestor, mergeBases } from './ancestry.ts'
import { walkCommits } from './walk.ts'
import { collect, HistoryBuilder, randomHistory, reachability, seededRandom } from './history-fixture.ts'

const dayMs = 24 * 60 * 60 * 1000

describe('ancestry', () => {
  it('counts a commit as its own ancestor and merge base', async () => {
    const history = new HistoryBuilder()
    const only = history.commit([])
    expect(await isAncestor(history.objects, only, only)).toBe(true)
    expect(await mergeBases(history.objects, only, only)).toEqual([only])
    expect(await aheadBehind(history.objects, only, only)).toEqual({ ahead: 0, behind: 0 })
  })

  it('finds both bases of branches that were merged into each other', async () => {
    const history = new HistoryBuilder()
    for (const parents of [[], [0], [0], [1, 2], [2, 1]]) history.commit(parents)
    const bases = await mergeBases(history.objects, history.ids[3]!, history.ids[4]!)
    expect(bases.map((id) => history.numberOf(id))).toEqual([2, 1])
  })

  it('finds no base for histories that share nothing', async () => {
    const history = new HistoryBuilder()
    for (const parents of [[], [0], [], [2]]) history.commit(parents)
    expect(await mergeBases(history.objects, history.ids[1]!, history.ids[3]!)).toEqual([])
    expect(await aheadBehind(history.objects, history.ids[1]!, history.ids[3]!)).toEqual({ ahead: 2, behind: 2 })
  })

  it('does not read what lies below the commits where two branches meet', async () => {
    const history = new HistoryBuilder()
    for (let number = 0; number < 100; number++) history.commit(number === 0 ? [] : [number - 1], { timeMs: number * dayMs })
    history.commit([99], { timeMs: 200 * dayMs })
    history.commit([99], { timeMs: 201 * dayMs })
    let reads = 0
    const reader = {
      has: (id: never) => history.objects.has(id),
      read: (kind: never, id: never) => (reads++, history.objects.read(kind, id)),
    }
    const [a, b] = [history.ids[100]!, history.ids[101]!]
    expect(await aheadBehind(reader, a, b)).toEqual({ ahead: 1, behind: 1 })
    expect(await isAncestor(reader, a, b)).toBe(false)
    expect((await mergeBases(reader, a, b)).map((id) => history.numberOf(id))).toEqual([99])
    expect(reads).toBeLessThan(30)
  })

  it('reads some dozens of commits for three that differ, however many were made in a day', async () => {
    const history = new HistoryBuilder()
    for (let number = 0; number < 20_000; number++) history.commit(number === 0 ? [] : [number - 1])
    for (const parent of [19_999, 20_000, 19_999]) history.commit([parent])
    let reads = 0
    const reader = {
      has: (id: never) => history.objects.has(id),
      read: (kind: never, id: never) => (reads++, history.objects.read(kind, id)),
    }
    const [a, b] = [history.ids[20_001]!, history.ids[20_002]!]
    expect(await aheadBehind(reader, a, b)).toEqual({ ahead: 2, behind: 1 })
    expect((await collect(walkCommits(reader, [a], { exclude: [b] }))).map(({ id }) => history.numberOf(id))).toEqual([20_001, 20_000])
    expect(reads).toBeLessThan(130)
  })

  it('stops when it is told to', async () => {
    const history = new HistoryBuilder()
    for (const parents of [[], [0], [0]]) history.commit(parents)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(mergeBases(history.objects, history.ids[1]!, history.ids[2]!, { signal })).rejects.toThrow('enough')
  })
})

describe('ancestry in random histories', () => {
  for (let seed = 1; seed <= 12; seed++) {
    // Every third history has clocks that are off by years, where only the counts may be wrong.
    const skewMs = seed % 3 === 0 ? 3000 * dayMs : dayMs
    it(`agrees with brute force (seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const { history, parents } = randomHistory(random, 40, skewMs)
      const reached = reachability(parents)
      for (let round = 0; round < 60; round++) {
        const a = Math.floor(random() * 40)
        const b = Math.floor(random() * 40)
        const [idA, idB] = [history.ids[a]!, history.ids[b]!]
        expect(await isAncestor(history.objects, idA, idB), `${a} in ${b}`).toBe(reached[b]!.has(a))
        const bases = (await mergeBases(history.objects, idA, idB)).map((id) => history.numberOf(id))
        expect(bases.sort(), `bases of ${a} and ${b}`).toEqual(bruteBases(reached, a, b).sort())
        if (skewMs > dayMs) continue
        const counts = { ahead: countOnly(reached, a, b), behind: countOnly(reached, b, a) }
        expect(await aheadBehind(history.objects, idA, idB), `${a} and ${b}`).toEqual(counts)
      }
    })
  }
})

function bruteBases(reached: Set<number>[], a: number, b: number): number[] {
  const common = [...reached[a]!].filter((number) => reached[b]!.has(number))
  return common.filter((number) => !common.some((other) => other !== number && reached[other]!.has(number)))
}

function countOnly(reached: Set<number>[], a: number, b: number): number {
  return [...reached[a]!].filter((number) => !reached[b]!.has(number)).length
}
