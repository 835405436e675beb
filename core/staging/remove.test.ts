import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { specOf, TestRepo } from '../repo.fixture.ts'
import { removePaths, type RemoveOptions } from './remove.ts'

const options = (changes: Partial<RemoveOptions> = {}): RemoveOptions => ({ cached: false, force: false, recursive: false, ...changes })
const code = (name: string) => expect.objectContaining({ code: name })

describe('removing', () => {
  it('takes files from the disk and stages that, with folders that are empty then', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', 'd/e/x': '1', 'd/y': '1', link: 'l:a', 'f/z': '1' })
    test.write({ 'f/mine': 'm' })
    expect(await removePaths(test.repo, specOf('a', 'd/e/x', 'link', 'f'), options({ recursive: true }))).toEqual(['a', 'd/e/x', 'f/z', 'link'])
    expect(test.disk()).toEqual({ 'd/y': '1', 'f/mine': 'm' })
    expect(await test.status()).toEqual(['staged deleted a', 'staged deleted d/e/x', 'staged deleted f/z', 'staged deleted link', 'untracked f/mine'])
    await test.undo()
    expect(test.disk()).toEqual({ a: '1', 'd/e/x': '1', 'd/y': '1', link: 'l:a', 'f/z': '1', 'f/mine': 'm' })
    expect(await test.status()).toEqual(['untracked f/mine'])
  })

  it('takes patterns, and what is below folders only where it is told to', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a.tmp': '1', 'd/b.tmp': '1', 'd/c': '1' })
    await expect(removePaths(test.repo, specOf('d'), options())).rejects.toThrow(code('is-a-folder'))
    await expect(removePaths(test.repo, specOf('.'), options())).rejects.toThrow(code('is-a-folder'))
    expect(await removePaths(test.repo, specOf('*.tmp'), options())).toEqual(['a.tmp', 'd/b.tmp'])
    expect(test.disk()).toEqual({ 'd/c': '1' })
  })

  it.each(['nowhere', '*.exr'])('knows that %s is not tracked', async (name) => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    test.write({ b: '1' })
    await expect(removePaths(test.repo, specOf('a', name), options())).rejects.toThrow(code('no-such-path'))
    expect(test.disk()).toEqual({ a: '1', b: '1' })
  })

  it.each(['changed', 'staged', 'new'])('refuses to remove %s work, and with force keeps it for undo', async (name) => {
    const test = await TestRepo.create()
    await test.commit({ changed: '1', staged: '1', d: '1' })
    await test.write({ staged: 'mine', new: 'mine' }).add()
    test.write({ changed: 'mine' })
    const before = test.disk()
    await expect(removePaths(test.repo, specOf('d', name), options())).rejects.toThrow(code('would-overwrite'))
    expect(test.disk()).toEqual(before)
    await removePaths(test.repo, specOf('d', name), options({ force: true }))
    expect(test.disk()[name]).toBeUndefined()
    await test.undo()
    expect(test.disk()).toEqual(before)
    expect(await test.status()).toEqual(['staged added new', 'staged modified staged', 'modified changed'])
  })

  it('leaves the file with cached', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', b: '1' })
    test.write({ a: 'mine' })
    await removePaths(test.repo, specOf('a'), options({ cached: true }))
    expect(test.disk()).toEqual({ a: 'mine', b: '1' })
    expect(await test.status()).toEqual(['staged deleted a', 'untracked a'])
    await test.undo()
    expect(await test.status()).toEqual(['modified a'])
  })

  it('only says what it would remove in a dry run', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    expect(await removePaths(test.repo, specOf('a'), options({ dryRun: true }))).toEqual(['a'])
    expect(test.disk()).toEqual({ a: '1' })
    expect(await test.status()).toEqual([])
  })

  it('stops tracking what is gone, or is a folder by now', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', b: '1' })
    test.write({ a: undefined, b: undefined, 'b/mine': 'm' })
    await removePaths(test.repo, specOf('a', 'b'), options())
    expect(test.disk()).toEqual({ 'b/mine': 'm' })
    expect(await test.status()).toEqual(['staged deleted a', 'staged deleted b', 'untracked b/mine'])
  })

  it('never removes through a link that took the place of a folder', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'dits-outside-'))
    onTestFinished(() => rmSync(outside, { recursive: true }))
    writeFileSync(join(outside, 'x'), 'outside')
    const test = await TestRepo.create()
    await test.commit({ 'd/x': '1' })
    rmSync(test.path('d'), { recursive: true })
    symlinkSync(outside, test.path('d'))
    await removePaths(test.repo, specOf('d/x'), options({ force: true }))
    expect(readFileSync(join(outside, 'x'), 'utf8')).toBe('outside')
    await removePaths(test.repo, specOf('d'), options({ recursive: true, force: true })).catch(() => undefined)
    expect(readFileSync(join(outside, 'x'), 'utf8')).toBe('outside')
  })
})
