import { describe, expect, it } from 'vitest'
import { changeShallow, createRefs, hasCode, markReachable, PackedObjects, type Id } from '#core'
import { TestRepo } from '../core/repo.fixture.ts'
import { seedFrom } from '../fixtures/noise.ts'
import { createRandom } from '../fixtures/random.ts'
import { fetchCommits } from './fetch.ts'
import { fetchBranch, MemoryServer, openSession, pushBranch } from './sync.fixture.ts'

/** Bytes that do not compress and are the same in every run. */
function media(bytes: number, seed: string): Uint8Array {
  return createRandom(seedFrom(seed)).bytes(bytes)
}

/** Everything that a ref of a store reaches is there, by reading it. */
async function isWhole(server: MemoryServer, id: Id): Promise<boolean> {
  await markReachable(await PackedObjects.open(server.store), [{ kind: 'commit', id }])
  return true
}

describe('push', () => {
  it('brings a repository to an empty server, whole', async () => {
    const test = await TestRepo.create()
    const server = new MemoryServer()
    await test.commit({ 'clip.mov': media(3_000_000, 'clip'), 'a/b/c.txt': 'text', link: 'l:a/b', 'empty': null })
    const id = await test.commit({ 'second.bin': media(200_000, 'second') })
    const report = await pushBranch(test.repo, server)
    expect(report.results).toEqual([{ name: 'refs/heads/main', code: '', message: '' }])
    expect(await server.ref('refs/heads/main')).toBe(id)
    expect(await isWhole(server, id)).toBe(true)
  })

  it('sends only what an edit changed, in at most four rounds', async () => {
    const test = await TestRepo.create()
    const server = new MemoryServer()
    const clip = media(5_000_000, 'clip')
    await test.commit({ 'clip.mov': clip, ...manyFiles(300) })
    await pushBranch(test.repo, server)
    const id = await test.commit({ 'clip.mov': Buffer.concat([clip.subarray(0, 2_000_000), Buffer.from('cut'), clip.subarray(2_000_000)]) })
    const report = await pushBranch(test.repo, server)
    expect(await isWhole(server, id)).toBe(true)
    expect(report.rounds).toBeLessThanOrEqual(4)
    expect(report.bytesOut).toBeLessThan(700_000)
  })

  it('sends next to nothing where a folder was moved, or moved and changed', async () => {
    const test = await TestRepo.create()
    const server = new MemoryServer()
    await test.commit({ 'shots/010/clip.mov': media(4_000_000, 'clip'), 'shots/010/note.txt': 'one' })
    await pushBranch(test.repo, server)
    await test.commit({ shots: undefined, 'final/010/clip.mov': media(4_000_000, 'clip'), 'final/010/note.txt': 'one' })
    expect((await pushBranch(test.repo, server)).bytesOut).toBeLessThan(4_000)
    const id = await test.commit({ final: undefined, 'done/010/clip.mov': media(4_000_000, 'clip'), 'done/010/note.txt': 'two' })
    const report = await pushBranch(test.repo, server)
    expect(report.bytesOut).toBeLessThan(4_000)
    expect(await isWhole(server, id)).toBe(true)
  })

  it('sends no content again that is there under another name, or from an earlier version', async () => {
    const test = await TestRepo.create()
    const server = new MemoryServer()
    await test.commit({ 'clip.mov': media(4_000_000, 'clip') })
    await pushBranch(test.repo, server)
    await test.commit({ 'copy.mov': media(4_000_000, 'clip') })
    expect((await pushBranch(test.repo, server)).bytesOut).toBeLessThan(20_000)
    await test.commit({ 'copy.mov': undefined, 'clip.mov': undefined, 'other.txt': 'x' })
    await pushBranch(test.repo, server)
    const id = await test.commit({ 'clip.mov': media(4_000_000, 'clip') })
    const report = await pushBranch(test.repo, server)
    expect(report.bytesOut).toBeLessThan(20_000)
    expect(await isWhole(server, id)).toBe(true)
  })

  it('says what would travel, and sends none of it, when it is only asked', async () => {
    const test = await TestRepo.create()
    const server = new MemoryServer()
    await test.commit({ 'clip.mov': media(1_000_000, 'clip') })
    const report = await pushBranch(test.repo, server, { dryRun: true })
    expect(report.bytesSent).toBeGreaterThan(1_000_000)
    expect(report.bytesOut).toBeLessThan(1_000)
    expect(await server.ref('refs/heads/main')).toBeUndefined()
  })

  it('moves no ref that was moved by somebody else meanwhile', async () => {
    const one = await TestRepo.create()
    const two = await TestRepo.create()
    const server = new MemoryServer()
    await one.commit({ a: 'one' })
    await two.commit({ a: 'two' })
    const empty = await openSession(server.connect())
    await empty.close()
    const first = await pushBranch(one.repo, server)
    const second = await pushBranch(two.repo, server, { before: (await two.head())! })
    expect(first.results[0]!.code).toBe('')
    expect(second.results[0]!.code).toBe('ref-moved')
    expect(await server.ref('refs/heads/main')).toBe(await one.head())
  })

  it('is refused to a reader', async () => {
    const test = await TestRepo.create()
    const server = new MemoryServer()
    server.role = 'read'
    await test.commit({ a: 'one' })
    await expect(pushBranch(test.repo, server)).rejects.toSatisfy((error) => hasCode(error, 'access-denied'))
    expect(await server.ref('refs/heads/main')).toBeUndefined()
  })

  it('of a merge brings what came from both sides', async () => {
    const test = await TestRepo.create()
    const server = new MemoryServer()
    await test.commit({ a: 'one', 'x/clip.mov': media(900_000, 'clip') })
    await pushBranch(test.repo, server)
    await test.branch('side')
    const side = await test.commit({ 'side.bin': media(300_000, 'side') })
    await test.switch('main')
    await test.commit({ 'main.bin': media(300_000, 'main'), a: 'two' })
    await test.commit({ 'side.bin': media(300_000, 'side'), both: 'merged' }, { parents: [(await test.head())!, side] } as never)
    await pushBranch(test.repo, server)
    expect(await isWhole(server, (await test.head())!)).toBe(true)
  })
})

