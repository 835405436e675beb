import { appendFileSync, chmodSync, statSync, truncateSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { pathFromText } from '../bytes.ts'
import { commitStaged } from '../changing/commit.ts'
import { readCommit } from '../changing/head.ts'
import { resetTo } from '../changing/reset.ts'
import { switchTo } from '../changing/switch.ts'
import { applyStash } from '../merging/stash-apply.ts'
import { listStash } from '../merging/stash-entry.ts'
import { pushStash } from '../merging/stash-push.ts'
import type { Id } from '../objects/id.ts'
import { entryAtPath } from '../objects/tree.ts'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { restorePaths } from '../staging/restore.ts'
import { addPaths } from '../staging/stage.ts'
import { dehydratePaths } from './dehydrate.ts'
import { bringContent } from './hydrate-content.ts'
import { hydratePaths } from './hydrate.ts'
import { fetchStructure, ghostsOnDisk, makeCheckedOut, online, type PartialPair } from './partial-repo.fixture.ts'

const clipPath = pathFromText('clip.mov')
const clip = createRandom(31).bytes(400_000)
const older = createRandom(32).bytes(300_000)
/** Shares almost all of its chunks with what the remote has. */
const work = Buffer.concat([clip, Buffer.from('more')])

const shown = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
const putAside = (test: TestRepo) => pushStash(test.repo, { spec: everything, untracked: false, keepIndex: false })
const pop = (test: TestRepo) => applyStash(test.repo, undefined, { drop: true, index: false })
const discard = (test: TestRepo) => restorePaths(test.repo, specOf('clip.mov'), { source: 'staged', staged: false, worktree: true })

let pair: PartialPair
let partial: TestRepo

/** A partial repository in which one file was brought and worked on. */
beforeEach(async () => {
  const full = await TestRepo.create()
  await full.commit({ 'clip.mov': older })
  await full.commit({ 'clip.mov': clip, 'other.mov': createRandom(33).bytes(50_000) })
  pair = await makeCheckedOut(full, 'none')
  partial = pair.partial
  await hydratePaths(partial.repo, specOf('clip.mov'))
  appendFileSync(partial.path('clip.mov'), 'more')
})

async function dehydrate(): Promise<void> {
  await dehydratePaths(partial.repo, everything)
  await partial.reopen(online(pair.source))
  expect(ghostsOnDisk(partial, 'clip.mov', 'other.mov')).toEqual(['clip.mov', 'other.mov'])
}

/** What a file that is worked on again must be to every command. */
async function expectWork(): Promise<void> {
  expect(partial.disk()['clip.mov']).toBe(shown(work))
  expect(await partial.status()).toEqual(['modified clip.mov'])
  expect(await hydratePaths(partial.repo, specOf('clip.mov'))).toMatchObject({ files: [], changed: ['clip.mov'] })
  await addPaths(partial.repo, everything)
  expect(await partial.status()).toEqual(['staged modified clip.mov'])
  await commitStaged(partial.repo, { message: 'the work' })
  expect(await partial.status()).toEqual([])
  expect(partial.disk()['clip.mov']).toBe(shown(work))
}

describe('uncommitted work whose other chunks were dropped here', () => {
  it('comes back with its content by stash pop', async () => {
    await putAside(partial)
    await dehydrate()
    expect(await pop(partial)).toMatchObject({ written: 1, dropped: true })
    await expectWork()
  })

  it('stays in the stash, and nothing changes, where the rest cannot be had', async () => {
    await putAside(partial)
    await dehydrate()
    await partial.reopen()
    await expect(pop(partial)).rejects.toMatchObject({ code: 'content-unavailable', message: expect.stringContaining("'clip.mov'") })
    expect(partial.warnings).toEqual([])
    expect(await listStash(partial.repo)).toHaveLength(1)
    expect(ghostsOnDisk(partial, 'clip.mov')).toEqual(['clip.mov'])
    expect(await partial.status()).toEqual([])
    await partial.reopen(online(pair.source))
    await pop(partial)
    await expectWork()
  })

  it('comes back with its content by undo of the stash, and of the pop that was undone', async () => {
    await putAside(partial)
    await dehydrate()
    await partial.undo()
    expect(partial.disk()['clip.mov']).toBe(shown(work))
    await partial.undo({ redo: true })
    await dehydrate()
    await pop(partial)
    await partial.undo()
    await dehydrate()
    await partial.undo({ redo: true })
    await expectWork()
  })

  it('comes back with its content by undo of a restore, or not at all', async () => {
    await discard(partial)
    await dehydrate()
    await partial.reopen()
    await expect(partial.undo()).rejects.toMatchObject({ code: 'content-unavailable' })
    expect(await partial.status()).toEqual([])
    await partial.reopen(online(pair.source))
    await partial.undo()
    await expectWork()
  })

  it('comes back with its content where it was staged', async () => {
    await partial.add()
    await resetTo(partial.repo, (await partial.head())!, 'hard')
    await dehydrate()
    await partial.undo()
    expect(partial.disk()['clip.mov']).toBe(shown(work))
    expect(await partial.status()).toEqual(['staged modified clip.mov'])
  })
})

describe('a commit that no remote has', () => {
  let mine: Id
  let theirs: Id

  beforeEach(async () => {
    theirs = (await partial.head())!
    await partial.add()
    mine = (await commitStaged(partial.repo, { message: 'mine' })).id
    await switchTo(partial.repo, { id: theirs, head: { id: theirs } }, { force: false })
    await dehydrate()
  })

  it('is checked out with the content of what only it has', async () => {
    await switchTo(partial.repo, { id: mine, head: { id: mine } }, { force: false })
    expect(partial.disk()['clip.mov']).toBe(shown(work))
    expect(ghostsOnDisk(partial, 'clip.mov', 'other.mov')).toEqual(['other.mov'])
    expect(await partial.status()).toEqual([])
  })

  it('is left alone where that cannot be had', async () => {
    await partial.reopen()
    await expect(switchTo(partial.repo, { id: mine, head: { id: mine } }, { force: false })).rejects.toMatchObject({ code: 'content-unavailable' })
    expect(await partial.head()).toBe(theirs)
    expect(await partial.status()).toEqual([])
  })
})

describe('a version that a remote has', () => {
  /** The commit before the tip, of which the recipes are here and the chunks are not. */
  async function readOlder(): Promise<Id> {
    const [parent] = (await readCommit(partial.repo, (await partial.head())!)).parents
    const entry = await entryAtPath(partial.repo.objects, (await readCommit(partial.repo, parent!)).tree, clipPath)
    await bringContent(partial.repo, [entry!], { recipesOnly: true })
    return parent!
  }

  it('comes as a ghost although its recipe is here', async () => {
    await discard(partial)
    await dehydrate()
    await resetTo(partial.repo, await readOlder(), 'hard')
    expect(ghostsOnDisk(partial, 'clip.mov')).toEqual(['clip.mov'])
    expect(await partial.status()).toEqual([])
  })

  it('comes with its content where another is staged', async () => {
    await discard(partial)
    await dehydrate()
    const { tree } = await readCommit(partial.repo, await readOlder())
    await restorePaths(partial.repo, specOf('clip.mov'), { source: { tree }, staged: false, worktree: true })
    expect(partial.disk()['clip.mov']).toBe(shown(older))
    expect(await partial.status()).toEqual(['modified clip.mov'])
    await addPaths(partial.repo, everything)
    expect(await partial.status()).toEqual(['staged modified clip.mov'])
  })
})

describe('a file of zeros where another version is staged', () => {
  it('is hydrated', async () => {
    await discard(partial)
    await dehydrate()
    await pair.full.commit({ 'clip.mov': work })
    await resetTo(partial.repo, await fetchStructure(pair), 'mixed')
    expect(await partial.status()).toEqual(['modified clip.mov'])
    expect(await hydratePaths(partial.repo, specOf('clip.mov'))).toMatchObject({ files: [{ path: 'clip.mov', size: work.length }], changed: [] })
    expect(partial.disk()['clip.mov']).toBe(shown(work))
    expect(await partial.status()).toEqual([])
  })

  it('is left alone where it is empty', async () => {
    await discard(partial)
    await dehydrate()
    chmodSync(partial.path('clip.mov'), 0o644)
    truncateSync(partial.path('clip.mov'), 0)
    expect(await hydratePaths(partial.repo, specOf('clip.mov'))).toMatchObject({ files: [], changed: ['clip.mov'] })
    expect(statSync(partial.path('clip.mov')).size).toBe(0)
  })
})
