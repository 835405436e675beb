import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRandom } from '../fixtures/random.ts'
import { checkRepository } from './check/check.ts'
import { collectGarbage, type GcReport } from './gc.ts'
import { hashObject, idFromBytes, idToBytes, type Id } from './objects/id.ts'
import { decodeCommit } from './objects/commit.ts'
import { PackedWriter, beginWriting } from './pack/packed-writer.ts'
import { markReachable } from './reachable.ts'
import { TestRepo } from './repo.fixture.ts'
import { closeRepo, openRepo, openWriter, type Repo } from './repo.ts'
import { findRoots } from './roots.ts'
import { withTransfer } from './transfer-lock.ts'

const dayMs = 24 * 60 * 60 * 1000
const noGrace = { graceMs: 0, undoMs: 0 }

/** Stores chunks that nothing refers to, in a pack of their own; answers the pack's name. */
async function storeGarbage(repo: Repo, seed: number, count = 3): Promise<{ pack: string; ids: Id[] }> {
  const random = createRandom(seed)
  const writer = await openWriter(repo)
  const ids = Array.from({ length: count }, () => writer.write('chunk', random.bytes(500)))
  await writer.flush()
  await repo.objects.packs.refresh()
  return { pack: (await repo.objects.locate(ids[0]!))!.pack, ids }
}

/** Commits so often that there are more small packs than are left alone. */
async function commitOften(test: TestRepo, count = 10): Promise<Id[]> {
  const random = createRandom(5)
  const commits: Id[] = []
  for (let i = 0; i < count; i++) commits.push(await test.commit({ [`file${i}.bin`]: random.bytes(3000), 'same.txt': `version ${i}` }))
  return commits
}

/** Lets a pack seem to have been written so many days ago. */
function age(repo: Repo, pack: string, days: number): void {
  const seconds = (Date.now() - days * dayMs) / 1000
  utimesSync(join(repo.folder, 'packs', `${pack}.pack`), seconds, seconds)
}

function hasPack(repo: Repo, pack: string): boolean {
  return statSync(join(repo.folder, 'packs', `${pack}.pack`), { throwIfNoEntry: false }) !== undefined
}

describe('garbage', () => {
  it('is also what killed commands were writing into the working tree, whatever its age', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a/b': 'b' })
    test.write({ '.dits-tmp-1': 'half', 'a/.dits-tmp-2': 'half', 'nested/.dits/x': 'x', 'nested/.dits-tmp-3': 'another repository\'s' })
    await collectGarbage(test.repo, { graceMs: 14 * dayMs, undoMs: 90 * dayMs })
    expect(Object.keys(test.disk()).sort()).toEqual(['a/b', 'nested/.dits-tmp-3', 'nested/.dits/x'])
  })

  it('stays while it is young, and goes after its grace', async () => {
    const test = await TestRepo.create({ now: () => Date.now() })
    await test.commit({ 'a.txt': 'kept' })
    const { pack, ids } = await storeGarbage(test.repo, 1)
    age(test.repo, pack, 13)
    expect((await collectGarbage(test.repo, { graceMs: 14 * dayMs, undoMs: 0 })).objectsRemoved).toBe(0)
    expect(await test.repo.objects.has(ids[0]!)).toBe(true)
    age(test.repo, pack, 15)
    expect((await collectGarbage(test.repo, { graceMs: 14 * dayMs, undoMs: 0 })).objectsRemoved).toBe(3)
    expect(await test.repo.objects.has(ids[0]!)).toBe(false)
    expect((await checkRepository(test.repo, { full: true })).problems).toEqual([])
  })

  it('does not become young again when small packs are put together', async () => {
    const test = await TestRepo.create({ now: () => Date.now() })
    await commitOften(test)
    const { pack, ids } = await storeGarbage(test.repo, 2)
    age(test.repo, pack, 10)
    const report = await collectGarbage(test.repo, { graceMs: 14 * dayMs, undoMs: 0 })
    expect(report.packsAfter).toBe(2)
    expect(hasPack(test.repo, pack)).toBe(true)
    age(test.repo, pack, 15)
    await collectGarbage(test.repo, { graceMs: 14 * dayMs, undoMs: 0 })
    expect(await test.repo.objects.has(ids[0]!)).toBe(false)
  })

  it('goes at once without a grace, whatever the clock says', async () => {
    const test = await TestRepo.create({ now: () => Date.now() - 1000 * dayMs })
    const { ids } = await storeGarbage(test.repo, 3)
    await collectGarbage(test.repo, noGrace)
    expect(await test.repo.objects.has(ids[0]!)).toBe(false)
  })
})

