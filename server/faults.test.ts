import { describe, expect, it } from 'vitest'
import { MemoryStore, type ByteStore, type Id } from '#core'
import { CrashError, FaultyStore, type Fault } from '../core/store/faulty-store.ts'
import { openTestServer, push, type TestServer } from './host.fixture.ts'

const branch = 'refs/heads/main'

/** What an administrator or a client does, what must hold however far it came, and what doing it once more must lead to. */
interface Scenario {
  prepare(server: TestServer): Promise<void>
  act(server: TestServer): Promise<void>
  /** Looked at by a server that starts after the crash. */
  check(server: TestServer): Promise<void>
  /** Looked at after the act was done once more. */
  checkDone(server: TestServer): Promise<void>
}

const names = async (server: TestServer) => (await Array.fromAsync(server.repositories.list())).map(({ name }) => name)
const keysWith = async (store: ByteStore, text: string) => (await Array.fromAsync(store.list(''))).filter((key) => key.includes(text))

/** The administrator's token, which every scenario has, and ada's, by the store that they are in. */
const tokens = new WeakMap<ByteStore, string>()
const tokensOfAda = new WeakMap<ByteStore, string>()

async function openAsAdmin(server: TestServer, name: string) {
  return server.host.open(server.greet(name, tokens.get(server.store) ?? ''))
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'making a repository': {
    prepare: async () => {},
    act: async (server) => {
      if (!(await names(server)).includes('film')) await server.repositories.create('film', { branch: 'edit' })
    },
    check: async (server) => {
      for (const name of await names(server)) expect(await (await openAsAdmin(server, name)).readHeadBranch()).toBe('refs/heads/edit')
    },
    checkDone: async (server) => expect(await names(server)).toEqual(['film']),
  },
  'the first push to a new name': {
    prepare: async () => {},
    act: async (server) => void (await push(await openAsAdmin(server, 'film'), [branch])),
    check: async (server) => {
      const repository = await openAsAdmin(server, 'film')
      const id = await repository.refs.read(branch)
      if (id) expect(await repository.objects.read('commit', id)).toBeDefined()
      expect(await repository.readHeadBranch()).toBe(branch)
    },
    checkDone: async (server) => {
      expect(await names(server)).toEqual(['film'])
      expect(await (await openAsAdmin(server, 'film')).refs.read(branch)).toMatch(/^[0-9a-f]{64}$/)
    },
  },
  'a second push': {
    prepare: async (server) => void (await push(await openAsAdmin(server, 'film'), [branch], 'first')),
    act: async (server) => void (await push(await openAsAdmin(server, 'film'), [branch], 'second')),
    check: async (server) => {
      const repository = await openAsAdmin(server, 'film')
      const id = (await repository.refs.read(branch)) as Id
      expect(Buffer.from(await repository.objects.read('commit', id)).toString()).toMatch(/first|second/)
    },
    checkDone: async (server) => {
      const repository = await openAsAdmin(server, 'film')
      expect(Buffer.from(await repository.objects.read('commit', (await repository.refs.read(branch)) as Id)).toString()).toContain('second')
    },
  },
  'deleting a repository for ever': {
    prepare: async (server) => {
      await push(await openAsAdmin(server, 'film'), [branch])
      await push(await openAsAdmin(server, 'film/b'), [branch])
    },
    act: async (server) => {
      if ((await names(server)).includes('film')) await server.repositories.destroy('film')
    },
    check: async (server) => {
      // It is there whole, or out of reach.
      const opened = await openAsAdmin(server, 'film').catch(() => undefined)
      const id = await opened?.refs.read(branch)
      if (id) expect(await opened!.objects.has(id)).toBe(true)
      expect(await (await openAsAdmin(server, 'film/b')).refs.read(branch)).toBeDefined()
    },
    checkDone: async (server) => {
      expect(await names(server)).toEqual(['film/b'])
      expect(await keysWith(server.store, 'repos/film.dits')).toEqual([])
    },
  },
  'removing a user': {
    prepare: async (server) => {
      const token = await server.tokenOf('ada', 'write')
      await server.accounts.createToken({ user: 'ada' })
      tokensOfAda.set(server.store, token)
    },
    act: async (server) => {
      for await (const { name } of server.accounts.listUsers()) if (name === 'ada') await server.accounts.removeUser('ada')
    },
    check: async (server) => {
      const isThere = (await Array.fromAsync(server.accounts.listUsers())).some(({ name }) => name === 'ada')
      expect((await server.accounts.identify(tokensOfAda.get(server.store)!)) !== undefined).toBe(isThere)
      if (isThere) return
      // The next user of that name gets nothing of the old one's.
      await server.accounts.addUser('ada', 'admin')
      expect(await server.accounts.identify(tokensOfAda.get(server.store)!)).toBeUndefined()
    },
    checkDone: async (server) => expect(await server.accounts.identify(tokensOfAda.get(server.store)!)).toBeUndefined(),
  },
}

/** Brings a scenario to a fault, then looks with new servers. Answers whether the fault was met. */
async function runTo(fault: Fault, scenario: Scenario): Promise<boolean> {
  const store = new MemoryStore()
  const prepared = openTestServer({ store, autoCreate: 'admin' })
  tokens.set(store, await prepared.tokenOf('root', 'admin'))
  await scenario.prepare(prepared)

  const faulty = new FaultyStore(store, fault)
  const dying = openTestServer({ store: faulty, autoCreate: 'admin' })
  tokens.set(faulty, tokens.get(store)!)
  const outcome = await scenario.act(dying).then(() => undefined, (error: unknown) => error)
  if (outcome !== undefined && !(outcome instanceof CrashError)) expect(outcome).toMatchObject({ code: 'store-io' })

  await scenario.check(openTestServer({ store, autoCreate: 'admin' }))
  await scenario.act(openTestServer({ store, autoCreate: 'admin' }))
  await scenario.checkDone(openTestServer({ store, autoCreate: 'admin' }))
  return faulty.writes >= fault.at
}

describe.each(Object.entries(scenarios))('%s', (_name, scenario) => {
  it.each([
    ['dies before any write', (at: number): Fault => ({ kind: 'crash', at, left: 'nothing' })],
    ['dies after any write', (at: number): Fault => ({ kind: 'crash', at, left: 'everything' })],
    ['cannot write once', (at: number): Fault => ({ kind: 'fail', at, errno: 'EIO' })],
    ['finds the disk full', (at: number): Fault => ({ kind: 'fail', at, errno: 'ENOSPC', forever: true })],
  ])('leaves nothing half done where the server %s', async (_what, faultAt) => {
    let at = 1
    while (await runTo(faultAt(at), scenario)) at++
    expect(at).toBeGreaterThan(2)
  })
})
