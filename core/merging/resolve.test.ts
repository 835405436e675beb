import { afterEach, describe, expect, it } from 'vitest'
import { undo } from '../changing/undo.ts'
import { removePaths } from '../staging/remove.ts'
import { mergeInto } from './merge.ts'
import { readMergeState } from './merge-state.ts'
import { resolveConflicts } from './resolve.ts'
import { everything, spec, TestRepo, type Files } from './merging-fixture.ts'

let test: TestRepo
afterEach(() => test.remove())

type Edits = Record<string, string | null | undefined>

/** Merges `feature` into `main`, which both went on from the same commit, and answers the part of the id that names files beside. */
async function conflicting(base: Files, ours: Edits | (() => Promise<void>), theirs: Edits | (() => Promise<void>)): Promise<string> {
  test = await TestRepo.create(base)
  const make = async (edits: Edits | (() => Promise<void>)) => (typeof edits === 'function' ? (await edits(), {}) : edits)
  await test.branch('feature')
  await test.commit('theirs', await make(theirs))
  await test.switch('main')
  await test.commit('ours', await make(ours))
  const target = await test.target('feature')
  const { outcome } = await mergeInto(test.repo, target, { forward: 'may', commit: true })
  expect(outcome).toBe('conflicts')
  return `theirs-${target.id.slice(0, 8)}`
}

function resolve(choice: 'ours' | 'theirs' | 'both', ...paths: string[]) {
  return resolveConflicts(test.repo, paths.length === 0 ? everything : spec(...paths), choice)
}

describe('a file that both sides changed', () => {
  const make = () => conflicting({ 'f/a.mov': 'base', b: '1' }, { 'f/a.mov': 'ours' }, { 'f/a.mov': 'x:theirs' })

  it.each([
    ['ours', { 'f/a.mov': 'x:ours' }],
    ['theirs', { 'f/a.mov': 'x:theirs' }],
    ['both', { 'f/a.mov': 'x:ours', 'f/a (theirs from feature).mov': 'x:theirs' }],
  ] as const)('is resolved by taking %s', async (choice, expected) => {
    await make()
    const disk = { ...expected, b: '1', 'f/a.mov': expected['f/a.mov'].replace('x:ours', 'ours') }
    expect(await resolve(choice)).toMatchObject({ left: [], saved: false })
    expect(await test.disk()).toEqual(disk)
    expect(await test.staged()).toEqual(disk)
    expect((await readMergeState(test.repo))?.conflicts).toEqual([])
  })

  it('leaves the merge to be committed, however often it is resolved', async () => {
    await make()
    await resolve('theirs')
    expect(await resolve('theirs')).toMatchObject({ resolved: [], left: [] })
    expect(await readMergeState(test.repo)).toMatchObject({ phase: 'open', conflicts: [] })
  })

  it('is open again after undo', async () => {
    const mark = await make()
    await resolve('both')
    await undo(test.repo, { redo: false })
    expect(await test.disk()).toEqual({ 'f/a.mov': 'ours', [`f/a.${mark}.mov`]: 'x:theirs', b: '1' })
    expect((await readMergeState(test.repo))?.conflicts).toHaveLength(1)
    await undo(test.repo, { redo: true })
    expect(await test.disk()).toEqual({ 'f/a.mov': 'ours', 'f/a (theirs from feature).mov': 'x:theirs', b: '1' })
    expect((await readMergeState(test.repo))?.conflicts).toEqual([])
  })

  it('is taken as it was worked in since, on either side', async () => {
    const mark = await make()
    await test.write({ 'f/a.mov': 'ours, and more', [`f/a.${mark}.mov`]: 'theirs, and more' })
    await resolve('both')
    const both = { 'f/a.mov': 'ours, and more', 'f/a (theirs from feature).mov': 'theirs, and more', b: '1' }
    expect(await test.disk()).toEqual(both)
    expect(await test.staged()).toEqual(both)
    expect(test.warnings).toEqual([])
  })

  it('gives up work in ours for theirs only so that undo brings it back', async () => {
    const mark = await make()
    await test.write({ 'f/a.mov': 'ours, and more' })
    expect(await resolve('theirs')).toMatchObject({ saved: true })
    expect(await test.disk()).toEqual({ 'f/a.mov': 'x:theirs', b: '1' })
    await undo(test.repo, { redo: false })
    expect(await test.disk()).toEqual({ 'f/a.mov': 'ours, and more', [`f/a.${mark}.mov`]: 'x:theirs', b: '1' })
  })

  it('leaves work in theirs where ours is taken', async () => {
    const mark = await make()
    await test.write({ [`f/a.${mark}.mov`]: 'theirs, and more' })
    await resolve('ours')
    expect(await test.disk()).toEqual({ 'f/a.mov': 'ours', [`f/a.${mark}.mov`]: 'theirs, and more', b: '1' })
    expect(await test.status()).toEqual([`untracked f/a.${mark}.mov`])
  })

  it('comes back where it was removed and ours is taken', async () => {
    await make()
    await test.write({ 'f/a.mov': undefined })
    await resolve('ours')
    expect(await test.disk()).toEqual({ 'f/a.mov': 'ours', b: '1' })
  })

  it('keeps both under names that are free', async () => {
    await make()
    await test.write({ 'f/a (theirs from feature).mov': 'something else' })
    const { resolved } = await resolve('both', 'f')
    expect(resolved).toEqual([{ path: 'f/a.mov', kept: 'f/a (theirs from feature 2).mov' }])
  })

  it('is resolved by removing it', async () => {
    await make()
    await removePaths(test.repo, spec('f/a.mov'), { cached: false, force: true, recursive: false })
    expect((await readMergeState(test.repo))?.conflicts).toEqual([])
    expect(await test.disk()).toEqual({ b: '1' })
  })

  it('can be named by the file beside it; a name without a conflict is refused', async () => {
    const mark = await make()
    await expect(resolve('ours', 'b')).rejects.toMatchObject({ code: 'not-in-conflict' })
    await resolve('ours', `f/a.${mark}.mov`)
    expect((await readMergeState(test.repo))?.conflicts).toEqual([])
  })
})

