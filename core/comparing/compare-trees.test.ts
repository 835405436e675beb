import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { readCommit } from '../changing/head.ts'
import { TestRepo } from '../repo.fixture.ts'
import { openRepo } from '../repo.ts'
import type { Id } from '../objects/id.ts'
import { ChunkLedger } from './chunk-ledger.ts'
import { compareTrees, type MeasuredChange } from './compare-trees.ts'

const MB = 1_000_000
const random = createRandom(11)
const noise = random.bytes(3 * MB)
const other = random.bytes(2 * MB)

async function compare(test: TestRepo, a: Id | undefined, b: Id): Promise<MeasuredChange[]> {
  const { objects } = test.repo
  const treeOf = async (id: Id) => (await readCommit(test.repo, id)).tree
  const source = { reader: objects, ledger: new ChunkLedger(objects) }
  return Array.fromAsync(compareTrees(source, a && (await treeOf(a)), await treeOf(b)))
}

/** Everything but the entries, with the bytes to send in tenths of a megabyte. */
function show({ kind, path, from, news }: MeasuredChange): string {
  const cost = news === undefined ? '' : news.chunksShared === undefined ? ' same' : ` ${news.chunksShared > 0 ? 'shared+' : ''}${(news.sendBytes / MB).toFixed(1)}`
  return `${kind} ${from === undefined ? '' : `${from} > `}${path}${cost}`
}

describe('compareTrees', () => {
  it('counts all of a first version', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ 'a.mov': noise, 'notes.txt': 'short' })
    const changes = await compare(test, undefined, first)
    expect(changes.map(show)).toEqual(['added a.mov 3.0', 'added notes.txt 0.0'])
    expect(changes[1]!.news).toEqual({ chunksShared: 0, chunksChanged: 1, sendBytes: 5 })
    expect(changes[0]!.news!.sendBytes).toBe(noise.length)
  })

  it('counts only the chunks around an edit', async () => {
    const test = await TestRepo.create()
    const before = await test.commit({ 'a.mov': noise })
    const after = await test.commit({ 'a.mov': Buffer.concat([noise.subarray(0, MB), Buffer.from('edit'), noise.subarray(MB)]) })
    const [change] = await compare(test, before, after)
    const { chunksShared, chunksChanged, sendBytes } = change!.news!
    expect(chunksChanged).toBeLessThanOrEqual(3)
    expect(chunksShared).toBeGreaterThan(20)
    expect(sendBytes).toBeLessThan(600_000)
    expect(sendBytes).toBeGreaterThan(16 * 1024)
  })

  it('sends nothing for what was moved or copied, also from a file that did not change', async () => {
    const test = await TestRepo.create()
    const before = await test.commit({ 'a.mov': noise, 'b.mov': other })
    const after = await test.commit({ 'a.mov': undefined, 'moved/a.mov': noise, 'copy.mov': other })
    expect((await compare(test, before, after)).map(show)).toEqual(['added b.mov > copy.mov same', 'renamed a.mov > moved/a.mov same'])
  })

  it('counts content once that several files bring', async () => {
    const test = await TestRepo.create()
    const before = await test.commit({ 'x': 'x' })
    const after = await test.commit({ 'one.mov': other, 'two.mov': other })
    const changes = await compare(test, before, after)
    expect(changes.reduce((sum, { news }) => sum + news!.sendBytes, 0)).toBe(other.length)
  })

  it('knows the old content of other files that changed', async () => {
    const test = await TestRepo.create()
    const before = await test.commit({ 'a.mov': noise })
    const after = await test.commit({ 'a.mov': other, 'joined.mov': Buffer.concat([noise, noise.subarray(0, MB)]) })
    const joined = (await compare(test, before, after)).find(({ path }) => path === 'joined.mov')!
    expect(joined.news!.sendBytes).toBeLessThan(600_000)
  })

  it('has nothing to send where files went, or only became executable', async () => {
    const test = await TestRepo.create()
    const before = await test.commit({ 'a.mov': noise, 'run': 'run' })
    const after = await test.commit({ 'a.mov': undefined, 'run': 'x:run' })
    expect((await compare(test, before, after)).map(show)).toEqual(['deleted a.mov', 'mode-changed run same'])
  })

  it('takes the length of a chunk that is not here', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ 'a.mov': noise })
    const repo = await openRepo(test.root, test.repo.env)
    const ledger = new ChunkLedger(repo.objects)
    const missing = { id: 'f'.repeat(64) as Id, offset: 0, length: 1234 }
    expect(await ledger.send(missing)).toEqual({ had: false, bytes: 1234 })
    expect(await ledger.send(missing)).toEqual({ had: false, bytes: 0 })
    await ledger.note(missing)
    expect(await ledger.send(missing)).toEqual({ had: true, bytes: 0 })
    expect(first).toHaveLength(64)
    await repo.store.close()
  })
})
