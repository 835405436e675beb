import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { collect, HistoryBuilder, writeFiles } from './history-fixture.ts'
import { keepAll, queryLog, type LogQuery } from './query-log.ts'

const all: LogQuery['paths'] = { literals: [], patterns: [], all: true, matches: () => true }
const at = (path: string): LogQuery['paths'] => ({ literals: [path as BytePath], patterns: [], all: false, matches: (other) => other === path })
const startMs = 1_600_000_000_000
const hourMs = 3_600_000

/** 0 - 1 - 3 - 4 on the main line, 2 on a branch from 0 that 3 merged; a commit an hour. `a` changes in 0, 2 and 4. */
function build(): HistoryBuilder {
  const history = new HistoryBuilder()
  const versions: [number[], Record<string, string>][] = [
    [[], { a: '1' }],
    [[0], { a: '1', b: '1' }],
    [[0], { a: '2' }],
    [[1, 2], { a: '2', b: '1' }],
    [[3], { a: '3', b: '1' }],
  ]
  for (const [i, [parents, files]] of versions.entries()) {
    history.commit(parents, { tree: writeFiles(history.objects, files), timeMs: startMs + i * hourMs, message: `commit ${i}` })
  }
  return history
}

async function query(changes: Partial<LogQuery> = {}): Promise<[number, number[]][]> {
  const history = build()
  const items = await collect(
    queryLog(history.objects, {
      starts: [history.ids[4]!],
      exclude: [],
      paths: all,
      follow: true,
      firstParent: false,
      sinceMs: -Infinity,
      untilMs: Infinity,
      keep: keepAll,
      graph: false,
      ...changes,
    }),
  )
  return items.map(({ id, parents }) => [history.numberOf(id), parents.map((parent) => history.numberOf(parent))])
}

const numbers = async (changes: Partial<LogQuery>): Promise<number[]> => (await query(changes)).map(([number]) => number)

describe('queryLog', () => {
  it('gives everything, newest first', async () => {
    expect(await query()).toEqual([[4, [3]], [3, [1, 2]], [2, [0]], [1, [0]], [0, []]])
  })

  it('follows only first parents where it is told to', async () => {
    expect(await query({ firstParent: true, graph: true })).toEqual([[4, [3]], [3, [1]], [1, [0]], [0, []]])
  })

  it('keeps to times, paths and what else is asked, alone and together', async () => {
    expect(await numbers({ sinceMs: startMs + 2 * hourMs })).toEqual([4, 3, 2])
    expect(await numbers({ untilMs: startMs + hourMs })).toEqual([1, 0])
    expect(await numbers({ paths: at('a') })).toEqual([4, 2, 0])
    expect(await numbers({ keep: ({ message }) => /[13]$/.test(message) })).toEqual([3, 1])
    expect(await numbers({ paths: at('a'), untilMs: startMs + 2 * hourMs })).toEqual([2, 0])
  })

  it('looks at every path of every commit for a pattern', async () => {
    const paths: LogQuery['paths'] = { literals: [], patterns: ['?' as BytePath], all: false, matches: (path) => path === 'b' }
    expect(await numbers({ paths })).toEqual([1])
    expect(await numbers({ paths: { ...paths, matches: (path) => path === 'a' }, firstParent: true })).toEqual([4, 3, 0])
  })

  it('draws lines between the commits that are left', async () => {
    expect(await query({ paths: at('a'), graph: true })).toEqual([[4, [2]], [2, [0]], [0, []]])
  })

  it('draws no lines to what is excluded', async () => {
    const { ids } = build()
    expect(await query({ graph: true, exclude: [ids[1]!] })).toEqual([[4, [3]], [3, [2]], [2, []]])
  })
})
