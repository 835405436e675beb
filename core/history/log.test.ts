import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { collect, HistoryBuilder, writeFiles, type Files } from './history-fixture.ts'
import { logPath, type LogOptions } from './log.ts'

const lines = Array.from({ length: 10 }, (_, line) => `line ${line}\n`).join('')

function build(...commits: [parents: number[], files: Files][]): HistoryBuilder {
  const history = new HistoryBuilder()
  for (const [parents, files] of commits) history.commit(parents, { tree: writeFiles(history.objects, files) })
  return history
}

async function log(history: HistoryBuilder, path: string, options: LogOptions = {}): Promise<string[]> {
  const logged = await collect(logPath(history.objects, [history.ids.at(-1)!], path as BytePath, options))
  return logged.map((item) => `${history.numberOf(item.id)} ${item.from === undefined ? '' : `${item.from} > `}${item.path}${item.entry ? '' : ' gone'}`)
}

describe('logPath', () => {
  it('gives the commits that touched a file or what lies in a directory', async () => {
    const history = build([[], { 'd/a': '1', b: '1' }], [[0], { 'd/a': '1', b: '2' }], [[1], { 'd/a': '2', b: '2' }], [[2], { b: '2' }])
    expect(await log(history, 'd/a')).toEqual(['3 d/a gone', '2 d/a', '0 d/a'])
    expect(await log(history, 'd')).toEqual(['3 d gone', '2 d', '0 d'])
    expect(await log(history, 'b')).toEqual(['1 b', '0 b'])
    expect(await log(history, 'none')).toEqual([])
    expect(await log(history, '')).toEqual(['3 ', '2 ', '1 ', '0 '])
  })

  it('passes over a merge that took one parent as it was, and the side that it discarded', async () => {
    const history = build([[], { a: '1' }], [[0], { a: '2' }], [[0], { a: '3' }], [[1, 2], { a: '2' }])
    expect(await log(history, 'a')).toEqual(['1 a', '0 a'])
  })

  it('gives a merge that made something of its own, and both sides', async () => {
    const history = build([[], { a: '1' }], [[0], { a: '2' }], [[0], { a: '3' }], [[1, 2], { a: '23' }])
    expect(await log(history, 'a')).toEqual(['3 a', '2 a', '1 a', '0 a'])
  })

  it('follows a file through renames, with and without edits, only where asked to', async () => {
    const history = build([[], { a: lines }], [[0], { 'd/b': `${lines}more\n` }], [[1], { 'd/b': lines }], [[2], { c: lines }])
    expect(await log(history, 'c')).toEqual(['3 c'])
    expect(await log(history, 'c', { follow: true })).toEqual(['3 d/b > c', '2 d/b', '1 a > d/b', '0 a'])
  })

  it('follows each side of a merge under its own name', async () => {
    const history = build([[], { a: lines }], [[0], { b: lines }], [[0], { a: `${lines}x\n` }], [[1, 2], { b: `${lines}x\n` }])
    expect(await log(history, 'b', { follow: true })).toEqual(['3 b', '1 a > b', '0 a'])
  })

  it('leaves out what the excluded commits reach', async () => {
    const history = build([[], { a: '1' }], [[0], { a: '2' }], [[1], { a: '3' }])
    expect(await log(history, 'a', { exclude: [history.ids[0]!] })).toEqual(['2 a', '1 a'])
    expect(await log(history, 'a', { exclude: [history.ids[2]!] })).toEqual([])
  })
})
