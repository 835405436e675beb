import { chmodSync, closeSync, copyFileSync, lstatSync, openSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { commitStaged } from '../changing/commit.ts'
import { resetTo } from '../changing/reset.ts'
import { pushStash } from '../merging/stash-push.ts'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { restorePaths } from '../staging/restore.ts'
import { addPaths, readIndex } from '../staging/stage.ts'
import { checkOut, fetchStructure, ghostsOnDisk, makeCheckedOut, makePartial, online, type PartialPair } from './partial-repo.fixture.ts'

const clip = createRandom(11).bytes(100_000)

async function makeFull(): Promise<TestRepo> {
  const full = await TestRepo.create()
  await full.commit({ 'clip.mov': clip, 'notes.txt': 'some notes', 'run.sh': 'x:echo', link: 'l:notes.txt', empty: '', '.ditsignore': '*.tmp' })
  return full
}

const makePair = async (filter = 'none'): Promise<PartialPair> => makeCheckedOut(await makeFull(), filter)

describe('checking out a partial repository', () => {
  it('leaves ghosts where content is not wanted, and brings what is', async () => {
    const { partial } = await makePair()
    expect(ghostsOnDisk(partial, 'clip.mov', 'notes.txt', 'run.sh', 'empty', '.ditsignore')).toEqual(['clip.mov', 'notes.txt', 'run.sh'])
    expect(statSync(partial.path('clip.mov')).size).toBe(100_000)
    expect(lstatSync(partial.path('clip.mov')).mode & 0o777).toBe(0o444)
    expect(lstatSync(partial.path('run.sh')).mode & 0o111).not.toBe(0)
    expect(partial.disk()).toMatchObject({ link: 'l:notes.txt', empty: '', '.ditsignore': '*.tmp' })
    expect(await partial.status()).toEqual([])
  })

  it('brings everything that is wanted in few rounds before it changes anything', async () => {
    const { partial, source } = await makePair('size:1K')
    expect(ghostsOnDisk(partial, 'clip.mov', 'notes.txt', 'run.sh')).toEqual(['clip.mov'])
    expect(partial.disk()).toMatchObject({ 'notes.txt': 'some notes', 'run.sh': 'x:echo' })
    expect(source.rounds).toEqual(['4 chunk'])
  })

  it('changes nothing where what is wanted cannot be had', async () => {
    const { partial } = await makePartial(await makeFull(), 'path:notes.txt', { offline: true })
    await expect(checkOut(partial)).rejects.toMatchObject({ code: 'content-unavailable', message: expect.stringContaining("'notes.txt'") })
    expect(partial.disk()).toEqual({})
    expect(await partial.operations()).toEqual([])
  })

  it('is the same after the index is gone', async () => {
    const { partial } = await makePair()
    await partial.repo.store.delete('index')
    await resetTo(partial.repo, (await partial.head())!, 'mixed')
    expect(await partial.status()).toEqual([])
    expect((await readIndex(partial.repo))?.hasGhosts).toBe(true)
  })
})

describe('a ghost that is touched', () => {
  const touches: [string, (path: string) => void][] = [
    ['by touch', (path) => utimesSync(path, 1, 1)],
    ['by chmod', (path) => chmodSync(path, 0o755)],
    ['by a copy in its place', (path) => { rmSync(path); writeFileSync(path, ''); truncateSync(path, 100_000) }],
  ]
  it.each(touches)('%s is a ghost still, and is not staged', async (_, touch) => {
    const { partial } = await makePair()
    touch(partial.path('clip.mov'))
    await partial.reopen()
    const report = await addPaths(partial.repo, everything)
    expect([...report.added, ...report.modified]).toEqual([])
    expect(await partial.status()).toEqual([])
    const index = (await readIndex(partial.repo))!
    expect(index.isGhostAt(index.find(specOf('clip.mov').literals[0]!)!)).toBe(true)
  })

  it('is replaced by another version without complaint', async () => {
    const pair = await makePair()
    const { full, partial } = pair
    await full.commit({ 'clip.mov': clip.subarray(1) })
    const tip = await fetchStructure(pair)
    utimesSync(partial.path('clip.mov'), 1, 1)
    await resetTo(partial.repo, tip, 'hard')
    expect(statSync(partial.path('clip.mov')).size).toBe(99_999)
    expect(ghostsOnDisk(partial, 'clip.mov')).toEqual(['clip.mov'])
    expect(await partial.status()).toEqual([])
  })

  it('whose content is put there by hand is a file like any other', async () => {
    const { partial } = await makePair()
    chmodSync(partial.path('clip.mov'), 0o644)
    writeFileSync(partial.path('clip.mov'), clip)
    expect(await partial.status()).toEqual([])
    expect((await readIndex(partial.repo))!.get(specOf('clip.mov').literals[0]!)?.isGhost).toBeUndefined()
    writeFileSync(partial.path('clip.mov'), 'new work')
    await expect(addPaths(partial.repo, everything)).resolves.toMatchObject({ modified: ['clip.mov'] })
  })
})

describe('a ghost that was written to', () => {
  const writes: [string, (path: string) => void][] = [
    ['in its middle', (path) => { const fd = openSync(path, 'r+'); writeSync(fd, 'x', 5000); closeSync(fd) }],
    ['at its end', (path) => writeFileSync(path, 'more', { flag: 'a' })],
    ['by cutting it', (path) => truncateSync(path, 5)],
    ['by a file in its place', (path) => { writeFileSync(`${path}.new`, Buffer.alloc(100_000, 'x')); renameSync(`${path}.new`, path) }],
  ]
  it.each(writes)('%s is not staged silently', async (_, write) => {
    const { partial } = await makePair()
    chmodSync(partial.path('clip.mov'), 0o644)
    write(partial.path('clip.mov'))
    expect(await partial.status()).toEqual(['modified clip.mov'])
    for (const options of [{}, { trackedOnly: true }]) {
      await expect(addPaths(partial.repo, everything, options)).rejects.toMatchObject({ code: 'ghost-changed', message: expect.stringContaining("'clip.mov'"), hint: expect.stringContaining('--force') })
    }
    await expect(pushStash(partial.repo, { spec: everything, untracked: true, keepIndex: false })).rejects.toMatchObject({ code: 'ghost-changed' })
    await addPaths(partial.repo, everything, { force: true })
    expect(await partial.status()).toEqual(['staged modified clip.mov'])
  })

  it('is brought back with its content by restore, and what was in it by undo', async () => {
    const { partial } = await makePair()
    chmodSync(partial.path('clip.mov'), 0o644)
    writeFileSync(partial.path('clip.mov'), 'work')
    await restorePaths(partial.repo, specOf('clip.mov'), { source: 'staged', staged: false, worktree: true })
    expect(partial.disk()['clip.mov']).toBe(clip.toString('latin1'))
    await partial.undo()
    expect(partial.disk()['clip.mov']).toBe('work')
  })
})

describe('zeros that a ghost left elsewhere', () => {
  it('are not staged under another name', async () => {
    const { partial } = await makePair()
    renameSync(partial.path('clip.mov'), partial.path('moved.mov'))
    await expect(addPaths(partial.repo, everything)).rejects.toMatchObject({ code: 'ghost-changed', message: expect.stringContaining("'moved.mov'") })
    copyFileSync(partial.path('notes.txt'), partial.path('copy.txt'))
    await expect(addPaths(partial.repo, specOf('copy.txt'))).rejects.toMatchObject({ code: 'ghost-changed' })
  })

  it('are not staged where the index says another version', async () => {
    const pair = await makePair()
    await pair.full.commit({ 'clip.mov': clip.subarray(7) })
    await resetTo(pair.partial.repo, await fetchStructure(pair), 'mixed')
    expect(await pair.partial.status()).toEqual(['modified clip.mov'])
    await expect(addPaths(pair.partial.repo, everything)).rejects.toMatchObject({ code: 'ghost-changed' })
  })

  it('may be staged where no content is missing anywhere', async () => {
    const full = await makeFull()
    full.write({ 'zeros.bin': Buffer.alloc(100_000) })
    await expect(addPaths(full.repo, everything)).resolves.toMatchObject({ added: ['zeros.bin'] })
  })
})

describe('going to another version', () => {
  it('keeps hydrated what is hydrated, and brings no more', async () => {
    const pair = await makePair('path:notes.txt')
    const { full, partial, source } = pair
    await full.commit({ 'clip.mov': clip.subarray(1), 'notes.txt': 'newer notes', 'new.mov': clip.subarray(2) })
    const tip = await fetchStructure(pair)
    await partial.reopen(online(source))
    source.calls = []
    await resetTo(partial.repo, tip, 'hard')
    expect(ghostsOnDisk(partial, 'clip.mov', 'notes.txt', 'new.mov')).toEqual(['clip.mov', 'new.mov'])
    expect(partial.disk()['notes.txt']).toBe('newer notes')
    expect(source.rounds).toEqual(['1 chunk'])
    expect(await partial.status()).toEqual([])
  })

  it('commits a change beside ghosts without their content', async () => {
    const { partial, source } = await makePair()
    source.calls = []
    await partial.write({ 'new.txt': 'mine' }).add()
    const { commit } = await commitStaged(partial.repo, { message: 'beside ghosts' })
    expect(source.calls).toEqual([])
    expect(ghostsOnDisk(partial, 'clip.mov')).toEqual(['clip.mov'])
    expect(await partial.status()).toEqual([])
    expect(commit.parents).toHaveLength(1)
  })
})
