import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { readIndex } from '../staging/stage.ts'
import type { Pathspec } from '../staging/pathspec.ts'
import { ChunkLedger } from './chunk-ledger.ts'
import { compareTrees, type MeasuredChange } from './compare-trees.ts'
import { readWorkingTree } from './working-tree.ts'

const random = createRandom(12)
const noise = random.bytes(2_000_000)

async function compare(test: TestRepo, spec: Pathspec = everything): Promise<MeasuredChange[]> {
  const index = await readIndex(test.repo)
  const { tree, reader, unstored } = await readWorkingTree(test.repo, index, spec)
  const ledger = new ChunkLedger(test.repo.objects, unstored)
  return Array.fromAsync(compareTrees({ reader, ledger }, index?.tree, tree))
}

describe('readWorkingTree', () => {
  it('gives the staged tree where nothing changed', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a.mov': noise, 'folder/b': 'b' })
    const index = await readIndex(test.repo)
    expect((await readWorkingTree(test.repo, index, everything)).tree).toBe(index!.tree)
  })

  it('is empty where nothing is staged', async () => {
    const test = await TestRepo.create()
    test.write({ 'untracked': 'x' })
    expect(await compare(test)).toEqual([])
  })

  it('holds what changed, went, or became a link, and not what is untracked', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'changed': 'before', 'gone': 'x', 'link': 'x', 'folder/same': 's' })
    test.write({ 'changed': 'after', 'gone': undefined, 'link': 'l:changed', 'untracked': 'x' })
    const changes = await compare(test)
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual(['modified changed', 'deleted gone', 'type-changed link'])
    expect(changes[0]!.news).toEqual({ chunksShared: 0, chunksChanged: 1, sendBytes: 5 })
  })

  it('measures the chunks that the store lacks without storing them', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a.mov': noise })
    const edited = Buffer.concat([noise.subarray(0, 1_000_000), random.bytes(1000), noise.subarray(1_000_000)])
    const before = await test.repo.objects.packs.countObjects()
    const [change] = await compare(test.write({ 'a.mov': edited }))
    expect(change!.news!.chunksShared).toBeGreaterThan(10)
    expect(change!.news!.sendBytes).toBeLessThan(600_000)
    expect(await test.repo.objects.packs.countObjects()).toBe(before)
    await test.add()
    expect((await readIndex(test.repo))!.get(change!.path)!.id).toBe(change!.after!.id)
  })

  it('looks only at the paths that are named', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a': '1', 'b': '1' })
    test.write({ 'a': '2', 'b': '2' })
    expect((await compare(test, specOf('b'))).map(({ path }) => path)).toEqual(['b'])
  })
})
