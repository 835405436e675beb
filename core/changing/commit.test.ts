import { expect, it } from 'vitest'
import { TestRepo } from '../repo.fixture.ts'
import { checkCommit, commitStaged } from './commit.ts'

it('tells before a message is asked for whether there is anything to commit', async () => {
  const test = await TestRepo.create()
  const nothing = { code: 'nothing-to-commit' }
  await expect(checkCommit(test.repo, {})).rejects.toMatchObject(nothing)
  await expect(checkCommit(test.repo, { amend: true })).rejects.toMatchObject({ code: 'nothing-to-amend' })
  const id = await test.commit({ a: '1' })
  await expect(checkCommit(test.repo, {})).rejects.toMatchObject(nothing)
  for (const options of [{ amend: true }, { allowEmpty: true }]) expect(await checkCommit(test.repo, options)).toMatchObject({ current: { id }, merge: undefined })
  await test.write({ a: '2' }).add()
  expect(await checkCommit(test.repo, {})).toMatchObject({ current: { id } })
})

it('stages nothing of all changes where there is no commit of them', async () => {
  const test = await TestRepo.create()
  await test.commit({ a: '1' })
  test.write({ a: '2' })
  await expect(commitStaged(test.repo, { all: true, message: ' ' })).rejects.toMatchObject({ code: 'empty-message' })
  expect(await test.status()).toEqual(['modified a'])
  await commitStaged(test.repo, { all: true, message: 'two' })
  expect(await test.status()).toEqual([])
})