describe('fetch', () => {
  it('brings everything that a branch reaches', async () => {
    const source = await TestRepo.create()
    const server = new MemoryServer()
    await source.commit({ 'clip.mov': media(3_000_000, 'clip'), ...manyFiles(300), empty: null })
    const id = await source.commit({ 'more.bin': media(100_000, 'more') })
    await pushBranch(source.repo, server)
    const test = await TestRepo.create()
    const report = await fetchBranch(test.repo, server)
    expect(report.id).toBe(id)
    await markReachable(test.repo.objects, [{ kind: 'commit', id }])
    expect(report.rounds).toBeLessThanOrEqual(4)
  })

  it('brings only what is new', async () => {
    const source = await TestRepo.create()
    const server = new MemoryServer()
    const clip = media(3_000_000, 'clip')
    await source.commit({ 'clip.mov': clip, ...manyFiles(300) })
    await pushBranch(source.repo, server)
    const test = await TestRepo.create()
    await fetchBranch(test.repo, server)
    const id = await source.commit({ 'clip.mov': Buffer.concat([clip, Buffer.from('tail')]) })
    await pushBranch(source.repo, server)
    const report = await fetchBranch(test.repo, server)
    await markReachable(test.repo.objects, [{ kind: 'commit', id }])
    expect(report.bytesIn).toBeLessThan(400_000)
    expect(report.bytesOut).toBeLessThan(4_000)
  })

  it('without content brings commits and trees only', async () => {
    const source = await TestRepo.create()
    const server = new MemoryServer()
    const id = await source.commit({ 'clip.mov': media(3_000_000, 'clip'), ...manyFiles(300) })
    await pushBranch(source.repo, server)
    const test = await TestRepo.create()
    const report = await fetchBranch(test.repo, server, { wantsContent: 'none' })
    expect(report.bytesIn).toBeLessThan(100_000)
    const problems: string[] = []
    await markReachable(test.repo.objects, [{ kind: 'commit', id }], { onProblem: ({ object }) => problems.push(object.kind) })
    expect(new Set(problems)).toEqual(new Set(['manifest', 'chunk']))
  })

  it('brings the content that is wanted', async () => {
    const source = await TestRepo.create()
    const server = new MemoryServer()
    await source.commit({ 'clip.mov': media(3_000_000, 'clip'), 'small.bin': media(50_000, 'small') })
    await pushBranch(source.repo, server)
    const test = await TestRepo.create()
    const report = await fetchBranch(test.repo, server, { wantsContent: (_, size) => size < 100_000 })
    expect(report.bytes).toBeGreaterThan(50_000)
    expect(report.bytes).toBeLessThan(80_000)
  })

  it('with a depth leaves older commits behind, and says where', async () => {
    const source = await TestRepo.create()
    const server = new MemoryServer()
    await source.commit({ a: 'one', 'clip.mov': media(500_000, 'clip') })
    const second = await source.commit({ a: 'two' })
    const third = await source.commit({ a: 'three' })
    await pushBranch(source.repo, server)
    const test = await TestRepo.create()
    const report = await fetchBranch(test.repo, server, { depth: 2 })
    expect(report.shallow).toEqual([second])
    expect(await test.repo.objects.has(third)).toBe(true)
  })

  it('of what has only its newest commits itself brings these with a depth, and is told why nothing without', async () => {
    const source = await TestRepo.create()
    const server = new MemoryServer()
    await source.commit({ a: 'one' })
    const second = await source.commit({ a: 'two' })
    const third = await source.commit({ a: 'three' })
    await pushBranch(source.repo, server)
    const shallow = await shallowCopy(server, 2)
    const test = await TestRepo.create()
    expect((await fetchBranch(test.repo, shallow, { depth: 9 })).shallow).toEqual([second])
    expect(await test.repo.objects.has(third)).toBe(true)
    const whole = await TestRepo.create()
    await expect(fetchBranch(whole.repo, shallow)).rejects.toSatisfy((error) => hasCode(error, 'content-unavailable'))
  })

  it('with a depth counts the commits from one that a tag names as from those of a branch', async () => {
    const source = await TestRepo.create()
    const server = new MemoryServer()
    await source.commit({ a: 'one' })
    await source.commit({ a: 'two' })
    const third = await source.commit({ a: 'three' })
    await pushBranch(source.repo, server)
    const test = await TestRepo.create()
    const report = await fetchBranch(test.repo, server, { depth: 1, tags: [third] })
    expect(report.shallow).toEqual([third])
  })
})

/** A server that has only so many of the newest commits of another. */
async function shallowCopy(server: MemoryServer, depth: number): Promise<MemoryServer> {
  const copy = new MemoryServer()
  const session = await openSession(server.connect())
  const { refs } = await session.refs()
  const target = { store: copy.store, objects: await PackedObjects.open(copy.store), newSessionName: () => 'copy' }
  const { shallow } = await fetchCommits(session, target, { commits: [...refs.values()] }, { haves: [], depth })
  await session.close()
  await changeShallow(copy.store, { add: shallow })
  for (const [name, id] of refs) await createRefs(copy.store).move(name, undefined, id)
  return copy
}

function manyFiles(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`many/${i % 7}/file-${i}.txt`, `content of ${i}`]))
}