describe('small packs', () => {
  it('are put together without their garbage and with everything else', async () => {
    const test = await TestRepo.create()
    const commits = await commitOften(test)
    await storeGarbage(test.repo, 4)
    const before = test.repo.objects.packs.names
    const report = await collectGarbage(test.repo, noGrace)
    expect(report).toMatchObject({ packsBefore: before.length, packsAfter: 1 })
    expect(test.repo.objects.packs.names.filter((name) => before.includes(name))).toEqual([])
    for (const [i, commit] of commits.entries()) {
      const files = await test.tree(decodeCommit(await test.repo.objects.read('commit', commit)).tree)
      expect(Object.keys(files)).toHaveLength(i + 2)
      expect(files['same.txt']).toBe(`version ${i}`)
    }
    expect((await checkRepository(test.repo, { full: true })).problems).toEqual([])
  })

  it('are left alone where there are few', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a.txt': 'a' })
    await test.repo.objects.packs.refresh()
    const before = test.repo.objects.packs.names
    await collectGarbage(test.repo, noGrace)
    expect(test.repo.objects.packs.names).toEqual(before)
  })

  it('that hold the same object give it to the new pack once', async () => {
    const test = await TestRepo.create()
    await commitOften(test)
    const bytes = Buffer.from('version 3')
    const copies = 3
    for (let i = 0; i < copies; i++) {
      const writer = await openWriter(test.repo)
      writer.append('chunk', hashObject('chunk', bytes), bytes)
      await writer.flush()
    }
    await test.repo.objects.packs.refresh()
    const before = await test.repo.objects.packs.countObjects()
    expect(await test.repo.objects.packs.locateAll(idFromBytes(hashObject('chunk', bytes)))).toHaveLength(copies + 1)
    await collectGarbage(test.repo, noGrace)
    expect(await test.repo.objects.packs.locateAll(idFromBytes(hashObject('chunk', bytes)))).toHaveLength(1)
    expect(await test.repo.objects.packs.countObjects()).toBe(before - copies)
  })
})

describe('an object of which two copies are referred to', () => {
  it('is given to the new pack once', async () => {
    const test = await TestRepo.create()
    await commitOften(test, 5)
    // Each tree is followed from its last entry, so the pack of the other file answers for this one too.
    const twice = Buffer.from('stored twice')
    await test.commit({ 'only/a.txt': twice, 'only/b.txt': 'beside the first copy' })
    const writer = await openWriter(test.repo)
    for (const bytes of [twice, Buffer.from('beside the second copy')]) writer.append('chunk', hashObject('chunk', bytes), bytes)
    await writer.flush()
    await test.commit({ 'only/b.txt': 'beside the second copy' })
    const id = idFromBytes(hashObject('chunk', twice))
    await test.repo.objects.packs.refresh()
    const marks = await markReachable(test.repo.objects, await findRoots(test.repo))
    const copies = await test.repo.objects.packs.locateAll(id)
    expect(copies.filter(({ pack, rank }) => marks.has(pack, rank))).toHaveLength(2)
    await collectGarbage(test.repo, noGrace)
    expect(await test.repo.objects.packs.locateAll(id)).toHaveLength(1)
    expect((await checkRepository(test.repo, { full: true })).problems).toEqual([])
  })
})

describe('a second copy of an object', () => {
  it('stays where the first is damaged, also beside garbage', async () => {
    const test = await TestRepo.create()
    const kept = createRandom(6).bytes(1000)
    await test.commit({ 'a.bin': kept })
    const id = hashObject('chunk', kept)
    const first = (await test.repo.objects.locate(idFromBytes(id)))!
    // Garbage that is looked at before the copy, so that its pack is the one that answered last.
    let garbage = Buffer.alloc(0)
    for (let i = 0; garbage.length === 0 || Buffer.compare(hashObject('chunk', garbage), id) > 0; i++) garbage = Buffer.from(`garbage ${i}`)
    const session = await beginWriting(test.repo.objects.packs, { name: '000000000000-000000000000', objects: 2 })
    const writer = new PackedWriter(test.repo.store, test.repo.objects.packs, session)
    for (const bytes of [garbage, kept]) writer.append('chunk', hashObject('chunk', bytes), bytes)
    await writer.flush()
    const file = join(test.repo.folder, 'packs', `${first.pack}.pack`)
    const pack = readFileSync(file)
    pack[first.offset + 100]! ^= 1
    writeFileSync(file, pack)
    const repo = await test.reopen()
    await expect(collectGarbage(repo, noGrace)).rejects.toMatchObject({ code: 'object-damaged' })
    expect(await repo.objects.packs.locateAll(idFromBytes(id))).toHaveLength(2)
    expect(Buffer.compare(await repo.objects.read('chunk', idFromBytes(id)), kept)).toBe(0)
  })
})

describe('what undo keeps', () => {
  it('is counted apart from what names keep, and goes with its operations', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a.bin': createRandom(7).bytes(5000) })
    const undoMs = 1000 * dayMs
    const collect = (options: typeof noGrace): Promise<GcReport> => collectGarbage(test.repo, options)
    const before = (await collect({ graceMs: 0, undoMs })).keptForUndo
    await test.commit({ 'a.bin': createRandom(8).bytes(60_000) })
    // The commit, and what was staged for it.
    await test.undo()
    await test.undo()
    const { keptForUndo } = await collect({ graceMs: 0, undoMs })
    expect(keptForUndo.bytes - before.bytes).toBeGreaterThan(60_000)
    expect(keptForUndo.objects).toBeGreaterThan(before.objects)
    await test.commit({ 'b.txt': 'the last operation' })
    const after = await collect(noGrace)
    expect(after.keptForUndo.bytes).toBeLessThan(10_000)
    expect(after.objectsRemoved).toBeGreaterThan(0)
  })
})

