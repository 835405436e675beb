import { afterEach, describe, expect, it } from 'vitest'
import { undo } from '../changing/undo.ts'
import { addPaths } from '../staging/stage.ts'
import { abortMerge } from './abort.ts'
import { resolveConflicts } from './resolve.ts'
import { applyStash, clearStash, dropStash } from './stash-apply.ts'
import { listStash } from './stash-entry.ts'
import { pushStash, type StashOptions } from './stash-push.ts'
import { readMergeState } from './merge-state.ts'
import { everything, spec, TestRepo, type Files } from './merging-fixture.ts'

let test: TestRepo
afterEach(() => test.remove())

const first: Files = { a: '1', 'f/b': '1', run: 'x:1', link: 'l:a', 'f/gone': '1' }

function push(options: Partial<StashOptions> = {}) {
  return pushStash(test.repo, { spec: everything, untracked: false, keepIndex: false, ...options })
}

function apply(options: { drop?: boolean; index?: boolean; text?: string } = {}) {
  return applyStash(test.repo, options.text, { drop: false, index: false, ...options })
}

describe('putting changes aside', () => {
  it('brings the working tree and the index back to the commit', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2', run: '1', link: 'l:f/b', 'f/gone': undefined, staged: 'new', untracked: 'stays' })
    await addPaths(test.repo, spec('staged', 'run'))
    const report = await push({ message: 'half a grade' })
    expect(report).toMatchObject({ ref: 'refs/stash/1', message: 'On main: half a grade', files: 5, untracked: 0 })
    expect(await test.disk()).toEqual({ ...first, untracked: 'stays' })
    expect(await test.status()).toEqual(['untracked untracked'])
  })

  it('keeps the index commit and the working tree commit as git does', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: 'staged' })
    await addPaths(test.repo, spec('a'))
    await test.write({ a: 'not staged', new: '1', 'empty/folder': null })
    await push({ untracked: true })
    const [entry] = await listStash(test.repo)
    expect(entry).toMatchObject({ position: 0, base: await test.head() })
    expect(entry!.commit.message).toMatch(/^WIP on main: [0-9a-f]{10} first$/)
    expect(await test.tree(entry!.worktree)).toEqual({ ...first, a: 'not staged' })
    expect(await test.tree(entry!.staged)).toEqual({ ...first, a: 'staged' })
    expect(await test.tree(entry!.untracked!)).toEqual({ new: '1', 'empty/folder': null })
  })

  it('does nothing where nothing changed, even if files were touched', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '1', untracked: '1' })
    expect(await push()).toBeUndefined()
    expect(await listStash(test.repo)).toEqual([])
  })

  it('takes only the paths that are named', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2', 'f/b': '2', new: '1', other: '1' })
    await addPaths(test.repo, spec('new', 'other'))
    await push({ spec: spec('f', 'new') })
    expect(await test.disk()).toEqual({ ...first, a: '2', other: '1' })
    expect(await test.status()).toEqual(['staged added other', 'modified a'])
    await apply({ drop: true })
    expect(await test.disk()).toEqual({ ...first, a: '2', 'f/b': '2', new: '1', other: '1' })
  })

  it('leaves what is staged where it is told to', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2' })
    await addPaths(test.repo, spec('a'))
    await test.write({ 'f/b': '2' })
    await push({ keepIndex: true })
    expect(await test.status()).toEqual(['staged modified a'])
  })

  it('leaves no entry behind where something is in the way', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2', f: 'l:elsewhere' })
    await expect(push()).rejects.toMatchObject({ code: 'would-overwrite' })
    expect(await listStash(test.repo)).toEqual([])
    expect(await test.status()).toEqual(['modified a', 'deleted f/b', 'deleted f/gone', 'untracked f'])
    await push({ untracked: true })
    expect(await test.disk()).toEqual(first)
  })

  it('is taken back by undo, in one step', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2', 'f/gone': undefined, new: 'x:1', 'empty/folder': null })
    await addPaths(test.repo, spec('a'))
    const [disk, status] = [await test.disk(), await test.status()]
    await push({ untracked: true })
    expect(await test.disk()).toEqual(first)
    await undo(test.repo, { redo: false })
    expect(await test.disk()).toEqual(disk)
    expect(await test.status()).toEqual(status)
    expect(await listStash(test.repo)).toEqual([])
    await undo(test.repo, { redo: true })
    expect(await test.disk()).toEqual(first)
    expect(await listStash(test.repo)).toHaveLength(1)
  })
})

