import { afterEach, describe, expect, it } from 'vitest'
import { commitStaged } from '../changing/commit.ts'
import { readCommit } from '../changing/head.ts'
import { undo } from '../changing/undo.ts'
import { encodeCommit } from '../objects/commit.ts'
import { openWriter } from '../repo.ts'
import { addPaths } from '../staging/stage.ts'
import { abortMerge } from './abort.ts'
import { mergeInto, type MergeOptions } from './merge.ts'
import { readMergeState } from './merge-state.ts'
import { spec, TestRepo, type Files } from './merging-fixture.ts'

const plain: MergeOptions = { forward: 'may', commit: true }
let test: TestRepo
afterEach(() => test.remove())

/** A repository with the branches `main` (checked out) and `feature`, which went on from the same first commit. */
async function diverged(base: Files, ours: Record<string, string | null | undefined>, theirs: Record<string, string | null | undefined>): Promise<void> {
  test = await TestRepo.create(base)
  await test.branch('feature')
  await test.commit('theirs', theirs)
  await test.switch('main')
  await test.commit('ours', ours)
}

async function merge(options: Partial<MergeOptions> = {}) {
  return mergeInto(test.repo, await test.target('feature'), { ...plain, ...options })
}

describe('merging what is no conflict', () => {
  it('does nothing where the other side is in ours already', async () => {
    test = await TestRepo.create({ a: '1' })
    await test.branch('feature')
    await test.switch('main')
    const id = await test.commit('more', { a: '2' })
    expect(await merge()).toMatchObject({ outcome: 'up-to-date', before: id, after: id })
  })

  it('moves the branch forward where nothing else happened on it', async () => {
    test = await TestRepo.create({ a: '1', 'old/b': '2' })
    await test.branch('feature')
    const id = await test.commit('more', { a: 'x:3', 'old/b': undefined, 'new/b': '2', 'new/empty': null, link: 'l:a' })
    await test.switch('main')
    expect(await merge()).toMatchObject({ outcome: 'fast-forward', after: id })
    expect(await test.head()).toBe(id)
    expect(await test.disk()).toEqual({ a: 'x:3', 'new/b': '2', 'new/empty': null, link: 'l:a' })
    expect(await test.status()).toEqual([])
    expect(await readMergeState(test.repo)).toBeUndefined()
  })

  it('makes a commit instead where it must not just move forward', async () => {
    test = await TestRepo.create({ a: '1' })
    await test.branch('feature')
    const theirs = await test.commit('more', { a: '2' })
    await test.switch('main')
    const ours = await test.head()
    const { outcome, after } = await merge({ forward: 'never' })
    const commit = await readCommit(test.repo, after!)
    expect(outcome).toBe('merged')
    expect(commit).toMatchObject({ parents: [ours, theirs], message: "Merge branch 'feature'" })
    expect(await test.disk()).toEqual({ a: '2' })
  })

  it('refuses to make a commit where it must just move forward', async () => {
    await diverged({ a: '1' }, { b: '2' }, { c: '3' })
    await expect(merge({ forward: 'must' })).rejects.toMatchObject({ code: 'not-fast-forward' })
  })

  it('follows files and folders that one side moved and the other edited', async () => {
    const line = 'the same line\n'.repeat(20)
    test = await TestRepo.create({ 'shots/010.txt': line, 'shots/020.txt': `${line}20`, 'edit.txt': 'cut 1' })
    await test.branch('feature')
    await test.move('shots', 'sequence/shots')
    await test.commit('moved the folder')
    await test.switch('main')
    await test.commit('ours', { 'shots/010.txt': `${line}graded`, 'shots/030.txt': 'new', 'edit.txt': 'cut 2' })
    expect(await merge({ message: 'both' })).toMatchObject({ outcome: 'merged' })
    expect(await test.disk()).toEqual({
      'edit.txt': 'cut 2',
      'sequence/shots/010.txt': `${line}graded`,
      'sequence/shots/020.txt': `${line}20`,
      'sequence/shots/030.txt': 'new',
    })
    expect(await test.status()).toEqual([])
    expect((await readCommit(test.repo, await test.head())).message).toBe('both')
  })

  it('leaves the merge to be committed where it is told to', async () => {
    await diverged({ a: '1' }, { b: '2' }, { c: '3' })
    const ours = await test.head()
    expect(await merge({ commit: false })).toMatchObject({ outcome: 'waiting', after: ours })
    expect(await test.status()).toEqual(['staged added c'])
    const { commit } = await commitStaged(test.repo, {})
    expect(commit.parents).toEqual([ours, (await test.target('feature')).id])
    expect(await readMergeState(test.repo)).toBeUndefined()
  })

  it('only stages the changes where it is told to squash them', async () => {
    await diverged({ a: '1' }, { b: '2' }, { c: '3' })
    const ours = await test.head()
    expect(await merge({ squash: true })).toMatchObject({ outcome: 'staged', after: ours })
    expect((await commitStaged(test.repo, { message: 'theirs' })).commit.parents).toEqual([ours])
    expect(await test.disk()).toEqual({ a: '1', b: '2', c: '3' })
  })

  it('refuses what has no commit in common, unless it is told to', async () => {
    test = await TestRepo.create({ a: '1' })
    const writer = await openWriter(test.repo)
    const { tree, author } = await readCommit(test.repo, await test.head())
    const id = writer.write('commit', encodeCommit({ tree, parents: [], author, committer: author, message: 'elsewhere' }))
    await writer.flush()
    const target = { id, name: 'elsewhere', kind: 'commit' } as const
    await expect(mergeInto(test.repo, target, plain)).rejects.toMatchObject({ code: 'unrelated-histories' })
    expect(await mergeInto(test.repo, target, { ...plain, unrelated: true })).toMatchObject({ outcome: 'merged' })
  })

  it('merges branches that were merged into each other both ways', async () => {
    await diverged({ a: '1', b: '1' }, { a: '2' }, { b: '2' })
    const ours = await test.head()
    await mergeInto(test.repo, await test.target('feature'), plain)
    await test.switch('feature')
    await mergeInto(test.repo, { id: ours, name: 'main~1', kind: 'commit' }, plain)
    await test.commit('theirs again', { c: '3' })
    await test.switch('main')
    await test.commit('ours again', { a: '3' })
    expect(await merge()).toMatchObject({ outcome: 'merged', conflicts: [] })
    expect(await test.disk()).toEqual({ a: '3', b: '2', c: '3' })
  })
})

