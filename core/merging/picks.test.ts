import { afterEach, describe, expect, it } from 'vitest'
import { commitStaged } from '../changing/commit.ts'
import { readCommit } from '../changing/head.ts'
import { undo } from '../changing/undo.ts'
import type { Id } from '../objects/id.ts'
import { addPaths } from '../staging/stage.ts'
import { abortMerge } from './abort.ts'
import { mergeInto } from './merge.ts'
import { readMergeState } from './merge-state.ts'
import { continuePicks, pickCommits } from './picks.ts'
import { resolveConflicts } from './resolve.ts'
import { everything, spec, TestRepo } from './merging-fixture.ts'

let test: TestRepo
let commits: Id[]
afterEach(() => test.remove())

/** `main` with one commit more than the start of `feature`, which has three: an edit of `a`, a new file `c`, another edit of `a`. */
async function twoBranches(ours: Record<string, string | undefined>): Promise<void> {
  test = await TestRepo.create({ a: '1', b: '1' })
  await test.branch('feature')
  commits = [await test.commit('edit a', { a: '2' }), await test.commit('add c', { c: 'x:1' }), await test.commit('edit a again', { a: '3' })]
  await test.switch('main')
  await test.commit('ours', ours)
}

async function subjects(): Promise<string[]> {
  const found: string[] = []
  for (let id: Id | undefined = await test.head(); id; ) {
    const { message, parents }: { message: string; parents: Id[] } = await readCommit(test.repo, id)
    found.push(message.split('\n')[0]!)
    id = parents[0]
  }
  return found
}

describe('picking commits', () => {
  it('makes one again, with its author and message', async () => {
    await twoBranches({ b: '2' })
    const { made, skipped } = await pickCommits(test.repo, 'cherry-pick', [commits[1]!], { noteOrigin: true })
    expect(made).toHaveLength(1)
    expect(skipped).toEqual([])
    const [source, picked] = [await readCommit(test.repo, commits[1]!), await readCommit(test.repo, await test.head())]
    expect(picked.author).toEqual(source.author)
    expect(picked.committer.timeMs).toBeGreaterThan(source.committer.timeMs)
    expect(picked.message).toBe(`add c\n\n(cherry picked from commit ${commits[1]})`)
    expect(await test.disk()).toEqual({ a: '1', b: '2', c: 'x:1' })
    expect(await test.status()).toEqual([])
  })

  it('makes several, which undo takes back in one step', async () => {
    await twoBranches({ b: '2' })
    const head = await test.head()
    await pickCommits(test.repo, 'cherry-pick', commits, {})
    expect(await subjects()).toEqual(['edit a again', 'add c', 'edit a', 'ours', 'first'])
    expect(await test.disk()).toEqual({ a: '3', b: '2', c: 'x:1' })
    await undo(test.repo, { redo: false })
    expect(await test.head()).toBe(head)
    expect(await test.disk()).toEqual({ a: '1', b: '2' })
  })

  it('passes over what is here already', async () => {
    await twoBranches({ a: '2' })
    const { made, skipped } = await pickCommits(test.repo, 'cherry-pick', commits.slice(0, 2), {})
    expect(skipped).toEqual([commits[0]])
    expect(made.map(({ from }) => from)).toEqual([commits[1]])
  })

  it('only stages the changes where it is told to, on top of what is staged', async () => {
    await twoBranches({ b: '2' })
    const head = await test.head()
    await test.write({ b: 'staged' })
    await addPaths(test.repo, everything)
    await pickCommits(test.repo, 'cherry-pick', commits, { noCommit: true })
    expect(await test.head()).toBe(head)
    expect(await test.staged()).toEqual({ a: '3', b: 'staged', c: 'x:1' })
    expect(await readMergeState(test.repo)).toBeUndefined()
  })

  it('leaves uncommitted changes alone, and refuses where they are in the way', async () => {
    await twoBranches({})
    await test.write({ b: 'mine' })
    await pickCommits(test.repo, 'cherry-pick', [commits[1]!], {})
    expect(await test.status()).toEqual(['modified b'])
    await test.write({ a: 'mine' })
    await expect(pickCommits(test.repo, 'cherry-pick', [commits[0]!], {})).rejects.toMatchObject({ code: 'would-overwrite' })
  })

  it('picks the first commit of a history', async () => {
    await twoBranches({ b: '2' })
    const first = (await readCommit(test.repo, commits[0]!)).parents[0]!
    expect(await pickCommits(test.repo, 'revert', [first], {})).toMatchObject({ stopped: { conflicts: [{ path: 'b' }] } })
  })
})

