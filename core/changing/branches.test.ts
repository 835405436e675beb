import { describe, expect, it } from 'vitest'
import { TestRepo } from '../repo.fixture.ts'
import { createBranch, deleteBranch, renameBranch } from './branches.ts'

const code = (name: string) => expect.objectContaining({ code: name })

describe('branches', () => {
  it('are made, moved only with force, and never from under HEAD', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    const second = await test.commit({ a: '2' })
    await createBranch(test.repo, 'side', first, { force: false })
    await expect(createBranch(test.repo, 'side', second, { force: false })).rejects.toThrow(code('branch-exists'))
    await expect(createBranch(test.repo, 'main', first, { force: true })).rejects.toThrow(code('branch-in-use'))
    await expect(createBranch(test.repo, 'bad name', first, { force: false })).rejects.toThrow(code('bad-ref-name'))
    await createBranch(test.repo, 'side', second, { force: true })
    expect(await test.repo.refs.read('refs/heads/side')).toBe(second)
    await test.undo()
    expect(await test.repo.refs.read('refs/heads/side')).toBe(first)
  })

  it('are deleted only where nothing gets out of reach, unless forced', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    await test.branch('side')
    const side = await test.commit({ a: 'side' })
    await test.switch('main')
    await expect(deleteBranch(test.repo, 'main', { force: true })).rejects.toThrow(code('branch-in-use'))
    await expect(deleteBranch(test.repo, 'nowhere', { force: false })).rejects.toThrow(code('unknown-branch'))
    await expect(deleteBranch(test.repo, 'side', { force: false })).rejects.toThrow(code('branch-not-merged'))
    expect(await deleteBranch(test.repo, 'side', { force: true })).toBe(side)
    await test.undo()
    expect(await test.repo.refs.read('refs/heads/side')).toBe(side)
  })

  it('are renamed with HEAD on them, and to their own name without harm', async () => {
    const test = await TestRepo.create()
    const id = await test.commit({ a: '1' })
    await renameBranch(test.repo, 'main', 'main', { force: true })
    await renameBranch(test.repo, 'main', 'main', { force: false })
    expect(await test.repo.refs.read('refs/heads/main')).toBe(id)
    await renameBranch(test.repo, 'main', 'trunk', { force: false })
    expect(await test.repo.refs.readHead()).toEqual({ branch: 'refs/heads/trunk' })
    expect(await test.head()).toBe(id)
    await createBranch(test.repo, 'side', id, { force: false })
    await expect(renameBranch(test.repo, 'trunk', 'side', { force: false })).rejects.toThrow(code('branch-exists'))
    await renameBranch(test.repo, 'trunk', 'side', { force: true })
    expect(await test.repo.refs.read('refs/heads/trunk')).toBeUndefined()
    await test.undo()
    expect(await test.repo.refs.readHead()).toEqual({ branch: 'refs/heads/trunk' })
  })
})
