import { expect, it } from 'vitest'
import { upstreamOf, type Id, type Repo } from '#core'
import { TestRepo } from '../core/repo.fixture.ts'
import { addRemote, listRemotes, renameRemote, setUpstream } from './remotes.ts'

async function remoteRefs(repo: Repo): Promise<Record<string, Id>> {
  const found: Record<string, Id> = {}
  for await (const { name, id } of repo.refs.list('refs/remotes/')) found[name] = id
  return found
}

it('renaming a remote that ended half-way goes on when it is repeated', async () => {
  const test = await TestRepo.create()
  const older = await test.commit({ a: 'one' })
  const newer = await test.commit({ a: 'two' })
  await addRemote(test.repo, { name: 'origin', url: '/films', filter: 'size:10M' })
  await setUpstream(test.repo, 'refs/heads/main', { remote: 'origin', branch: 'refs/heads/cut' })
  const repo = await test.reopen()
  await repo.refs.move('refs/remotes/origin/cut', undefined, newer)
  await repo.refs.move('refs/remotes/origin/more', undefined, newer)
  // One was made under the new name, and another one was moved.
  await repo.refs.move('refs/remotes/hub/cut', undefined, older)
  await repo.refs.move('refs/remotes/hub/before', undefined, older)

  await renameRemote(repo, 'origin', 'hub')

  expect(await remoteRefs(repo)).toEqual({ 'refs/remotes/hub/before': older, 'refs/remotes/hub/cut': newer, 'refs/remotes/hub/more': newer })
  const { config } = await test.reopen()
  expect(listRemotes(config)).toEqual([{ name: 'hub', url: '/films', filter: 'size:10M' }])
  expect(upstreamOf(config, 'refs/heads/main')).toEqual({ remote: 'hub', branch: 'refs/heads/cut' })
})