describe('a commit that cannot be picked', () => {
  async function stopped(): Promise<Id> {
    await twoBranches({ a: 'ours' })
    const head = await test.head()
    const report = await pickCommits(test.repo, 'cherry-pick', [commits[1]!, commits[0]!, commits[2]!], {})
    expect(report).toMatchObject({ stopped: { from: commits[0], conflicts: [{ path: 'a', reason: 'both-changed' }] }, todo: [commits[2]] })
    expect(report.made).toHaveLength(1)
    return head
  }

  it('waits, with what went before in place', async () => {
    await stopped()
    expect(await subjects()).toEqual(['add c', 'ours', 'first'])
    expect(await test.disk()).toEqual({ a: 'ours', [`a.theirs-${commits[0]!.slice(0, 8)}`]: '2', b: '1', c: 'x:1' })
  })

  it('is committed by --continue, which goes on with the rest', async () => {
    await stopped()
    await expect(continuePicks(test.repo, 'cherry-pick', { skip: false })).rejects.toMatchObject({ code: 'unresolved-conflicts' })
    await resolveConflicts(test.repo, everything, 'theirs')
    const report = await continuePicks(test.repo, 'cherry-pick', { skip: false })
    expect(report.made.map(({ from }) => from)).toEqual([commits[0], commits[2]])
    expect(await subjects()).toEqual(['edit a again', 'edit a', 'add c', 'ours', 'first'])
    expect(await test.disk()).toEqual({ a: '3', b: '1', c: 'x:1' })
    expect(await readMergeState(test.repo)).toBeUndefined()
  })

  it('may be committed by hand first, under its own message and author', async () => {
    await stopped()
    await test.write({ a: 'both' })
    await addPaths(test.repo, spec('a'))
    const { commit } = await commitStaged(test.repo, {})
    expect(commit).toMatchObject({ message: 'edit a', author: (await readCommit(test.repo, commits[0]!)).author })
    expect(await readMergeState(test.repo)).toMatchObject({ todo: [commits[2]], heads: [] })
    const report = await continuePicks(test.repo, 'cherry-pick', { skip: false })
    expect(report).toMatchObject({ made: [], stopped: { from: commits[2] } })
  })

  it('is passed over where its resolution changes nothing', async () => {
    await stopped()
    await resolveConflicts(test.repo, everything, 'ours')
    await expect(commitStaged(test.repo, {})).rejects.toMatchObject({ code: 'nothing-to-commit' })
    expect(await continuePicks(test.repo, 'cherry-pick', { skip: false })).toMatchObject({ made: [], skipped: [commits[0]], stopped: { from: commits[2] } })
  })

  it('is left out by --skip', async () => {
    await stopped()
    const report = await continuePicks(test.repo, 'cherry-pick', { skip: true })
    expect(report).toMatchObject({ made: [], stopped: { from: commits[2] }, todo: [] })
    await continuePicks(test.repo, 'cherry-pick', { skip: true })
    expect(await subjects()).toEqual(['add c', 'ours', 'first'])
    expect(await test.disk()).toEqual({ a: 'ours', b: '1', c: 'x:1' })
    expect(await readMergeState(test.repo)).toBeUndefined()
  })

  it('is given up with all that went before', async () => {
    const head = await stopped()
    await abortMerge(test.repo, 'cherry-pick')
    expect(await test.head()).toBe(head)
    expect(await test.disk()).toEqual({ a: 'ours', b: '1' })
    expect(await test.status()).toEqual([])
    await undo(test.repo, { redo: false })
    expect(await readMergeState(test.repo)).toMatchObject({ todo: [commits[2]] })
    expect(await test.disk()).toMatchObject({ a: 'ours', c: 'x:1' })
  })

  it('is not given up by another command', async () => {
    await stopped()
    await expect(abortMerge(test.repo, 'merge')).rejects.toMatchObject({ code: 'no-merge-in-progress' })
    await expect(continuePicks(test.repo, 'revert', { skip: false })).rejects.toMatchObject({ code: 'no-merge-in-progress' })
  })

  it('ends with the last resolution where nothing is to be committed', async () => {
    await twoBranches({ a: 'ours' })
    await pickCommits(test.repo, 'cherry-pick', [commits[0]!], { noCommit: true })
    await resolveConflicts(test.repo, everything, 'theirs')
    expect(await readMergeState(test.repo)).toBeUndefined()
    expect(await test.staged()).toEqual({ a: '2', b: '1' })
  })
})

describe('reverting', () => {
  it('takes a commit back by a new one', async () => {
    test = await TestRepo.create({ a: '1', 'f/b': '1' })
    const id = await test.commit('a mistake', { a: '2', 'f/b': undefined, c: '1' })
    await test.commit('more', { d: '1' })
    await pickCommits(test.repo, 'revert', [id], {})
    expect(await test.disk()).toEqual({ a: '1', 'f/b': '1', d: '1' })
    expect((await readCommit(test.repo, await test.head())).message).toBe(`Revert "a mistake"\n\nThis reverts commit ${id}.`)
  })

  it('stops where something was changed again', async () => {
    test = await TestRepo.create({ a: '1' })
    const id = await test.commit('two', { a: '2' })
    await test.commit('three', { a: '3' })
    expect(await pickCommits(test.repo, 'revert', [id], {})).toMatchObject({ stopped: { from: id } })
    await resolveConflicts(test.repo, everything, 'theirs')
    const { made } = await continuePicks(test.repo, 'revert', { skip: false })
    expect(made.map(({ message }) => message.split('\n')[0])).toEqual(['Revert "two"'])
    expect(await test.disk()).toEqual({ a: '1' })
  })

  it('asks which parent of a merge is meant', async () => {
    test = await TestRepo.create({ a: '1' })
    await test.branch('feature')
    await test.commit('theirs', { b: '1' })
    await test.switch('main')
    await test.commit('ours', { c: '1' })
    await mergeInto(test.repo, await test.target('feature'), { forward: 'may', commit: true })
    const id = await test.head()
    await expect(pickCommits(test.repo, 'revert', [id], {})).rejects.toMatchObject({ code: 'is-a-merge' })
    await expect(pickCommits(test.repo, 'revert', [id], { mainline: 3 })).rejects.toMatchObject({ code: 'no-such-parent' })
    await pickCommits(test.repo, 'revert', [id], { mainline: 1 })
    expect(await test.disk()).toEqual({ a: '1', c: '1' })
  })
})