describe('bringing changes back', () => {
  it('gives back everything: edits, removals, executable bits, links, untracked files, empty folders', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2', run: '1', link: 'l:f/b', 'f/gone': undefined, new: 'x:1', 'more/deep/file': '1', 'empty/folder': null })
    const [disk, status] = [await test.disk(), await test.status()]
    await push({ untracked: true })
    expect(await test.disk()).toEqual(first)
    expect(await apply({ drop: true })).toMatchObject({ dropped: true, conflicts: [] })
    expect(await test.disk()).toEqual(disk)
    expect(await test.status()).toEqual(status)
    expect(await listStash(test.repo)).toEqual([])
  })

  it('stages new files only, and with index what was staged', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2', new: '1' })
    await addPaths(test.repo, everything)
    await test.write({ a: '3' })
    await push()
    await apply()
    expect(await test.status()).toEqual(['staged added new', 'modified a'])
    await undo(test.repo, { redo: false })
    expect(await test.status()).toEqual([])
    await apply({ index: true })
    expect(await test.status()).toEqual(['staged modified a', 'staged added new', 'modified a'])
    expect(await test.disk()).toMatchObject({ a: '3', new: '1' })
  })

  it('merges with what was committed since', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2' })
    await push()
    await test.commit('more', { 'f/b': '2', c: '1' })
    await apply({ drop: true })
    expect(await test.disk()).toEqual({ ...first, a: '2', 'f/b': '2', c: '1' })
    expect(await test.status()).toEqual(['modified a'])
  })

  it('is taken back by undo, the entry too', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2', new: '1' })
    await push({ untracked: true })
    await apply({ drop: true })
    await undo(test.repo, { redo: false })
    expect(await test.disk()).toEqual(first)
    expect(await listStash(test.repo)).toHaveLength(1)
  })

  it('refuses where work is in the way, and changes nothing', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2', new: '1' })
    await push({ untracked: true })
    await test.write({ a: 'mine' })
    await expect(apply()).rejects.toMatchObject({ code: 'would-overwrite' })
    await test.write({ a: '1', new: 'mine' })
    await expect(apply()).rejects.toMatchObject({ code: 'would-overwrite' })
    await addPaths(test.repo, spec('new'))
    await expect(apply()).rejects.toMatchObject({ code: 'would-overwrite' })
    expect(await test.disk()).toEqual({ ...first, new: 'mine' })
    expect(await readMergeState(test.repo)).toBeUndefined()
  })

  it('leaves other uncommitted changes alone', async () => {
    test = await TestRepo.create(first)
    await test.write({ a: '2' })
    await push()
    await test.write({ 'f/b': 'mine' })
    await apply()
    expect(await test.disk()).toEqual({ ...first, a: '2', 'f/b': 'mine' })
  })

  it('takes the entry that is named, by number', async () => {
    test = await TestRepo.create(first)
    for (const a of ['one', 'two', 'three']) {
      await test.write({ a })
      await push()
    }
    expect((await listStash(test.repo)).map(({ ref }) => ref)).toEqual(['refs/stash/3', 'refs/stash/2', 'refs/stash/1'])
    await apply({ text: 'stash@{1}', drop: true })
    expect(await test.disk()).toMatchObject({ a: 'two' })
    expect((await listStash(test.repo)).map(({ ref }) => ref)).toEqual(['refs/stash/3', 'refs/stash/1'])
    await expect(apply({ text: '2' })).rejects.toMatchObject({ code: 'no-such-stash' })
    await expect(apply({ text: 'main' })).rejects.toMatchObject({ code: 'no-such-stash' })
  })
})

describe('an entry that is in conflict', () => {
  async function conflicting(): Promise<void> {
    test = await TestRepo.create(first)
    await test.write({ a: 'stashed', 'f/b': 'stashed' })
    await push()
    await test.commit('more', { a: 'committed' })
    expect(await apply({ drop: true })).toMatchObject({ dropped: false, conflicts: [{ path: 'a' }] })
  }

  it('stays, and keeps both versions at hand', async () => {
    await conflicting()
    expect(await listStash(test.repo)).toHaveLength(1)
    expect(Object.values(await test.disk())).toEqual(expect.arrayContaining(['committed', 'stashed']))
    expect(await test.status()).toEqual(['modified f/b', 'conflict both-changed a'])
  })

  it('is over when the last conflict is resolved, and open again when that is undone', async () => {
    await conflicting()
    await resolveConflicts(test.repo, spec('a'), 'theirs')
    expect(await readMergeState(test.repo)).toBeUndefined()
    expect(await test.disk()).toEqual({ ...first, a: 'stashed', 'f/b': 'stashed' })
    await undo(test.repo, { redo: false })
    expect(await test.status()).toContain('conflict both-changed a')
    expect(await test.disk()).toMatchObject({ a: 'committed', 'f/b': 'stashed' })
  })

  it('is given up', async () => {
    await conflicting()
    await test.write({ link: 'l:f/b' })
    await abortMerge(test.repo, 'stash')
    expect(await test.disk()).toEqual({ ...first, a: 'committed', link: 'l:f/b' })
    expect(await test.status()).toEqual(['modified link'])
  })
})

describe('forgetting entries', () => {
  it('drops one or all, and undo brings them back', async () => {
    test = await TestRepo.create(first)
    for (const a of ['one', 'two']) {
      await test.write({ a })
      await push()
    }
    await dropStash(test.repo, '1')
    expect((await listStash(test.repo)).map(({ ref }) => ref)).toEqual(['refs/stash/2'])
    expect(await clearStash(test.repo)).toHaveLength(1)
    await undo(test.repo, { redo: false })
    await undo(test.repo, { redo: false })
    expect((await listStash(test.repo)).map(({ ref }) => ref)).toEqual(['refs/stash/2', 'refs/stash/1'])
  })
})
