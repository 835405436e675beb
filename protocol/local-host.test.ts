import { describe, expect, it, onTestFinished } from 'vitest'
import { closeRepo, openRepo } from '#core'
import { collectGarbage } from '../core/gc.ts'
import { TestRepo } from '../core/repo.fixture.ts'
import { localHost } from './local-host.ts'
import { connectLoopback } from './loopback.ts'
import { serveSession } from './serve.ts'
import { allRefs, openSession } from './sync.fixture.ts'

/** A session with the repository of a folder, as a path or ssh leads to it. */
async function openLocal(test: TestRepo) {
  const host = localHost(() => openRepo(test.root, test.env()))
  const session = await openSession(connectLoopback((stream, peer) => serveSession(stream, peer, host, { now: Date.now })))
  onTestFinished(() => session.close())
  return session
}

/** Collects garbage without any grace, and tells when it had to wait. */
async function startCollecting(test: TestRepo) {
  const waiting = Promise.withResolvers<string>()
  const repo = await openRepo(test.root, test.env({ onWarning: () => waiting.resolve('waits') }))
  onTestFinished(() => closeRepo(repo))
  const collected = collectGarbage(repo, { graceMs: 0, undoMs: 0 }).then(() => 'collected')
  return { collected, first: Promise.race([waiting.promise, collected]) }
}

describe('a push into the repository of a folder', () => {
  it('keeps a collection there from taking what nothing refers to yet', async () => {
    const from = await TestRepo.create()
    const id = await from.commit({ a: 'one', b: 'two' })
    const there = await TestRepo.create()
    const session = await openLocal(there)
    await session.refs()
    await session.store(from.repo.objects, [{ id, located: (await from.repo.objects.locate(id))! }])
    await session.askHeld([id])
    expect((await session.receiveHeld(1))[0]).toBe(1)
    const { first, collected } = await startCollecting(there)
    expect(await first).toBe('waits')
    await session.askHeld([id])
    expect((await session.receiveHeld(1))[0]).toBe(1)
    await session.close()
    expect(await collected).toBe('collected')
  })

  it('takes no lock while it only reads', async () => {
    const there = await TestRepo.create()
    await there.commit({ a: 'one' })
    const session = await openLocal(there)
    expect((await session.refs(allRefs)).refs.size).toBe(1)
    expect(await (await startCollecting(there)).first).toBe('collected')
  })
})