describe('a pack that has no index yet', () => {
  /** Leaves one, as a writer does for an instant, or for good where it dies; answers whether a collection without a grace period leaves it. */
  async function staysWithout(days: number, config: string): Promise<boolean> {
    const test = await TestRepo.create()
    await test.repo.store.put('config', Buffer.from(config))
    await test.reopen({ now: () => Date.now() })
    const { pack } = await storeGarbage(test.repo, 8)
    await test.repo.store.delete(`packs/${pack}.idx`)
    age(test.repo, pack, days)
    await collectGarbage(test.repo, noGrace)
    return (await test.repo.store.stat(`packs/${pack}.pack`)) !== undefined
  }

  it('goes at once where nobody can be at work on it', async () => expect(await staysWithout(0, '')).toBe(false))

  it('stays for a day where readers may be bringing content', async () => {
    const partial = 'remote.origin.filter = none\n'
    expect(await staysWithout(0.9, partial), 'or its index would come to a pack that is gone').toBe(true)
    expect(await staysWithout(1.1, partial)).toBe(false)
  })
})

describe('who reads while packs are put together', () => {
  /** Calls `read` with a second open repository; during its read number `at` of the store, the first one collects. Answers how many reads there were. */
  async function readBesideGc(prepared: string, at: number, read: (repo: Repo, test: TestRepo) => Promise<void>): Promise<number> {
    const root = mkdtempSync(join(tmpdir(), 'dits-beside-'))
    onTestFinished(() => rmSync(root, { recursive: true, force: true }))
    cpSync(prepared, root, { recursive: true })
    const test = await TestRepo.create()
    const [reader, collector] = [await openRepo(root, test.env()), await openRepo(root, test.env())]
    let reads = 0
    const counted = async () => {
      if (reads++ === at) expect((await collectGarbage(collector, noGrace)).packsAfter).toBe(1)
    }
    const { get, stat } = reader.store
    reader.store.get = async (...args) => (await counted(), get.apply(reader.store, args))
    reader.store.stat = async (...args) => (await counted(), stat.apply(reader.store, args))
    try {
      await read(reader, test)
    } catch (error) {
      throw new Error(`with a collection at read ${at}`, { cause: error })
    } finally {
      await Promise.all([closeRepo(reader), closeRepo(collector)])
    }
    return reads
  }

  const readers: [string, (repo: Repo, commits: readonly Id[], test: TestRepo) => Promise<void>][] = [
    ['gets every file of every version', async (repo, commits, test) => {
      const whole = Object.assign(Object.create(Object.getPrototypeOf(test)) as TestRepo, { repo })
      for (const commit of commits) {
        const files = await whole.tree(decodeCommit(await repo.objects.read('commit', commit)).tree)
        expect(files['same.txt']).toBe(`version ${commits.indexOf(commit)}`)
      }
    }],
    ['finds nothing wrong in a check', async (repo) => expect((await checkRepository(repo, { full: false })).problems).toEqual([])],
    ['finds nothing wrong in a check that reads everything', async (repo) => expect((await checkRepository(repo, { full: true })).problems).toEqual([])],
    ['finds commits by the start of their ids', async (repo, commits) => {
      for (const id of commits) expect(await repo.objects.packs.findByPrefix(id.slice(0, 12), 2)).toEqual([{ id, kind: 'commit' }])
    }],
    ['finds what is stored before it writes', async (repo, commits) => {
      for (const id of commits) expect(await repo.objects.packs.locateAnywhere(idToBytes(id))).toBeDefined()
    }],
  ]
  it.each(readers)('%s', async (_, read) => {
    const test = await TestRepo.create()
    const commits = await commitOften(test, 5)
    const readsMax = await readBesideGc(test.root, Infinity, (repo, other) => read(repo, commits, other))
    const random = createRandom(9)
    const tried = new Set([0, 1, readsMax - 1, ...Array.from({ length: 12 }, () => random.below(readsMax))])
    for (const at of tried) expect(await readBesideGc(test.root, at, (repo, other) => read(repo, commits, other))).toBeGreaterThan(at)
  }, 60_000)
})

describe('a transfer', () => {
  it('keeps a collection from beginning, because what it found must stay until it is referred to', async () => {
    const test = await TestRepo.create()
    await storeGarbage(test.repo, 10)
    let isOver = false
    const waiting = Promise.withResolvers<void>()
    const other = await openRepo(test.root, test.env({ onWarning: () => waiting.resolve() }))
    onTestFinished(() => closeRepo(other))
    const { collecting } = await withTransfer(test.repo, async () => {
      const report = collectGarbage(other, noGrace).then(({ objectsRemoved }) => ({ objectsRemoved, isOver }))
      await waiting.promise
      isOver = true
      return { collecting: report }
    })
    expect(await collecting).toEqual({ objectsRemoved: 3, isOver: true })
  })
})
