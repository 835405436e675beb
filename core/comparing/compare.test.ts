import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { readCommit } from '../changing/head.ts'
import { entryAtPath } from '../objects/tree.ts'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { compareVersions, unreadId, type CompareOptions, type Version } from './compare.ts'

async function compare(test: TestRepo, before: Version, after: Version, options: Partial<CompareOptions> = {}): Promise<string[]> {
  const changes = compareVersions(test.repo, before, after, { spec: everything, measure: true, ...options })
  return (await Array.fromAsync(changes)).map(({ kind, path, from, news }) => `${kind} ${from === undefined ? '' : `${from} > `}${path}${news ? ` ${news.sendBytes}` : ''}`)
}

async function build(): Promise<TestRepo> {
  const test = await TestRepo.create()
  await test.commit({ 'a': 'a1', 'b': 'b1', 'd/c': 'c1' })
  await test.write({ 'b': 'staged' }).add()
  return test.write({ 'a': 'on disk', 'd/c': undefined })
}

describe('compareVersions', () => {
  it('compares the last commit, what is staged and what is on disk', async () => {
    const test = await build()
    expect(await compare(test, 'head', 'staged')).toEqual(['modified b 6'])
    expect(await compare(test, 'staged', 'working')).toEqual(['modified a 7', 'deleted d/c'])
    expect(await compare(test, 'head', 'working')).toEqual(['modified a 7', 'modified b 6', 'deleted d/c'])
    expect(await compare(test, 'staged', 'staged')).toEqual([])
  })

  it('compares with nothing before the first commit', async () => {
    const test = await TestRepo.create()
    expect(await compare(test, 'head', 'staged')).toEqual([])
    await test.write({ 'a': 'a' }).add()
    expect(await compare(test, 'head', 'staged')).toEqual(['added a 1'])
    expect(await compare(test, { tree: undefined }, 'working')).toEqual(['added a 1'])
  })

  it('tells changed files on disk without reading them, where nothing is measured', async () => {
    const test = await build()
    const changes = await Array.fromAsync(compareVersions(test.repo, 'staged', 'working', { spec: everything, measure: false }))
    expect(changes.map(({ kind, path, after }) => [kind, path, after?.id, after?.size])).toEqual([
      ['modified', 'a', unreadId, 7],
      ['deleted', 'd/c', undefined, undefined],
    ])
  })

  it('keeps to the paths and patterns that are named', async () => {
    const test = await build()
    expect(await compare(test, 'head', 'working', { spec: specOf('d', 'b') })).toEqual(['modified b 6', 'deleted d/c'])
    expect(await compare(test, 'head', 'working', { spec: specOf('*c') })).toEqual(['deleted d/c'])
  })

  it('compares two files, and a file with one on disk', async () => {
    const test = await build()
    const { tree } = await readCommit(test.repo, (await test.repo.refs.read('refs/heads/main'))!)
    const file = async (path: string): Promise<Version> => ({ file: (await entryAtPath(test.repo.objects, tree, path as BytePath))! })
    expect(await compare(test, await file('a'), await file('b'))).toEqual(['modified b 2'])
    expect(await compare(test, await file('a'), { fileOnDisk: 'a' as BytePath })).toEqual(['modified a 7'])
    expect(await compare(test, await file('a'), await file('a'))).toEqual([])
    await expect(compare(test, await file('a'), { fileOnDisk: 'none' as BytePath })).rejects.toMatchObject({ code: 'not-tracked' })
  })
})
