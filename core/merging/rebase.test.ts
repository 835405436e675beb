import { describe, expect, it } from 'vitest'
import { readCommit } from '../changing/head.ts'
import { hasCode } from '../errors.ts'
import { TestRepo } from '../repo.fixture.ts'
import { rebaseOnto } from './rebase.ts'

/** A branch 'theirs' and this branch, each with commits of their own after a common one. */
async function forked(own: Record<string, string>, theirs: Record<string, string>) {
  const test = await TestRepo.create()
  await test.commit({ a: 'one', b: 'one' })
  await test.branch('theirs')
  const onto = await test.commit(theirs)
  await test.switch('main')
  await test.commit(own, { message: 'own' })
  return { test, onto }
}

describe('rebasing', () => {
  it('makes own commits again on top, and keeps what is not committed', async () => {
    const { test, onto } = await forked({ a: 'two' }, { b: 'two' })
    await test.commit({ c: 'new' }, { message: 'second' })
    test.write({ d: 'not staged' })
    const report = await rebaseOnto(test.repo, onto)
    expect(report).toMatchObject({ outcome: 'rebased', made: 2 })
    expect(test.disk()).toEqual({ a: 'two', b: 'two', c: 'new', d: 'not staged' })
    const last = await readCommit(test.repo, report.after)
    const first = await readCommit(test.repo, last.parents[0]!)
    expect([last.message, first.message, first.parents]).toEqual(['second', 'own', [onto]])
  })

  it('changes nothing where both changed one file', async () => {
    const { test, onto } = await forked({ a: 'two' }, { a: 'three' })
    const before = await test.head()
    await expect(rebaseOnto(test.repo, onto)).rejects.toSatisfy((error) => hasCode(error, 'rebase-needs-merge'))
    expect(await test.head()).toBe(before)
    expect(test.disk()).toEqual({ a: 'two', b: 'one' })
  })

  it('is taken back by undo', async () => {
    const { test, onto } = await forked({ a: 'two' }, { b: 'two' })
    const before = await test.head()
    await rebaseOnto(test.repo, onto)
    await test.undo()
    expect(await test.head()).toBe(before)
    expect(test.disk()).toEqual({ a: 'two', b: 'one' })
  })

  it('moves forward where there is nothing of its own', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: 'one' })
    await test.branch('theirs')
    const onto = await test.commit({ a: 'two' })
    await test.switch('main')
    expect(await rebaseOnto(test.repo, onto)).toMatchObject({ outcome: 'fast-forward', after: onto })
    expect(await rebaseOnto(test.repo, onto)).toMatchObject({ outcome: 'up-to-date' })
  })
})
