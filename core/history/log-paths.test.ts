import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { collect, HistoryBuilder, writeFiles, type Files } from './history-fixture.ts'
import { logMatching, logPaths } from './log-paths.ts'
import { simplifyHistory } from './simplify.ts'

const lines = Array.from({ length: 10 }, (_, line) => `line ${line}\n`).join('')

function build(...commits: [parents: number[], files: Files][]): HistoryBuilder {
  const history = new HistoryBuilder()
  for (const [parents, files] of commits) history.commit(parents, { tree: writeFiles(history.objects, files) })
  return history
}

function numbers(history: HistoryBuilder, items: { id: (typeof history.ids)[number] }[]): number[] {
  return items.map(({ id }) => history.numberOf(id))
}

describe('logPaths', () => {
  const history = build([[], { a: lines, b: '1' }], [[0], { a: lines, b: '2' }], [[1], { c: lines, b: '3' }], [[2], { c: lines, b: '3', d: '1' }])
  const log = async (paths: string[], follow = false): Promise<number[]> =>
    numbers(history, await collect(logPaths(history.objects, [history.ids.at(-1)!], paths as BytePath[], { follow })))

  it('gives each commit once, newest first, whichever of the paths it touched', async () => {
    expect(await log(['b', 'd'])).toEqual([3, 2, 1, 0])
    expect(await log(['b', 'c'])).toEqual([2, 1, 0])
    expect(await log(['d', 'none'])).toEqual([3])
  })

  it('follows each path through its renames', async () => {
    expect(await log(['c', 'd'], true)).toEqual([3, 2, 0])
  })

  it('starts from several commits', async () => {
    const forked = build([[], { a: '1' }], [[0], { a: '2' }], [[0], { a: '3' }])
    const starts = [forked.ids[1]!, forked.ids[2]!]
    expect(numbers(forked, await collect(logPaths(forked.objects, starts, ['a' as BytePath])))).toEqual([2, 1, 0])
  })
})

describe('logMatching', () => {
  const isMovie = (path: BytePath): boolean => path.endsWith('.mov')

  it('gives the commits that changed a path that matches', async () => {
    const history = build([[], { 'a.mov': '1' }], [[0], { 'a.mov': '1', x: '1' }], [[1], { 'a.mov': '1', 'd/b.mov': '1' }], [[2], { 'd/b.mov': '1' }])
    expect(numbers(history, await collect(logMatching(history.objects, [history.ids[3]!], isMovie)))).toEqual([3, 2, 0])
  })

  it('gives a merge only where it differs from all parents, or from the first where only that counts', async () => {
    const history = build([[], { 'a.mov': '1' }], [[0], { 'a.mov': '2' }], [[0], { 'a.mov': '1', x: '1' }], [[2, 1], { 'a.mov': '2', x: '1' }])
    const start = [history.ids[3]!]
    expect(numbers(history, await collect(logMatching(history.objects, start, isMovie)))).toEqual([1, 0])
    expect(numbers(history, await collect(logMatching(history.objects, start, isMovie, { firstParent: true })))).toEqual([3, 0])
  })
})

describe('simplifyHistory', () => {
  it('connects the wanted commits across those that are left out', async () => {
    // 0 - 1 - 3 - 4, and 0 - 2 - 3
    const history = build([[], {}], [[0], {}], [[0], {}], [[1, 2], {}], [[3], {}])
    const shape = async (wanted: number[]): Promise<[number, number[]][]> => {
      const isWanted = (id: (typeof history.ids)[number]): boolean => wanted.includes(history.numberOf(id))
      const items = await simplifyHistory(history.objects, [history.ids[4]!], isWanted)
      return items.map(({ id, parents }) => [history.numberOf(id), parents.map((parent) => history.numberOf(parent))])
    }
    expect(await shape([0, 1, 2, 3, 4])).toEqual([[4, [3]], [3, [1, 2]], [2, [0]], [1, [0]], [0, []]])
    expect(await shape([4, 0])).toEqual([[4, [0]], [0, []]])
    expect(await shape([4, 2, 1])).toEqual([[4, [1, 2]], [2, []], [1, []]])
    expect(await shape([])).toEqual([])
  })
})
