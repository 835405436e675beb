import { describe, expect, it } from 'vitest'
import { pushStash } from '../merging/stash-push.ts'
import { everything, TestRepo } from '../repo.fixture.ts'
import { withLock } from '../repo.ts'
import { readStatus } from '../staging/status.ts'
import { resetTo } from './reset.ts'

const dying = new Error('the power was cut')

/** `main` and `side`, on `main`, with a change that is not committed. */
async function makeRepo(): Promise<TestRepo> {
  const test = await TestRepo.create()
  await test.commit({ a: 'a', b: 'b', mine: 'mine' })
  await test.branch('side')
  await test.commit({ a: 'side', b: 'side' })
  await test.switch('main')
  test.write({ mine: 'changed' })
  return test
}

/** Does what is to be cut off while it writes its first file. */
async function cutOff(test: TestRepo, work: () => Promise<unknown>): Promise<void> {
  await test.reopen({
    command: 'dits cut-off',
    onProgress: ({ task }) => {
      if (task === 'writing') throw dying
    },
  })
  await expect(work()).rejects.toThrow(dying.message)
  await test.reopen()
}

async function saidByStatus(test: TestRepo): Promise<string | undefined> {
  return (await readStatus(test.repo, everything, { untracked: 'all' })).unfinished?.command
}

describe('status', () => {
  const commands: [string, (test: TestRepo) => Promise<unknown>][] = [
    ['a switch', (test) => test.switch('side')],
    ['a reset', async (test) => resetTo(test.repo, (await test.repo.refs.read('refs/heads/side'))!, 'hard')],
  ]
  it.each(commands)('says that %s was cut off, until that went on or back', async (_, work) => {
    const test = await makeRepo()
    await cutOff(test, () => work(test))
    expect(await saidByStatus(test)).toBe('dits cut-off')
    await test.undo()
    expect(await saidByStatus(test)).toBeUndefined()
    await cutOff(test, () => work(test))
    await work(test)
    expect(await saidByStatus(test)).toBeUndefined()
  })

  it('says that a stash was cut off', async () => {
    const test = await makeRepo()
    await (await test.write({ a: 'staged' }).add())
    await cutOff(test, () => pushStash(test.repo, { spec: everything, untracked: false, keepIndex: false }))
    expect(await saidByStatus(test)).toBe('dits cut-off')
    await test.undo()
    expect(await saidByStatus(test)).toBeUndefined()
    expect(test.disk()).toMatchObject({ a: 'staged', mine: 'changed' })
  })

  it('says nothing of what went through, and of what is still at work', async () => {
    const test = await makeRepo()
    await test.switch('side')
    expect(await saidByStatus(test)).toBeUndefined()
    await test.switch('main')
    await cutOff(test, () => test.switch('side'))
    await withLock(test.repo, async () => expect(await saidByStatus(test)).toBeUndefined())
  })

  it('says nothing of it where the log is damaged', async () => {
    const test = await makeRepo()
    await cutOff(test, () => test.switch('side'))
    const { seq } = (await test.repo.oplog.latest())!
    const key = `oplog/${String(seq).padStart(12, '0')}`
    await test.repo.store.put(key, Buffer.from('{'))
    await test.reopen()
    await expect(test.repo.oplog.latest()).rejects.toMatchObject({ code: 'oplog-damaged' })
    expect(await saidByStatus(test)).toBeUndefined()
  })
})
