import { expect, it } from 'vitest'
import { TestRepo } from '../repo.fixture.ts'
import { checkCommit } from './commit.ts'

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
