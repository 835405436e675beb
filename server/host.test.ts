import { describe, expect, it } from 'vitest'
import { MemoryStore, type Id } from '#core'
import type { Role } from '../protocol/host.ts'
import { openTestServer, push, type TestServer } from './host.fixture.ts'
import { recordAgeMaxMs } from './records.ts'

const branch = 'refs/heads/main'

async function roleFor(server: TestServer, repository: string, token?: string): Promise<Role | string> {
  try {
    const opened = await server.host.open(server.greet(repository, token))
    await opened.release()
    return opened.role
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('who may open a repository', () => {
  async function openStudio() {
    const server = openTestServer()
    for (const name of ['studio/film', 'studio/game']) await server.repositories.create(name, { branch: 'main' })
    const ada = await server.accounts.addUser('ada', undefined)
    await server.repositories.grant('studio/film', ada, 'write')
    return server
  }

  it('is who has a grant, or a role in all repositories, whichever is more', async () => {
    const server = await openStudio()
    const { secret } = await server.accounts.createToken({ user: 'ada' })
    expect(await roleFor(server, 'studio/film', secret)).toBe('write')
    expect(await roleFor(server, 'studio/game', secret)).toBe('access-denied')
    await server.accounts.setRole('ada', 'read')
    server.clock.nowMs += recordAgeMaxMs + 1
    expect(await roleFor(server, 'studio/film', secret)).toBe('write')
    expect(await roleFor(server, 'studio/game', secret)).toBe('read')
  })

  it('is nobody else', async () => {
    const server = await openStudio()
    const { secret: expired } = await server.accounts.createToken({ user: 'ada', lifetimeMs: 0 })
    const { secret: other } = await server.accounts.createToken({ user: 'ada', repository: 'studio/game' })
    const nobody = await server.tokenOf('bob')
    for (const token of [undefined, '', 'wrong', expired, other, nobody]) {
      expect(await roleFor(server, 'studio/film', token)).toBe('access-denied')
    }
  })

  it('is told the same of what is not there as of what belongs to others', async () => {
    const server = await openStudio()
    const token = await server.tokenOf('bob')
    const refusal = (name: string) => server.host.open(server.greet(name, token)).catch((error: Error) => error.message.replace(name, ''))
    expect(await refusal('studio/film')).toBe(await refusal('studio/none'))
  })

  it('gets no more than the token allows, and no more than its user', async () => {
    const server = await openStudio()
    const narrow = await server.accounts.createToken({ user: 'ada', repository: 'studio/film', role: 'read' })
    const wide = await server.accounts.createToken({ user: 'ada', role: 'admin' })
    expect(await roleFor(server, 'studio/film', narrow.secret)).toBe('read')
    expect(await roleFor(server, 'studio/film', wide.secret)).toBe('write')
  })

  it('is slowed down after a few failures, whatever kind they are', async () => {
    const server = await openStudio()
    const token = await server.tokenOf('bob')
    await roleFor(server, 'studio/film')
    await roleFor(server, 'studio/film', 'wrong')
    await roleFor(server, 'studio/film', token)
    expect(server.waits).toEqual([])
    await roleFor(server, 'studio/none', token)
    await roleFor(server, 'studio/film')
    expect(server.waits).toEqual([250, 500])
  })

  it.each(['..', '../auth', 'studio/../studio/film', '/studio/film', 'studio%2ffilm', 'STUDIO/film', 'x'.repeat(10_000), 'a\0b'])('finds nothing behind the name %s', async (name) => {
    const server = await openStudio()
    const admin = await server.tokenOf('root', 'admin')
    expect(await roleFor(server, name, admin)).toBe('bad-repository-name')
    expect(await roleFor(server, name)).toBe('access-denied')
  })

  it('is nobody once a repository was put away, until it is restored', async () => {
    const server = await openStudio()
    const admin = await server.tokenOf('root', 'admin')
    await server.repositories.remove('studio/film')
    expect(await roleFor(server, 'studio/film', admin)).toBe('access-denied')
    await server.repositories.restore('studio/film')
    expect(await roleFor(server, 'studio/film', admin)).toBe('admin')
  })

  it('loses a grant with its user, also for the next user of that name', async () => {
    const server = await openStudio()
    await server.accounts.removeUser('ada')
    expect(await roleFor(server, 'studio/film', await server.tokenOf('ada'))).toBe('access-denied')
  })
})

describe('a hosted repository', () => {
  it('keeps what was pushed, for other processes too', async () => {
    const store = new MemoryStore()
    const [here, there] = [openTestServer({ store }), openTestServer({ store })]
    await here.repositories.create('film', { branch: 'main' })
    const token = await here.tokenOf('ada', 'write')
    const reader = await there.host.open(there.greet('film', token))
    const id = await push(await here.host.open(here.greet('film', token)), [branch, 'refs/tags/v1'])
    expect(await reader.refs.read(branch)).toBe(id)
    expect(await reader.objects.has(id)).toBe(true)
  })

  it('shows a reader everything, and lets no reader write, whatever the protocol is made to do', async () => {
    const server = openTestServer()
    await server.repositories.create('film', { branch: 'main' })
    const id = await push(await server.host.open(server.greet('film', await server.tokenOf('ada', 'write'))), [branch])
    const reader = await server.host.open(server.greet('film', await server.tokenOf('bob', 'read')))
    expect(await reader.refs.read(branch)).toBe(id)
    await expect(reader.checkMoves([{ name: branch, before: id, after: undefined }])).rejects.toMatchObject({ code: 'access-denied' })
    await expect(reader.refs.move(branch, id, undefined)).rejects.toMatchObject({ code: 'store-read-only' })
    await expect(reader.store.put('packs/x.pack', new Uint8Array(1))).rejects.toMatchObject({ code: 'store-read-only' })
    await expect(reader.store.delete('HEAD')).rejects.toMatchObject({ code: 'store-read-only' })
  })

  it('asks again before refs move: a token revoked or a right lost meanwhile no longer counts', async () => {
    const store = new MemoryStore()
    const [here, there] = [openTestServer({ store }), openTestServer({ store })]
    await here.repositories.create('film', { branch: 'main' })
    const ada = await here.accounts.addUser('ada', undefined)
    await here.repositories.grant('film', ada, 'write')
    const { secret, token } = await here.accounts.createToken({ user: 'ada' })
    const repository = await here.host.open(here.greet('film', secret))
    const move = { name: branch, before: undefined, after: 'a'.repeat(64) as Id }
    await repository.checkMoves([move])
    await there.repositories.grant('film', ada, 'read')
    await expect(repository.checkMoves([move])).rejects.toMatchObject({ code: 'access-denied' })
    await there.repositories.grant('film', ada, 'admin')
    await repository.checkMoves([move])
    await there.accounts.revokeToken(token.id)
    await expect(repository.checkMoves([move])).rejects.toMatchObject({ code: 'access-denied' })
  })

  it('stands on the branch that was pushed first, and stays there', async () => {
    const server = openTestServer()
    await server.repositories.create('film', { branch: 'main' })
    const repository = await server.host.open(server.greet('film', await server.tokenOf('ada', 'write')))
    expect(await repository.readHeadBranch()).toBe(branch)
    await push(repository, ['refs/heads/edit', 'refs/tags/v1'])
    expect(await repository.readHeadBranch()).toBe('refs/heads/edit')
    await push(repository, [branch], 'later')
    expect(await repository.readHeadBranch()).toBe('refs/heads/edit')
  })

  it('keeps the branch that clones start on, until the administrator chooses another', async () => {
    const store = new MemoryStore()
    const [server, elsewhere] = [openTestServer({ store }), openTestServer({ store })]
    await server.repositories.create('film', { branch: 'main' })
    const repository = await server.host.open(server.greet('film', await server.tokenOf('ada', 'write')))
    const id = await push(repository, [branch, 'refs/heads/edit'])
    const deletion = { name: branch, before: id, after: undefined }
    await expect(repository.checkMoves([{ ...deletion, name: 'refs/heads/edit' }, deletion])).rejects.toMatchObject({ code: 'default-branch' })
    await repository.checkMoves([{ ...deletion, name: 'refs/heads/edit' }])
    await elsewhere.repositories.setBranch('film', 'edit')
    expect(await repository.readHeadBranch()).toBe('refs/heads/edit')
    await repository.checkMoves([deletion])
    await expect(repository.checkMoves([{ ...deletion, name: 'refs/heads/edit' }])).rejects.toMatchObject({ code: 'default-branch' })
  })

  it('starts on no branch that is not there, unless it has none', async () => {
    const { host, greet, repositories, tokenOf } = openTestServer()
    await repositories.create('film', { branch: 'main' })
    await repositories.setBranch('film', 'cut')
    const repository = await host.open(greet('film', await tokenOf('ada', 'write')))
    expect(await repository.readHeadBranch()).toBe('refs/heads/cut')
    await push(repository, [branch])
    await expect(repositories.setBranch('film', 'cut')).rejects.toMatchObject({ code: 'unknown-branch', hint: 'its branches are: main' })
    await expect(repositories.setBranch('film', '../x')).rejects.toMatchObject({ code: 'bad-ref-name' })
    await expect(repositories.setBranch('flim', 'main')).rejects.toMatchObject({ code: 'unknown-repository' })
    expect(await repository.readHeadBranch()).toBe(branch)
  })

  it('is opened once for all streams, with names for packs that are never the same', async () => {
    const server = openTestServer()
    await server.repositories.create('film', { branch: 'main' })
    const token = await server.tokenOf('ada', 'write')
    const [first, second] = [await server.host.open(server.greet('film', token)), await server.host.open(server.greet('film', token))]
    expect(first.objects).toBe(second.objects)
    expect(first.newSessionName()).not.toBe(first.newSessionName())
    expect(first.newSessionName()).toMatch(/^[0-9a-z-]{1,48}$/)
  })
})

describe('a first push to a new name', () => {
  it('makes the repository, for who may', async () => {
    const server = openTestServer({ autoCreate: 'admin' })
    const repository = await server.host.open(server.greet('studio/new', await server.tokenOf('ada', 'admin')))
    expect([repository.isNew, await repository.readHeadBranch()]).toEqual([true, branch])
    expect(await Array.fromAsync(server.repositories.list())).toEqual([])
    const id = await push(repository, ['refs/heads/edit'])
    expect(await repository.readHeadBranch()).toBe('refs/heads/edit')
    expect((await server.repositories.read('studio/new')).name).toBe('studio/new')
    const again = await server.host.open(server.greet('studio/new', await server.tokenOf('bob', 'read')))
    expect(again.isNew).toBe(false)
    expect(await again.refs.read('refs/heads/edit')).toBe(id)
  })

  it('is refused to all others', async () => {
    const admins = openTestServer({ autoCreate: 'admin' })
    expect(await roleFor(admins, 'new', await admins.tokenOf('ada', 'write'))).toBe('access-denied')
    await admins.accounts.addUser('root', 'admin')
    const narrow = await admins.accounts.createToken({ user: 'root', role: 'write' })
    expect(await roleFor(admins, 'new', narrow.secret)).toBe('access-denied')
    const nobody = openTestServer()
    expect(await roleFor(nobody, 'new', await nobody.tokenOf('ada', 'admin'))).toBe('access-denied')
    const writers = openTestServer({ autoCreate: 'write' })
    expect(await roleFor(writers, 'new', await writers.tokenOf('ada', 'write'))).toBe('write')
    expect(await roleFor(writers, 'new', await writers.tokenOf('bob', 'read'))).toBe('access-denied')
  })

  it('by two at once makes one repository that has both branches', async () => {
    const store = new MemoryStore()
    const [here, there] = [openTestServer({ store, autoCreate: 'admin' }), openTestServer({ store, autoCreate: 'admin' })]
    const token = await here.tokenOf('ada', 'admin')
    const opened = await Promise.all([here.host.open(here.greet('new', token)), there.host.open(there.greet('new', token))])
    const ids = await Promise.all([push(opened[0], ['refs/heads/a'], 'a'), push(opened[1], ['refs/heads/b'], 'b')])
    const refs = (await Array.fromAsync(opened[0].refs.list('refs/'))).map(({ name, id }) => [name, id])
    expect(refs).toEqual([['refs/heads/a', ids[0]], ['refs/heads/b', ids[1]]])
    expect(['refs/heads/a', 'refs/heads/b']).toContain(await opened[0].readHeadBranch())
  })
})

describe('repositories', () => {
  it('are taken up where their content was copied into place', async () => {
    const source = openTestServer()
    await source.repositories.create('film', { branch: 'main' })
    const id = await push(await source.host.open(source.greet('film', await source.tokenOf('ada', 'write'))), [branch])
    const target = openTestServer()
    for await (const key of source.store.list('repos/')) {
      const { size } = (await source.store.stat(key))!
      await target.store.put(key, (await source.store.get(key, { offset: 0, length: size }))!.bytes)
    }
    await target.repositories.create('film', { branch: 'other' })
    const opened = await target.host.open(target.greet('film', await target.tokenOf('ada', 'read')))
    expect([await opened.readHeadBranch(), await opened.refs.read(branch)]).toEqual([branch, id])
  })

  it('that are destroyed leave nothing, and no other repository loses anything', async () => {
    const { repositories, store } = openTestServer()
    for (const name of ['studio', 'studio/film', 'studio/film2']) await repositories.create(name, { branch: 'main' })
    await repositories.destroy('studio')
    const keys = await Array.fromAsync(store.list(''))
    expect(keys.filter((key) => /studio\.|studio\/film2?\.dits\/format/.test(key))).toEqual(['repos/studio/film.dits/format', 'repos/studio/film2.dits/format'])
    await repositories.destroy('studio/film')
    expect((await Array.fromAsync(repositories.list())).map(({ name }) => name)).toEqual(['studio/film2'])
  })

  it('whose destruction broke off are out of reach, and the same call finishes it', async () => {
    const { store, repositories, host, greet, tokenOf } = openTestServer()
    await repositories.create('film', { branch: 'main' })
    const token = await tokenOf('ada', 'admin')
    await repositories.remove('film')
    await store.delete('repos/film.dits/format')
    await expect(host.open(greet('film', token))).rejects.toMatchObject({ code: 'access-denied' })
    await repositories.destroy('film')
    expect((await Array.fromAsync(store.list(''))).filter((key) => key.includes('film'))).toEqual([])
  })
})
