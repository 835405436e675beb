import { describe, expect, it } from 'vitest'
import { TestRepo } from '../repo.fixture.ts'
import { resetTo } from './reset.ts'

describe('reset', () => {
  it('soft moves the branch alone', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    await test.commit({ a: '2' })
    await test.write({ b: 'staged' }).add()
    test.write({ a: 'mine' })
    await resetTo(test.repo, first, 'soft')
    expect(await test.head()).toBe(first)
    expect(await test.status()).toEqual(['staged modified a', 'staged added b', 'modified a'])
    expect(test.disk()).toEqual({ a: 'mine', b: 'staged' })
  })

  it('mixed also sets what is staged', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    await test.commit({ a: '2', b: 'b' })
    test.write({ a: 'mine' })
    expect(await resetTo(test.repo, first, 'mixed')).toMatchObject({ written: 0, removed: 0, saved: false })
    expect(await test.status()).toEqual(['modified a', 'untracked b'])
    expect(test.disk()).toEqual({ a: 'mine', b: 'b' })
    await test.undo()
    expect(await test.status()).toEqual(['modified a'])
  })

  it('hard also sets the files, leaves untracked ones, and undo brings uncommitted work back', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1', kept: 'k', 'd/x': 'x', 'f': 'f' })
    await test.commit({ a: '2', b: 'b', 'd/x': undefined })
    await test.write({ staged: 'staged' }).add()
    test.write({ a: 'mine', kept: undefined, untracked: 'u', f: undefined, 'f/inside': 'a folder now' })
    const before = test.disk()
    expect(await resetTo(test.repo, first, 'hard')).toMatchObject({ saved: true })
    expect(test.disk()).toEqual({ a: '1', kept: 'k', 'd/x': 'x', f: 'f', untracked: 'u' })
    expect(await test.status()).toEqual(['untracked untracked'])
    await test.undo()
    expect(test.disk()).toEqual({ ...before, kept: 'k' })
    expect(await test.status()).toEqual(['staged added staged', 'modified a', 'deleted f', 'untracked f/inside', 'untracked untracked'])
    await test.undo({ redo: true })
    expect(test.disk()).toEqual({ a: '1', kept: 'k', 'd/x': 'x', f: 'f', untracked: 'u' })
  })

  it('to where everything is already records nothing', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    const operations = await test.operations()
    for (const mode of ['soft', 'mixed', 'hard'] as const) await resetTo(test.repo, first, mode)
    expect(await test.operations()).toEqual(operations)
  })

  it('moves a detached HEAD', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    const second = await test.commit({ a: '2' })
    await test.repo.refs.writeHead({ id: second })
    await resetTo(test.repo, first, 'hard')
    expect(await test.repo.refs.readHead()).toEqual({ id: first })
    expect(await test.repo.refs.read('refs/heads/main')).toBe(second)
    await test.undo()
    expect(await test.repo.refs.readHead()).toEqual({ id: second })
  })

  it('leaves everything as it was where uncommitted work cannot be saved', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1', b: '1' })
    await test.commit({ a: '2', b: '2' })
    test.write({ a: 'mine' })
    // A store that takes nothing.
    const { put } = test.repo.store
    test.repo.store.put = async (key, ...rest) => {
      if (key.startsWith('packs/')) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      return put.call(test.repo.store, key, ...rest)
    }
    await expect(resetTo(test.repo, first, 'hard')).rejects.toThrow('no space')
    expect(test.disk()).toEqual({ a: 'mine', b: '2' })
    test.repo.store.put = put
    expect(await test.status()).toEqual(['modified a'])
  })
})
