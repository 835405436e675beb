import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readCommit } from '../changing/head.ts'
import type { Id } from '../objects/id.ts'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { restorePaths, type RestoreOptions } from './restore.ts'

const treeOf = async (test: TestRepo, commit: Id) => ({ tree: (await readCommit(test.repo, commit)).tree })

/** Two commits; then `a` is staged otherwise, and on disk yet otherwise; `b` is changed on disk; `new` is staged. */
async function changed() {
  const test = await TestRepo.create()
  const first = await test.commit({ a: '1', b: '1', 'd/x': '1', 'd/gone': '1', 'd/empty': null })
  const second = await test.commit({ a: '2', 'd/x': '2', 'd/gone': undefined, 'd/empty': undefined, 'd/later': '2' })
  await test.write({ a: 'staged', new: 'new' }).add()
  test.write({ a: 'on disk', b: 'on disk' })
  return { test, first, second }
}

describe('restore', () => {
  it('sets files to what is staged', async () => {
    const { test } = await changed()
    const before = test.disk()
    expect(await restorePaths(test.repo, specOf('a'), { source: 'staged', staged: false, worktree: true })).toEqual({
      paths: ['a'],
      written: 1,
      removed: 0,
      saved: true,
    })
    expect(test.disk()).toEqual({ ...before, a: 'staged' })
    expect(await test.status()).toEqual(['staged modified a', 'staged added new', 'modified b'])
    await test.undo()
    expect(test.disk()).toEqual(before)
  })

  it('sets what is staged to a version', async () => {
    const { test, second } = await changed()
    const before = test.disk()
    const { paths } = await restorePaths(test.repo, everything, { source: await treeOf(test, second), staged: true, worktree: false })
    expect(paths).toEqual(['a', 'new'])
    expect(test.disk()).toEqual(before)
    expect(await test.status()).toEqual(['modified a', 'modified b', 'untracked new'])
    await test.undo()
    expect(await test.status()).toEqual(['staged modified a', 'staged added new', 'modified a', 'modified b'])
  })

  const both: [string, Partial<RestoreOptions>, string[]][] = [
    ['what is staged and the files', { staged: true, worktree: true }, ['staged modified a', 'staged modified d/x']],
    ['the files alone', { staged: false, worktree: true }, ['staged modified a', 'staged added new', 'modified a', 'modified d/x', 'untracked d/gone']],
  ]
  it.each(both)('sets %s to a version, folders by name, and undo brings everything back', async (_, options) => {
    const { test, first } = await changed()
    const before = { disk: test.disk(), staged: await test.staged() }
    const source = await treeOf(test, first)
    await restorePaths(test.repo, specOf('a', 'd'), { source, staged: false, worktree: true, ...options })
    expect(test.disk()).toEqual({ a: '1', b: 'on disk', 'd/x': '1', 'd/gone': '1', 'd/empty': null, new: 'new' })
    expect(await test.staged()).toEqual(options.staged ? { a: '1', b: '1', 'd/x': '1', 'd/gone': '1', 'd/empty': null, new: 'new' } : before.staged)
    await test.undo()
    expect({ disk: test.disk(), staged: await test.staged() }).toEqual(before)
    await test.undo({ redo: true })
    expect(test.disk()).toEqual({ a: '1', b: 'on disk', 'd/x': '1', 'd/gone': '1', 'd/empty': null, new: 'new' })
  })

  it('leaves what the version does not have with overlay', async () => {
    const { test, first } = await changed()
    await restorePaths(test.repo, specOf('d', 'new', 'a'), { source: await treeOf(test, first), staged: true, worktree: true, overlay: true })
    expect(test.disk()).toEqual({ a: '1', b: 'on disk', 'd/x': '1', 'd/gone': '1', 'd/empty': null, 'd/later': '2', new: 'new' })
  })

  it('takes patterns, and brings back what was deleted', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a.psd': '1', 'd/b.psd': '1', 'c.txt': '1' })
    test.write({ 'a.psd': '2', d: undefined, 'c.txt': '2' })
    const { paths, saved } = await restorePaths(test.repo, specOf('*.psd'), { source: 'staged', staged: false, worktree: true })
    expect(paths).toEqual(['a.psd', 'd/b.psd'])
    expect(saved).toBe(true)
    expect(test.disk()).toEqual({ 'a.psd': '1', 'c.txt': '2', 'd/b.psd': '1' })
  })

  it('unstages everything before the first commit', async () => {
    const test = await TestRepo.create()
    await test.write({ a: '1', 'd/b': '1' }).add()
    await restorePaths(test.repo, specOf('d'), { source: 'nothing', staged: true, worktree: false })
    expect(await test.status()).toEqual(['staged added a', 'untracked d/b'])
    await restorePaths(test.repo, everything, { source: 'nothing', staged: true, worktree: false })
    expect(await test.status()).toEqual(['untracked a', 'untracked d/b'])
  })

  it('knows names that it cannot find', async () => {
    const { test, first } = await changed()
    const restore = async (name: string, source: RestoreOptions['source']) => restorePaths(test.repo, specOf(name), { source, staged: false, worktree: true })
    await expect(restore('nowhere', 'staged')).rejects.toThrow(expect.objectContaining({ code: 'no-such-path', message: "'nowhere' is not tracked" }))
    await expect(restore('nowhere', await treeOf(test, first))).rejects.toThrow("'nowhere' is neither in that version nor tracked")
    await expect(restore('*.exr', 'staged')).rejects.toThrow("'*.exr' matches no file that is tracked")
    await expect(restore('d/gone', await treeOf(test, first))).resolves.toMatchObject({ written: 1 })
  })

  it('does and records nothing where everything is as it should be', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    const operations = await test.operations()
    const packs = readdirSync(test.path('.dits/packs'))
    expect((await restorePaths(test.repo, everything, { source: 'staged', staged: false, worktree: true })).paths).toEqual([])
    expect(await test.operations()).toEqual(operations)
    expect(readdirSync(test.path('.dits/packs'))).toEqual(packs)
  })
})
