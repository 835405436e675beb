import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { cleanWorktree } from '../staging/clean.ts'
import { restorePaths } from '../staging/restore.ts'
import { readStatus } from '../staging/status.ts'
import { readCurrentHead } from './head.ts'
import { resetTo } from './reset.ts'
import { undo } from './undo.ts'

const read = ({ root }: TestRepo, path: string) => readFileSync(join(root, path), 'utf8')
const headOf = async ({ repo }: TestRepo) => (await readCurrentHead(repo)).id

describe('undo', () => {
  it('goes one operation further back with each call, and redo comes forward again', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    const second = await test.commit({ a: '2' })
    await undo(test.repo, { redo: false })
    expect(await headOf(test)).toBe(first)
    await undo(test.repo, { redo: false })
    await undo(test.repo, { redo: false })
    expect(await headOf(test)).toBeUndefined()
    await undo(test.repo, { redo: true })
    expect(await headOf(test)).toBe(first)
    await undo(test.repo, { redo: true })
    await undo(test.repo, { redo: true })
    expect(await headOf(test)).toBe(second)
    await expect(undo(test.repo, { redo: true })).rejects.toMatchObject({ code: 'nothing-to-undo' })
    await undo(test.repo, { redo: false })
    expect(await headOf(test)).toBe(first)
  })

  it('has nothing to redo once something else was done', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    await undo(test.repo, { redo: false })
    await test.commit({ a: '2' })
    await expect(undo(test.repo, { redo: true })).rejects.toMatchObject({ code: 'nothing-to-undo' })
  })

  it('brings back uncommitted work, and keeps what was written in its place since', async () => {
    const test = await TestRepo.create()
    const id = await test.commit({ a: '1' })
    test.write({ a: 'draft', new: 'draft' })
    await resetTo(test.repo, id, 'hard')
    await cleanWorktree(test.repo, everything, { dryRun: false, folders: false, ignored: false })
    test.write({ a: 'later', new: 'later' })
    expect(await undo(test.repo, { redo: false })).toMatchObject({ broughtBack: 1, saved: true })
    expect(await undo(test.repo, { redo: false })).toMatchObject({ broughtBack: 1, saved: true })
    expect([read(test, 'a'), read(test, 'new')]).toEqual(['draft', 'draft'])
    await undo(test.repo, { redo: true })
    await undo(test.repo, { redo: true })
    expect([read(test, 'a'), read(test, 'new')]).toEqual(['later', 'later'])
  })

  it('saves nothing where what stands there is what is staged', async () => {
    const test = await TestRepo.create()
    const id = await test.commit({ a: '1' })
    test.write({ a: 'draft' })
    await resetTo(test.repo, id, 'hard')
    expect(await undo(test.repo, { redo: false })).toMatchObject({ broughtBack: 1, saved: false })
  })

  it('takes back files that came from another version, and brings them again', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    const tree = (await readCurrentHead(test.repo)).commit!.tree
    await test.commit({ a: '2' })
    await restorePaths(test.repo, specOf('a'), { source: tree, staged: false, worktree: true })
    await undo(test.repo, { redo: false })
    expect(read(test, 'a')).toBe('2')
    expect((await readStatus(test.repo, everything, { untracked: 'all' })).unstaged).toEqual([])
    await undo(test.repo, { redo: true })
    expect(read(test, 'a')).toBe('1')
  })

  it('refuses where files that it must change hold newer work, and records nothing', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    await test.commit({ a: '2', b: '2' })
    await resetTo(test.repo, first, 'hard')
    test.write({ a: 'later' })
    const before = (await test.repo.oplog.latest())?.seq
    await expect(undo(test.repo, { redo: false })).rejects.toMatchObject({ code: 'would-overwrite' })
    expect(read(test, 'a')).toBe('later')
    expect(existsSync(join(test.root, 'b'))).toBe(false)
    expect((await test.repo.oplog.latest())?.seq).toBe(before)
  })
})
