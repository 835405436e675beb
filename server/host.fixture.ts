import { beginWriting, encodeCommit, MemoryStore, PackedWriter, TreeBuilder, type ByteStore, type Id } from '#core'
import type { Greeting, Host, HostedRepository, Role, ServedEvent } from '../protocol/host.ts'
import { createAccounts, type Accounts, type Clock } from './accounts.ts'
import { Attempts } from './attempts.ts'
import { createHost } from './host.ts'
import { createRepositories, type Repositories } from './repositories.ts'

/** One server process of a test, over a store that others may share; its clock stands until the test moves it. */
export interface TestServer {
  store: ByteStore
  clock: Clock & { nowMs: number }
  accounts: Accounts
  repositories: Repositories
  host: Host
  events: ServedEvent[]
  /** How many failed attempts were made to wait. */
  waits: number[]
  /** A token of a new user; `role` is what the user may do in every repository. */
  tokenOf(name: string, role?: Role): Promise<string>
  greet(repository: string, token?: string): Greeting
}

/** Starts such a process. */
export function openTestServer(options: { store?: ByteStore; autoCreate?: Role } = {}): TestServer {
  const store = options.store ?? new MemoryStore()
  const clock = { nowMs: Date.parse('2026-01-01'), now: () => clock.nowMs, elapsedMs: () => clock.nowMs }
  const accounts = createAccounts(store, clock)
  const repositories = createRepositories(store, clock)
  const events: ServedEvent[] = []
  const waits: number[] = []
  const attempts = new Attempts({ elapsedMs: clock.elapsedMs, wait: async (ms) => void waits.push(ms) })
  const host = createHost({ accounts, repositories, attempts, clock, autoCreate: options.autoCreate, report: (event) => events.push(event) })
  return {
    store,
    clock,
    accounts,
    repositories,
    host,
    events,
    waits,
    async tokenOf(name, role) {
      await accounts.addUser(name, role)
      return (await accounts.createToken({ user: name })).secret
    },
    greet: (repository, token) => ({ repository, token, agent: 'test', peer: { address: '10.0.0.1:5000', transport: 'loopback' } }),
  }
}

/** Writes a commit as a push does, and moves refs to it. */
export async function push(repository: HostedRepository, names: readonly string[], message = 'cut'): Promise<Id> {
  const session = await beginWriting(repository.objects.packs, { name: repository.newSessionName(), objects: 4 })
  const writer = new PackedWriter(repository.store, repository.objects.packs, session)
  const tree = new TreeBuilder((kind, bytes) => writer.write(kind, bytes)).finish().id
  const person = { name: 'Ada', email: 'ada@example.org', timeMs: 0, zoneMinutes: 0 }
  const id = writer.write('commit', encodeCommit({ tree, parents: [], author: person, committer: person, message }))
  await writer.flush()
  const moves = await Promise.all(names.map(async (name) => ({ name, before: await repository.refs.read(name), after: id })))
  await repository.checkMoves(moves)
  for (const { name, before, after } of moves) await repository.refs.move(name, before, after)
  return id
}