describe('a file that both sides added', () => {
  it('is resolved in every way', async () => {
    for (const [choice, expected] of [
      ['ours', { a: 'ours' }],
      ['theirs', { a: 'theirs' }],
      ['both', { a: 'ours', 'a (theirs from feature)': 'theirs' }],
    ] as const) {
      if (choice !== 'ours') await test.remove()
      await conflicting({ b: '1' }, { a: 'ours' }, { a: 'theirs' })
      await resolve(choice)
      expect(await test.staged()).toEqual({ b: '1', ...expected })
      expect(await test.disk()).toEqual({ b: '1', ...expected })
    }
  })
})

describe('a file that we deleted and they changed', () => {
  const make = () => conflicting({ 'f/a.mov': 'base', b: '1' }, { 'f/a.mov': undefined }, { 'f/a.mov': 'theirs' })

  it('lies beside where it was, in a folder of its own if need be', async () => {
    const mark = await make()
    expect(await test.disk()).toEqual({ [`f/a.${mark}.mov`]: 'theirs', b: '1' })
    expect(await test.status()).toEqual(['conflict deleted-by-us f/a.mov'])
  })

  it.each([
    ['ours', { b: '1' }],
    ['theirs', { 'f/a.mov': 'theirs', b: '1' }],
    ['both', { 'f/a.mov': 'theirs', b: '1' }],
  ] as const)('is resolved by taking %s', async (choice, expected) => {
    await make()
    await resolve(choice)
    expect(await test.disk()).toEqual(expected)
    expect(await test.staged()).toEqual(expected)
  })
})

describe('a file that we changed and they deleted', () => {
  it.each([
    ['ours', { a: 'ours', b: '1' }],
    ['theirs', { b: '1' }],
    ['both', { a: 'ours', b: '1' }],
  ] as const)('is resolved by taking %s', async (choice, expected) => {
    await conflicting({ a: 'base', b: '1' }, { a: 'ours' }, { a: undefined })
    expect(await test.disk()).toEqual({ a: 'ours', b: '1' })
    await resolve(choice)
    expect(await test.disk()).toEqual(expected)
    expect(await test.staged()).toEqual(expected)
  })
})

describe('a file that was moved to two places', () => {
  const content = 'a line of the file\n'.repeat(10)

  it.each([
    ['ours', { 'here/a': content }],
    ['theirs', { 'there/a': content }],
    ['both', { 'here/a': content, 'there/a': content }],
  ] as const)('is resolved by taking %s', async (choice, expected) => {
    await conflicting({ a: content, b: '1' }, () => test.move('a', 'here/a'), () => test.move('a', 'there/a'))
    await resolve(choice, 'here/a')
    expect(await test.disk()).toEqual({ ...expected, b: '1' })
    expect(await test.staged()).toEqual({ ...expected, b: '1' })
  })
})

describe('a file on one side and a folder on the other', () => {
  it.each([
    ['ours', { a: 'file' }],
    ['theirs', { 'a/x': '1', 'a/y/z': '2' }],
    ['both', { a: 'file', 'a (theirs from feature)/x': '1', 'a (theirs from feature)/y/z': '2' }],
  ] as const)('is resolved by taking %s, where theirs is the folder', async (choice, expected) => {
    await conflicting({ b: '1' }, { a: 'file' }, { 'a/x': '1', 'a/y/z': '2' })
    await resolve(choice)
    expect(await test.disk()).toEqual({ ...expected, b: '1' })
    expect(await test.staged()).toEqual({ ...expected, b: '1' })
  })

  it.each([
    ['ours', { 'a/x': '1', 'a/y/z': '2' }],
    ['theirs', { a: 'file' }],
    ['both', { 'a/x': '1', 'a/y/z': '2', 'a (theirs from feature)': 'file' }],
  ] as const)('is resolved by taking %s, where ours is the folder', async (choice, expected) => {
    await conflicting({ b: '1' }, { 'a/x': '1', 'a/y/z': '2' }, { a: 'file' })
    await resolve(choice)
    expect(await test.disk()).toEqual({ ...expected, b: '1' })
    expect(await test.staged()).toEqual({ ...expected, b: '1' })
  })

  it('refuses to replace a folder in which untracked files are', async () => {
    await conflicting({ b: '1' }, { 'a/x': '1' }, { a: 'file' })
    await test.write({ 'a/mine': 'not tracked' })
    await expect(resolve('theirs')).rejects.toMatchObject({ code: 'would-overwrite' })
    expect(await test.disk()).toMatchObject({ 'a/x': '1', 'a/mine': 'not tracked', b: '1' })
  })
})