describe('merging beside uncommitted changes', () => {
  it('leaves changes of other files alone, staged or not', async () => {
    await diverged({ a: '1', b: '1', c: '1' }, { d: '1' }, { a: '2' })
    await test.write({ b: 'staged', new: 'staged too' })
    await addPaths(test.repo, spec('b', 'new'))
    await test.write({ c: 'not staged', other: 'untracked' })
    const { after } = await merge()
    const { tree } = await readCommit(test.repo, after!)
    expect(await test.tree(tree)).toEqual({ a: '2', b: '1', c: '1', d: '1' })
    expect(await test.status()).toEqual(['staged modified b', 'staged added new', 'modified c', 'untracked other'])
    expect(await test.disk()).toMatchObject({ a: '2', b: 'staged', c: 'not staged', other: 'untracked' })
  })

  it('changes nothing where a file that it touches was changed', async () => {
    await diverged({ a: '1' }, { b: '1' }, { a: '2', c: '3' })
    const head = await test.head()
    await test.write({ a: 'my work' })
    await expect(merge()).rejects.toMatchObject({ code: 'would-overwrite' })
    expect(await test.head()).toBe(head)
    expect(await test.disk()).toEqual({ a: 'my work', b: '1' })
    expect(await readMergeState(test.repo)).toBeUndefined()
  })

  it('changes nothing where a file that would be in conflict was changed', async () => {
    await diverged({ a: '1' }, { a: '2' }, { a: '3', c: '3' })
    await test.write({ a: 'my work' })
    await expect(merge()).rejects.toMatchObject({ code: 'would-overwrite' })
    expect(await test.disk()).toEqual({ a: 'my work' })
    expect(await readMergeState(test.repo)).toBeUndefined()
  })

  it('changes nothing where an untracked file is in the way', async () => {
    await diverged({ a: '1' }, { b: '1' }, { c: '2' })
    await test.write({ c: 'mine' })
    await expect(merge()).rejects.toMatchObject({ code: 'would-overwrite' })
    expect(await test.disk()).toEqual({ a: '1', b: '1', c: 'mine' })
  })

  it('changes nothing where a staged file was changed on the other side', async () => {
    await diverged({ a: '1' }, { b: '1' }, { a: '2' })
    await test.write({ a: 'staged' })
    await addPaths(test.repo, spec('a'))
    await expect(merge()).rejects.toMatchObject({ code: 'would-overwrite' })
  })

  it('keeps what is staged out of a merge that waits for its commit', async () => {
    await diverged({ a: '1' }, { a: '2' }, { a: '3' })
    await test.write({ b: 'staged' })
    await addPaths(test.repo, spec('b'))
    await expect(merge()).rejects.toMatchObject({ code: 'staged-changes' })
    expect(await readMergeState(test.repo)).toBeUndefined()
  })
})

