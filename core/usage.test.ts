import { describe, expect, it } from 'vitest'
import { createRandom } from '../fixtures/random.ts'
import type { BytePath } from './bytes.ts'
import { readCommit } from './changing/head.ts'
import { resetTo } from './changing/reset.ts'
import { TestRepo } from './repo.fixture.ts'
import { costOfFolder, costOfVersions, measureStore, type FolderCost } from './usage.ts'

const random = createRandom(5)
const clip = random.bytes(1_000_000)
const take = random.bytes(500_000)
/** Bytes of a pack and its index that belong to no object. */
const packFrameBytes = 16 + 24 + 1024 + 32

describe('costOfVersions', () => {
  it('gives each version what it added, newest first', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ 'a.mov': clip, 'copy.mov': clip })
    const second = await test.commit({ 'take.mov': take })
    const third = await test.commit({ 'copy.mov': undefined })
    const costs = await costOfVersions(test.repo, third)
    expect(costs.map(({ id, plainBytes }) => [id, plainBytes])).toEqual([[third, 1_500_000], [second, 2_500_000], [first, 2_000_000]])
    expect(costs.map(({ contentBytes }) => Math.round(contentBytes / 1e5))).toEqual([0, 5, 10])
    expect(costs[0]!.contentBytes).toBe(0)
    expect(costs[0]!.structureBytes).toBeGreaterThan(200)
  })

  it('adds up to what the packs hold', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a.mov': clip, 'notes/b.txt': 'text '.repeat(1000) })
    const last = await test.commit({ 'take.mov': take, 'notes/b.txt': 'other '.repeat(900) })
    const costs = await costOfVersions(test.repo, last)
    const { packs, packBytes, indexBytes, objects } = await measureStore(test.repo)
    const sum = costs.reduce((total, { contentBytes, structureBytes }) => total + contentBytes + structureBytes, 0)
    expect(sum).toBe(packBytes + indexBytes - packs * packFrameBytes)
    expect(costs.reduce((total, cost) => total + cost.objects, 0)).toBe(objects)
  })

  it('counts a version once that two branches lead to, and leaves out other branches', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ 'a.mov': clip })
    const aside = await test.commit({ 'b.mov': take })
    await resetTo(test.repo, first, 'hard')
    const second = await test.commit({ 'c.txt': 'c' })
    const costs = await costOfVersions(test.repo, second)
    expect(costs.map(({ id }) => id)).toEqual([second, first])
    expect(costs.map(({ id }) => id)).not.toContain(aside)
  })
})

describe('costOfFolder', () => {
  const rows = async (test: TestRepo, path = ''): Promise<FolderCost[]> => {
    const { tree } = await readCommit(test.repo, (await test.repo.refs.read('refs/heads/main'))!)
    return costOfFolder(test.repo, tree, path as BytePath)
  }

  it('weighs a folder and what is in it, shared content once', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'day1/a.mov': clip, 'day2/again.mov': clip, 'day2/take.mov': take })
    const [whole, day1, day2] = await rows(test)
    expect([whole!.path, day1!.path, day2!.path]).toEqual(['', 'day1', 'day2'])
    expect([whole!.plainBytes, day1!.plainBytes, day2!.plainBytes]).toEqual([2_500_000, 1_000_000, 1_500_000])
    const tenths = ({ contentBytes }: { contentBytes: number }): number => Math.round(contentBytes / 1e5)
    expect([whole!, day1!, day2!].map(({ alone }) => tenths(alone))).toEqual([15, 10, 15])
    expect([day1!, day2!].map(({ own }) => tenths(own))).toEqual([10, 5])
    expect(day1!.own.contentBytes + day2!.own.contentBytes).toBe(whole!.own.contentBytes)
  })

  it('weighs a file, and answers nothing for what is not there', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'day1/a.mov': clip })
    expect(await rows(test, 'none')).toEqual([])
    const [file, ...rest] = await rows(test, 'day1/a.mov')
    expect(rest).toEqual([])
    expect(file!.plainBytes).toBe(1_000_000)
    expect(file!.alone.contentBytes).toBeGreaterThan(1_000_000)
  })
})

describe('measureStore', () => {
  it('tells packs from what else is there', async () => {
    const test = await TestRepo.create()
    const empty = await measureStore(test.repo)
    expect(empty).toMatchObject({ packs: 0, objects: 0, packBytes: 0, indexBytes: 0 })
    await test.commit({ 'a.mov': clip })
    const size = await measureStore(test.repo)
    expect(size.packs).toBeGreaterThan(0)
    expect(size.packBytes).toBeGreaterThan(1_000_000)
    expect(size.otherBytes).toBeGreaterThan(empty.otherBytes)
  })
})
