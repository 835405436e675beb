import { chmodSync, cpSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { readCommit } from '../changing/head.ts'
import { switchTo } from '../changing/switch.ts'
import { checkRepository } from '../check/check.ts'
import { createOpLog } from '../oplog.ts'
import { createRefs } from '../refs/refs.ts'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { readIndex } from '../staging/stage.ts'
import type { DiskStore } from '../store/disk-store.ts'
import { CrashError, FaultyStore } from '../store/faulty-store.ts'
import { dehydratePaths } from './dehydrate.ts'
import { countGhosts } from './ghost-files.ts'
import { hydratePaths } from './hydrate.ts'
import { contentIsHere } from './hydrate-content.ts'
import { CopyingSource, ghostsOnDisk, makeCheckedOut, online, type PartialPair } from './partial-repo.fixture.ts'

const random = createRandom(23)
const takes = { 'a.mov': random.bytes(80_000), 'b.mov': random.bytes(80_000), 'sub/c.txt': 'third' }

async function makeFull(): Promise<TestRepo> {
  const full = await TestRepo.create()
  await full.commit({ ...takes, link: 'l:a.mov', '.ditsignore': '*.tmp' })
  return full
}

/** A repository with everything, whose remote has everything, too; and a copy of it for content to come from. */
async function makePushed(): Promise<PartialPair> {
  const [full, partial] = [await makeFull(), await makeFull()]
  await partial.repo.refs.move('refs/remotes/origin/main', undefined, (await partial.head())!)
  return { full, partial, source: new CopyingSource(full.repo, () => partial.repo) }
}

async function isHere(test: TestRepo, path: string): Promise<boolean> {
  return contentIsHere(test.repo.objects, (await readIndex(test.repo))!.get(specOf(path).literals[0]!)!)
}

const latin1 = (path: keyof typeof takes) => Buffer.from(takes[path]).toString('latin1')

describe('hydrating', () => {
  it('turns the named ghosts into files, in few rounds', async () => {
    const { partial, source } = await makeCheckedOut(await makeFull(), 'none')
    source.calls = []
    const dry = await hydratePaths(partial.repo, specOf('*.mov'), { dryRun: true })
    expect(dry).toMatchObject({ bytes: 160_000, missingBytes: 160_000 })
    expect(source.calls).toEqual([])
    const report = await hydratePaths(partial.repo, specOf('*.mov'))
    expect(report).toEqual({ files: [{ path: 'a.mov', size: 80_000 }, { path: 'b.mov', size: 80_000 }], bytes: 160_000, missingBytes: 160_000, changed: [] })
    expect(source.rounds.map((round) => round.split(' ')[1])).toEqual(['manifest', 'chunk'])
    expect(partial.disk()['a.mov']).toBe(latin1('a.mov'))
    expect(statSync(partial.path('a.mov')).mode & 0o200).toBe(0o200)
    expect(ghostsOnDisk(partial, 'a.mov', 'b.mov', 'sub/c.txt')).toEqual(['sub/c.txt'])
    expect(countGhosts(await readIndex(partial.repo), everything)).toEqual({ files: 1, bytes: 5 })
    expect(await partial.status()).toEqual([])
    writeFileSync(partial.path('a.mov'), 'work')
    expect(await partial.status()).toEqual(['modified a.mov'])
  })

  it('leaves alone what somebody changed', async () => {
    const { partial } = await makeCheckedOut(await makeFull(), 'none')
    chmodSync(partial.path('a.mov'), 0o644)
    writeFileSync(partial.path('a.mov'), 'work')
    rmSync(partial.path('b.mov'))
    expect(await hydratePaths(partial.repo, everything)).toMatchObject({ files: [{ path: 'sub/c.txt' }], changed: ['a.mov', 'b.mov'] })
    expect(partial.disk()).toMatchObject({ 'a.mov': 'work', 'sub/c.txt': 'third' })
  })

  it('leaves alone what somebody changes while the content comes', async () => {
    const { partial, source } = await makeCheckedOut(await makeFull(), 'none')
    source.beforeObject = () => {
      chmodSync(partial.path('a.mov'), 0o644)
      writeFileSync(partial.path('a.mov'), 'work')
    }
    expect(await hydratePaths(partial.repo, specOf('a.mov'))).toMatchObject({ files: [], changed: ['a.mov'] })
    expect(partial.disk()['a.mov']).toBe('work')
  })

  it('leaves ghosts where the content cannot be had', async () => {
    const { partial, source } = await makeCheckedOut(await makeFull(), 'none')
    source.beforeObject = ({ kind }) => {
      if (kind === 'chunk') throw new Error('the cable was cut')
    }
    await expect(hydratePaths(partial.repo, everything)).rejects.toThrow('the cable was cut')
    await partial.reopen()
    await expect(hydratePaths(partial.repo, everything)).rejects.toMatchObject({ code: 'content-unavailable', message: expect.stringContaining("'a.mov'") })
    expect(ghostsOnDisk(partial, 'a.mov', 'b.mov', 'sub/c.txt')).toHaveLength(3)
    expect(await partial.status()).toEqual([])
  })

  it('refuses a name that nothing is at', async () => {
    const { partial } = await makeCheckedOut(await makeFull(), 'none')
    await expect(hydratePaths(partial.repo, specOf('nothing'))).rejects.toMatchObject({ code: 'no-such-path' })
  })
})

describe('dehydrating', () => {
  it('turns files into ghosts, drops their content, and hydrating brings it back', async () => {
    const { partial, source } = await makePushed()
    const dry = await dehydratePaths(partial.repo, specOf('a.mov'), { dryRun: true })
    expect(await partial.status()).toEqual([])
    expect(ghostsOnDisk(partial, 'a.mov')).toEqual([])
    const report = await dehydratePaths(partial.repo, specOf('a.mov'))
    expect(report).toEqual(dry)
    expect(report).toMatchObject({ files: [{ path: 'a.mov', size: 80_000 }], bytes: 80_000, changed: [] })
    expect(report.storeBytes).toBeGreaterThan(80_000)
    await partial.reopen(online(source))
    expect(partial.repo.config.get('remote.origin.filter')).toBe('path:*,!/a.mov')
    expect(ghostsOnDisk(partial, 'a.mov', 'b.mov', 'sub/c.txt')).toEqual(['a.mov'])
    expect([await isHere(partial, 'a.mov'), await isHere(partial, 'b.mov')]).toEqual([false, true])
    expect(await partial.status()).toEqual([])
    expect((await checkRepository(partial.repo, { full: true })).problems).toEqual([])
    await hydratePaths(partial.repo, everything)
    expect(partial.disk()['a.mov']).toBe(latin1('a.mov'))
    expect(await partial.status()).toEqual([])
  })

  it('keeps what the files of everything need even so: rules and links', async () => {
    const { partial } = await makePushed()
    await dehydratePaths(partial.repo, everything)
    await partial.reopen()
    expect(partial.repo.config.get('remote.origin.filter')).toBe('none')
    expect(ghostsOnDisk(partial, 'a.mov', 'b.mov', 'sub/c.txt', '.ditsignore')).toEqual(['a.mov', 'b.mov', 'sub/c.txt'])
    expect(partial.disk()).toMatchObject({ link: 'l:a.mov', '.ditsignore': '*.tmp' })
    expect(await isHere(partial, 'link')).toBe(true)
    expect(await isHere(partial, 'b.mov')).toBe(false)
  })

  it('refuses, naming them, files whose content no remote is known to have, and changes nothing', async () => {
    const { partial } = await makePushed()
    await partial.commit({ 'a.mov': 'a new take', 'd.mov': 'a fourth' })
    await expect(dehydratePaths(partial.repo, everything)).rejects.toMatchObject({ code: 'not-on-remote', message: expect.stringMatching(/'a.mov'.*'d.mov'/) })
    await expect(dehydratePaths(partial.repo, specOf('b.mov'), { remote: 'backup' })).rejects.toMatchObject({ code: 'not-on-remote' })
    await partial.reopen()
    expect(partial.repo.config.get('remote.origin.filter')).toBeUndefined()
    expect(ghostsOnDisk(partial, 'a.mov', 'b.mov', 'd.mov')).toEqual([])
  })

  it('counts on what a remote has now, where it can be asked', async () => {
    const { partial } = await makePushed()
    const pushed = (await partial.head())!
    const unknown = 'e'.repeat(64) as typeof pushed
    for (const now of [undefined, [], [unknown]]) {
      await expect(dehydratePaths(partial.repo, specOf('b.mov'), { askTips: async () => now })).rejects.toMatchObject({ code: 'not-on-remote' })
    }
    await partial.commit({ 'later.mov': 'pushed by now, as the remote says' })
    const later = (await partial.head())!
    const { files } = await dehydratePaths(partial.repo, specOf('b.mov'), { askTips: async (remote) => (remote === 'origin' ? [unknown, later] : []) })
    expect(files).toHaveLength(1)
  })

  it('drops no content that is in unpushed commits or uncommitted work, or that other paths have', async () => {
    const { partial } = await makePushed()
    const unpushed = random.bytes(70_000)
    await partial.commit({ 'unpushed.mov': unpushed })
    await partial.commit({ 'unpushed.mov': undefined, 'same.mov': takes['b.mov'] })
    partial.write({ 'b.mov': 'work' })
    const { files, changed } = await dehydratePaths(partial.repo, specOf('a.mov', 'b.mov', 'sub'))
    expect(files.map(({ path }) => path)).toEqual(['a.mov', 'sub/c.txt'])
    expect(changed).toEqual(['b.mov'])
    await partial.reopen()
    expect(partial.disk()).toMatchObject({ 'b.mov': 'work', 'same.mov': latin1('b.mov') })
    expect(await isHere(partial, 'same.mov')).toBe(true)
    expect(await partial.status()).toEqual(['modified b.mov'])
    const before = (await partial.repo.refs.read('refs/heads/main'))!
    const [parent] = (await readCommit(partial.repo, before)).parents
    partial.write({ 'b.mov': takes['b.mov'] })
    await switchTo(partial.repo, { id: parent!, head: { id: parent! } }, { force: false })
    expect(partial.disk()['unpushed.mov']).toBe(unpushed.toString('latin1'))
  })

  it('drops older versions of the paths with the newest, and keeps those of other paths', async () => {
    const { partial } = await makePushed()
    await partial.commit({ 'a.mov': random.bytes(50_000), 'b.mov': random.bytes(50_000) })
    await partial.repo.refs.move('refs/remotes/origin/main', (await partial.repo.refs.read('refs/remotes/origin/main'))!, (await partial.head())!)
    const { storeBytes } = await dehydratePaths(partial.repo, specOf('a.mov'))
    expect(storeBytes).toBeGreaterThan(130_000)
    expect(storeBytes).toBeLessThan(140_000)
  })

  it('finds nothing more to do the second time', async () => {
    const { partial } = await makePushed()
    await dehydratePaths(partial.repo, everything)
    await partial.reopen()
    expect(await dehydratePaths(partial.repo, everything)).toEqual({ files: [], bytes: 0, storeBytes: 0, changed: [] })
  })
})

describe('dying half-way', () => {
  let template: string
  beforeAll(() => void (template = mkdtempSync(join(tmpdir(), 'dits-ghosts-'))))
  afterAll(() => rmSync(template, { recursive: true, force: true }))

  async function save(test: TestRepo): Promise<void> {
    await test.repo.store.close()
    rmSync(template, { recursive: true, force: true })
    cpSync(test.root, template, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
    await test.reopen()
  }

  async function rewind(test: TestRepo): Promise<void> {
    await test.repo.store.close()
    rmSync(test.root, { recursive: true, force: true })
    cpSync(template, test.root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  }

  /** Runs a command that dies at its nth write to the store, or at its nth file; answers false where it has fewer. */
  async function dieAt(pair: PartialPair, point: { write?: number; file?: number }, run: (test: TestRepo) => Promise<unknown>): Promise<boolean> {
    const { partial } = pair
    await rewind(partial)
    let files = 0
    const onProgress = ({ task }: { task: string }) => {
      if (task === 'writing' && ++files === point.file) throw new CrashError()
    }
    const opened = await partial.reopen({ ...online(pair.source), onProgress })
    const store = new FaultyStore(opened.store, point.write === undefined ? undefined : { kind: 'crash', at: point.write, left: 'nothing' })
    partial.repo = { ...opened, store: store as unknown as DiskStore, refs: createRefs(store), oplog: createOpLog(store) }
    const died = await run(partial).then(() => false, (error: unknown) => {
      if (error instanceof CrashError) return true
      throw error
    })
    partial.repo = opened
    await partial.reopen(online(pair.source))
    return died
  }

  it.each<[string, () => Promise<PartialPair>, (test: TestRepo) => Promise<unknown>]>([
    ['hydrate', async () => makeCheckedOut(await makeFull(), 'none'), ({ repo }) => hydratePaths(repo, everything)],
    ['dehydrate', makePushed, ({ repo }) => dehydratePaths(repo, everything)],
  ])('%s leaves ghosts and whole files, and can be run again', { timeout: 120_000 }, async (name, prepare, run) => {
    const pair = await prepare()
    const { partial } = pair
    // Older than the index by far, so that nothing is hashed only because it is new.
    for (const path of Object.keys(takes)) if (name === 'dehydrate') utimesSync(partial.path(path), 1, 1)
    await partial.status()
    await save(partial)
    let points = 0
    for (const kind of ['write', 'file'] as const) {
      for (let at = 1; await dieAt(pair, { [kind]: at }, run); at++, points++) {
        const shown = `${kind} ${at}`
        expect(await partial.status(), shown).toEqual([])
        for (const path of Object.keys(takes) as (keyof typeof takes)[]) {
          // Copying the template may have filled the holes.
          const isGhost = partial.disk()[path] === '\0'.repeat(takes[path].length)
          if (!isGhost) expect(partial.disk()[path], shown).toBe(latin1(path))
          if (!isGhost) expect(await isHere(partial, path), shown).toBe(true)
        }
        expect((await checkRepository(partial.repo, { full: true })).problems, shown).toEqual([])
        await run(partial)
        await partial.reopen(online(pair.source))
        expect(await partial.status(), shown).toEqual([])
        expect(countGhosts(await readIndex(partial.repo), everything).files, shown).toBe(name === 'hydrate' ? 0 : 3)
        expect(await isHere(partial, 'a.mov'), shown).toBe(name === 'hydrate')
      }
    }
    expect(points).toBeGreaterThan(4)
  })
})
