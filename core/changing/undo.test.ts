import { rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { cleanWorktree } from '../staging/clean.ts'
import { removePaths } from '../staging/remove.ts'
import { restorePaths } from '../staging/restore.ts'
import { addPaths } from '../staging/stage.ts'
import { createBranch, deleteBranch } from './branches.ts'
import { commitStaged } from './commit.ts'
import { resetTo } from './reset.ts'

const code = (name: string) => expect.objectContaining({ code: name })

describe('undo', () => {
  it('takes back a commit, and leaves what was in it staged', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    await test.commit({ a: '2' })
    await test.undo()
    expect(await test.head()).toBe(first)
    expect(test.disk()).toEqual({ a: '2' })
    expect(await test.status()).toEqual(['staged modified a'])
  })

  it('takes back a commit of all changes at once, with the staging', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1', b: '1' })
    test.write({ a: '2' })
    rmSync(`${test.root}/b`)
    const { id } = await commitStaged(test.repo, { message: 'all', all: true })
    expect(await test.status()).toEqual([])
    await test.undo()
    expect(await test.head()).toBe(first)
    expect(await test.status()).toEqual(['modified a', 'deleted b'])
    await test.undo({ redo: true })
    expect([await test.head(), await test.status()]).toEqual([id, []])
  })

  it('takes back the first commit and the first add', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    await test.undo()
    expect(await test.head()).toBeUndefined()
    expect(await test.status()).toEqual(['staged added a'])
    await test.undo()
    expect(await test.status()).toEqual(['untracked a'])
    await expect(test.undo()).rejects.toThrow(code('nothing-to-undo'))
    await test.undo({ redo: true })
    await test.undo({ redo: true })
    expect(await test.status()).toEqual([])
    await expect(test.undo({ redo: true })).rejects.toThrow(code('nothing-to-undo'))
  })

  it('goes back step by step, and redo forward again by as many steps', async () => {
    const test = await TestRepo.create()
    const commits = []
    for (const content of ['1', '2', '3', '4']) commits.push(await test.commit({ a: content }))
    const heads = []
    for (let i = 0; i < 6; i++) {
      await test.undo()
      heads.push(await test.head())
    }
    expect(heads).toEqual([commits[2], commits[2], commits[1], commits[1], commits[0], commits[0]])
    for (let i = 0; i < 6; i++) await test.undo({ redo: true })
    expect(await test.head()).toBe(commits[3])
    expect(await test.status()).toEqual([])
    await expect(test.undo({ redo: true })).rejects.toThrow(code('nothing-to-undo'))
    await test.undo()
    expect(await test.head()).toBe(commits[2])
  })

  it('forgets what could be redone once something else was done', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    await test.commit({ a: '2' })
    await test.undo()
    await commitStaged(test.repo, { message: 'again' })
    await expect(test.undo({ redo: true })).rejects.toThrow(code('nothing-to-undo'))
  })

  it('refuses where a ref was moved by something that is not in the log', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    const second = await test.commit({ a: '2' })
    const third = await test.commit({ a: '3' })
    await test.undo()
    await test.repo.refs.move('refs/heads/main', second, third)
    await test.undo()
    await expect(test.undo()).rejects.toThrow(code('undo-conflict'))
    expect(await test.head()).toBe(third)
  })

  it('refuses where what is staged has changed in a way that is not in the log', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    await test.write({ a: '2' }).add()
    const index = (await test.repo.store.get('index'))!.bytes
    await test.undo()
    await test.write({ b: '1' }).add()
    await test.undo()
    await test.undo({ redo: true })
    await test.repo.store.put('index', index)
    await expect(test.undo()).rejects.toThrow(code('undo-conflict'))
  })

  it('takes back add without touching files', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', b: '1', 'c/d': null })
    await test.write({ a: '2', b: undefined, new: 'n', 'c/d': undefined }).add()
    const disk = test.disk()
    await test.undo()
    expect(test.disk()).toEqual(disk)
    expect(await test.status()).toEqual(['modified a', 'deleted b', 'deleted c/d', 'untracked c', 'untracked new'])
  })

  it('brings back a branch that was deleted, and removes one that was made', async () => {
    const test = await TestRepo.create()
    const id = await test.commit({ a: '1' })
    await createBranch(test.repo, 'side', id, { force: false })
    await deleteBranch(test.repo, 'side', { force: false })
    await test.undo()
    expect(await test.repo.refs.read('refs/heads/side')).toBe(id)
    await test.undo()
    expect(await test.repo.refs.read('refs/heads/side')).toBeUndefined()
  })

  it('brings back what clean removed, folders that were empty too', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    test.write({ x: 'x', 'd/y': 'x:y', 'd/e': null, link: 'l:a' })
    const before = test.disk()
    await cleanWorktree(test.repo, everything, { folders: true, ignored: false, dryRun: false })
    expect(test.disk()).toEqual({ a: '1' })
    expect(await test.undo()).toMatchObject({ broughtBack: 3 })
    expect(test.disk()).toEqual(before)
    expect(await test.status()).toEqual(['untracked d/e', 'untracked d/y', 'untracked link', 'untracked x'])
    await test.undo({ redo: true })
    expect(test.disk()).toEqual({ a: '1' })
  })

  const losses: [string, (test: TestRepo) => Promise<unknown>][] = [
    ['reset --hard', async (test) => resetTo(test.repo, (await test.head())!, 'hard')],
    ['restore', (test) => restorePaths(test.repo, specOf('a'), { source: 'staged', staged: false, worktree: true })],
    ['rm --force', (test) => removePaths(test.repo, specOf('a'), { cached: false, force: true, recursive: false })],
  ]
  it.each(losses)('brings back a changed file after %s, and never over what was made of it since', async (_, lose) => {
    const test = await TestRepo.create()
    await test.commit({ a: 'committed', b: 'b' })
    test.write({ a: 'mine' })
    await lose(test)
    expect(test.disk()['a']).not.toBe('mine')
    test.write({ a: 'mine as well' })
    await expect(test.undo()).rejects.toThrow(code('would-overwrite'))
    expect(test.disk()).toEqual({ a: 'mine as well', b: 'b' })
    await test.undo({ force: true })
    expect(test.disk()).toEqual({ a: 'mine', b: 'b' })
    await test.undo({ redo: true })
    expect(test.disk()).toEqual({ a: 'mine as well', b: 'b' })
    await test.undo({ force: true })
    expect(test.disk()).toEqual({ a: 'mine', b: 'b' })
    expect(await test.status()).toEqual(['modified a'])
  })

  it('never overwrites an untracked file that stands where clean removed one', async () => {
    const test = await TestRepo.create()
    test.write({ x: 'old' })
    await cleanWorktree(test.repo, everything, { folders: false, ignored: false, dryRun: false })
    test.write({ x: 'new' })
    await expect(test.undo()).rejects.toThrow(code('would-overwrite'))
    expect(test.disk()).toEqual({ x: 'new' })
  })

  it('leaves what is there already as it was', async () => {
    const test = await TestRepo.create()
    test.write({ x: 'old' })
    await cleanWorktree(test.repo, everything, { folders: false, ignored: false, dryRun: false })
    test.write({ x: 'old' })
    expect(await test.undo()).toMatchObject({ written: 0 })
    expect(test.disk()).toEqual({ x: 'old' })
  })

  it('works where the index was lost', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    test.write({ a: 'mine' })
    await resetTo(test.repo, (await test.head())!, 'hard')
    rmSync(test.path('.dits/index'))
    await test.undo()
    expect(test.disk()).toEqual({ a: 'mine' })
  })

  it('says what it took back, and records itself', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    await test.reopen({ command: 'dits commit -m x' })
    test.write({ a: '2' })
    await addPaths(test.repo, everything)
    const { operation } = await test.undo()
    expect(operation).toMatchObject({ seq: 3, command: 'dits commit -m x' })
    expect(await test.operations()).toEqual([
      { seq: 4, undoes: 3 },
      { seq: 3, undoes: undefined },
      { seq: 2, undoes: undefined },
      { seq: 1, undoes: undefined },
    ])
  })
})
