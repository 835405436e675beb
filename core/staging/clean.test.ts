import { describe, expect, it } from 'vitest'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { cleanWorktree } from './clean.ts'

const thorough = { folders: true, ignored: false, dryRun: false }

describe('cleaning', () => {
  it('removes what is not tracked, and undo brings it back', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', 'd/x': '1' })
    test.write({ new: 'n', 'd/y': 'y', 'e/f/z': 'z', 'g/h': null })
    expect(await cleanWorktree(test.repo, specOf('d'), { ...thorough, folders: false })).toEqual(['d/y'])
    expect(await cleanWorktree(test.repo, everything, thorough)).toEqual(['e/f/z', 'new', 'g/h'])
    expect(test.disk()).toEqual({ a: '1', 'd/x': '1' })
    await test.undo()
    await test.undo()
    expect(test.disk()).toEqual({ a: '1', 'd/x': '1', new: 'n', 'd/y': 'y', 'e/f/z': 'z', 'g/h': null })
    await test.undo({ redo: true })
    expect(test.disk()).toEqual({ a: '1', 'd/x': '1', new: 'n', 'e/f/z': 'z', 'g/h': null })
  })

  it('leaves the folder in which the person stands', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    test.write({ 'b/c/x': 'x' })
    await test.reopen({ cwd: test.path('b/c') })
    await cleanWorktree(test.repo, everything, thorough)
    expect(test.disk()).toEqual({ a: '1', 'b/c': null })
    await cleanWorktree(test.repo, everything, thorough)
    expect(test.disk()).toEqual({ a: '1', 'b/c': null })
  })

  it('removes unfinished files, and no folder that is named like one', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    test.write({ '.dits-tmp-1234': 'half', '.dits-tmp-mine/x': 'x' })
    await cleanWorktree(test.repo, everything, thorough)
    expect(test.disk()).toEqual({ a: '1', '.dits-tmp-mine/x': 'x' })
  })
})
