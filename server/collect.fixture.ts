import { createRefs, MemoryStore, PackedObjects, PrefixStore, type ByteStore, type Id, type SweepReport } from '#core'
import { connectLoopback } from '../protocol/loopback.ts'
import { push } from '../protocol/push.ts'
import { RemoteSession } from '../protocol/remote-session.ts'
import { serveSession } from '../protocol/serve.ts'
import { reachOf, type Synthetic } from '../protocol/synthetic.fixture.ts'
import { collectGarbage } from './collect-garbage.ts'
import { openTestServer, type TestServer } from './host.fixture.ts'

/** Starts the keys of the content of the repository that these tests work on. */
export const contentPrefix = 'repos/film.dits/'

export const dayMs = 24 * 60 * 60 * 1000

/** A store with the repository 'film', the clock that dates its values, and a token to push with. */
export interface Team {
  store: MemoryStore
  clock: { nowMs: number }
  token: string
  /** Another server process on the store, or on a wrapper of it. */
  serve(store?: ByteStore): TestServer
}

export async function createTeam(): Promise<Team> {
  const clock = { nowMs: Date.parse('2026-01-01') }
  const store = new MemoryStore(() => clock.nowMs)
  const serve = (seen: ByteStore = store) => {
    const server = openTestServer({ store: seen, autoCreate: 'admin' })
    Object.defineProperty(server.clock, 'nowMs', { get: () => clock.nowMs })
    return server
  }
  const server = serve()
  const token = await server.tokenOf('ada', 'write')
  await server.repositories.create('film', { branch: 'main' })
  return { store, clock, token, serve }
}

/** Moves a branch to a commit, or away, as a client does; answers the code of what kept it from moving. */
export async function pushBranch(server: TestServer, token: string, synthetic: Synthetic, branch: string, after: Id | undefined): Promise<string> {
  const connection = connectLoopback((stream, peer) => serveSession(stream, peer, server.host, { now: Date.now }))
  const session = await RemoteSession.open(connection, { repository: 'film', token, agent: 'test', now: Date.now }, ['refs/heads/', 'refs/tags/'])
  try {
    const remote = await session.refs()
    const name = `refs/heads/${branch}`
    const before = remote.refs.get(name)
    if (before === after) return ''
    const { results } = await push(session, synthetic.objects, remote, [{ name, before, after }])
    return results[0]!.code
  } finally {
    await session.close()
  }
}

/** Collects the garbage of 'film', without any grace unless one is named, through a server's store. */
export function collect(server: TestServer, options: { graceMs?: number; dryRun?: boolean; wait?: () => Promise<void> } = {}): Promise<SweepReport> {
  const { graceMs = 0, dryRun = false, wait = async () => {} } = options
  return collectGarbage(server.repositories, 'film', { graceMs, dryRun, clock: server.clock, wait })
}

/** Reads everything that the refs reach, and answers how much that is. Throws where something is missing or damaged. */
export async function checkWhole(store: ByteStore): Promise<number> {
  const content = new PrefixStore(store, 'repos/film.dits')
  const objects = await PackedObjects.open(content)
  const tips = (await Array.fromAsync(createRefs(content).list('refs/'))).map(({ id }) => id)
  const reached = await reachOf(objects, tips)
  for (const [id, kind] of reached) await objects.read(kind, id)
  return reached.size
}

/** The keys of the repository's content that start so. */
export async function keysOf(store: ByteStore, start: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(contentPrefix + start))).map((key) => key.slice(contentPrefix.length))
}

/** Called before each call to a store, with what is called and the key; what it answers is waited for. */
export type BeforeCall = (call: keyof ByteStore, key: string) => Promise<void> | undefined

/** A store that tells of each call to a repository's content before it is made. */
export function watched(store: ByteStore, before: BeforeCall): ByteStore {
  const told = async (call: keyof ByteStore, key: string) => {
    if (key.startsWith(contentPrefix)) await before(call, key.slice(contentPrefix.length))
  }
  return {
    get: async (key, range) => (await told('get', key), store.get(key, range)),
    stat: async (key) => (await told('stat', key), store.stat(key)),
    put: async (key, body, condition) => (await told('put', key), store.put(key, body, condition)),
    delete: async (key) => (await told('delete', key), store.delete(key)),
    async *list(prefix) {
      await told('list', prefix)
      yield* store.list(prefix)
    },
  }
}

/** Stops the first call that `isIt`, until it is opened. */
export function gate(isIt: (call: keyof ByteStore, key: string) => boolean): { before: BeforeCall; reached: Promise<void>; open(): void } {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  let isUsed = false
  return {
    reached: reached.promise,
    open: () => opened.resolve(),
    before(call, key) {
      if (isUsed || !isIt(call, key)) return undefined
      isUsed = true
      reached.resolve()
      return opened.promise
    },
  }
}