describe('a merge with conflicts', () => {
  async function conflicting(): Promise<string> {
    await diverged({ 'shot.mov': 'base', keep: '1' }, { 'shot.mov': 'ours' }, { 'shot.mov': 'theirs', other: '2' })
    expect(await merge()).toMatchObject({ outcome: 'conflicts' })
    return `shot.theirs-${(await test.target('feature')).id.slice(0, 8)}.mov`
  }

  it('keeps both versions at hand, and everything else merged', async () => {
    const beside = await conflicting()
    expect(await test.disk()).toEqual({ 'shot.mov': 'ours', [beside]: 'theirs', keep: '1', other: '2' })
    expect(await test.status()).toEqual(['staged added other', 'conflict both-changed shot.mov'])
  })

  it('cannot be committed, nor merged with more', async () => {
    await conflicting()
    await expect(commitStaged(test.repo, { message: 'too early' })).rejects.toMatchObject({ code: 'unresolved-conflicts' })
    await expect(merge()).rejects.toMatchObject({ code: 'merge-in-progress' })
    await expect(test.switch('feature')).rejects.toMatchObject({ code: 'merge-in-progress' })
  })

  it('is given up, with the file beside and all', async () => {
    await conflicting()
    const head = await test.head()
    const report = await abortMerge(test.repo, 'merge')
    expect(report).toMatchObject({ removed: 1, saved: false })
    expect(await test.disk()).toEqual({ 'shot.mov': 'ours', keep: '1' })
    expect(await test.status()).toEqual([])
    expect(await test.head()).toBe(head)
  })

  it('is given up without losing work: undo brings it back, and the conflict too', async () => {
    const beside = await conflicting()
    await test.write({ 'shot.mov': 'a new cut of both', other: 'changed', keep: 'unrelated' })
    expect(await abortMerge(test.repo, 'merge')).toMatchObject({ saved: true })
    expect(await test.disk()).toEqual({ 'shot.mov': 'ours', keep: 'unrelated' })
    await undo(test.repo, { redo: false })
    expect(await test.disk()).toEqual({ 'shot.mov': 'a new cut of both', [beside]: 'theirs', keep: 'unrelated', other: 'changed' })
    expect(await test.status()).toContain('conflict both-changed shot.mov')
  })

  it('leaves a file beside that someone worked in', async () => {
    const beside = await conflicting()
    await test.write({ [beside]: 'their cut, and mine' })
    await abortMerge(test.repo, 'merge')
    expect(await test.disk()).toEqual({ 'shot.mov': 'ours', [beside]: 'their cut, and mine', keep: '1' })
    expect(test.warnings).toEqual([`'${beside}' was changed since the conflict began; it stays, as an untracked file`])
  })

  it('is taken back by undo, and made again by redo', async () => {
    const beside = await conflicting()
    await undo(test.repo, { redo: false })
    expect(await test.disk()).toEqual({ 'shot.mov': 'ours', keep: '1' })
    expect(await readMergeState(test.repo)).toBeUndefined()
    await undo(test.repo, { redo: true })
    expect(await test.disk()).toEqual({ 'shot.mov': 'ours', [beside]: 'theirs', keep: '1', other: '2' })
    expect((await readMergeState(test.repo))?.conflicts).toHaveLength(1)
  })

  it('takes a file that was edited and added for resolved', async () => {
    const beside = await conflicting()
    await test.write({ 'shot.mov': 'a new cut of both' })
    await addPaths(test.repo, spec('shot.mov'))
    expect(await test.disk()).not.toHaveProperty([beside])
    const { commit } = await commitStaged(test.repo, {})
    expect(await test.tree(commit.tree)).toEqual({ 'shot.mov': 'a new cut of both', keep: '1', other: '2' })
    expect(commit.parents).toHaveLength(2)
  })

  it('takes a file that was added as it is for resolved, but not one that a folder stands for', async () => {
    await conflicting()
    await addPaths(test.repo, spec())
    expect((await readMergeState(test.repo))?.conflicts).toHaveLength(1)
    await addPaths(test.repo, spec('shot.mov'))
    expect((await readMergeState(test.repo))?.conflicts).toEqual([])
  })

  it('comes back when its commit is undone', async () => {
    await conflicting()
    await addPaths(test.repo, spec('shot.mov'))
    const { commit } = await commitStaged(test.repo, {})
    await undo(test.repo, { redo: false })
    expect((await readMergeState(test.repo))?.conflicts).toEqual([])
    expect((await commitStaged(test.repo, {})).commit.parents).toEqual(commit.parents)
  })
})

describe('a clean merge', () => {
  it('is taken back by undo in one step', async () => {
    await diverged({ a: '1', 'f/b': '1' }, { a: '2' }, { 'f/b': undefined, 'g/b': '1', c: 'x:3' })
    const head = await test.head()
    await merge()
    expect(await test.disk()).toEqual({ a: '2', 'g/b': '1', c: 'x:3' })
    await undo(test.repo, { redo: false })
    expect(await test.head()).toBe(head)
    expect(await test.disk()).toEqual({ a: '2', 'f/b': '1' })
    expect(await test.status()).toEqual([])
  })

  it('goes into a branch without a commit', async () => {
    test = await TestRepo.create({ a: '1' })
    await test.repo.refs.writeHead({ branch: 'refs/heads/empty' })
    const { default: fs } = await import('node:fs/promises')
    await fs.rm(test.path('.dits/index'))
    await fs.rm(test.path('a'))
    const target = await test.target('main')
    expect(await mergeInto(test.repo, target, plain)).toMatchObject({ outcome: 'fast-forward', before: undefined })
    expect(await test.repo.refs.read('refs/heads/empty')).toBe(target.id)
    expect(await test.disk()).toEqual({ a: '1' })
  })
})
