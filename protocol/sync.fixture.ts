import { createRefs, MemoryStore, PackedObjects, type ByteStore, type Id, type Repo } from '#core'
import { fetchCommits, type FetchOptions, type FetchReport } from './fetch.ts'
import type { Host, HostedRepository, RefMove, Role, ServedEvent } from './host.ts'
import { connectLoopback } from './loopback.ts'
import { push, type PushOptions, type PushReport } from './push.ts'
import { RemoteSession } from './remote-session.ts'
import { serveSession } from './serve.ts'
import type { Connection } from './transport.ts'

/** A server of one repository in memory. */
export class MemoryServer implements Host {
  readonly store: ByteStore
  readonly events: ServedEvent[] = []
  role: Role = 'write'
  user = 'ada'
  #sessions = 0

  constructor(store: ByteStore = new MemoryStore()) {
    this.store = store
  }

  async open(): Promise<HostedRepository> {
    return {
      name: 'memory',
      user: this.user,
      role: this.role,
      store: this.store,
      objects: await PackedObjects.open(this.store),
      refs: createRefs(this.store),
      readHeadBranch: async () => 'refs/heads/main',
      newSessionName: () => `server-${this.#sessions++}`,
      checkMoves: async () => {},
      release: async () => {},
    }
  }

  report(event: ServedEvent): void {
    this.events.push(event)
  }

  connect(): Connection {
    return connectLoopback((stream, peer) => serveSession(stream, peer, this, { now: Date.now }))
  }

  ref(name: string): Promise<Id | undefined> {
    return createRefs(this.store).read(name)
  }
}

export const allRefs = ['refs/heads/', 'refs/tags/']

/** A greeted session that was asked for all refs. */
export function openSession(connection: Connection): Promise<RemoteSession> {
  return RemoteSession.open(connection, { repository: 'memory', agent: 'test', now: Date.now }, allRefs)
}

/** Pushes one branch of a repository, and closes the session. */
export async function pushBranch(repo: Repo, server: MemoryServer, options: PushOptions & { branch?: string; before?: Id } = {}): Promise<PushReport & { rounds: number; bytesIn: number; bytesOut: number }> {
  const session = await openSession(server.connect())
  try {
    const remote = await session.refs()
    const name = `refs/heads/${options.branch ?? 'main'}`
    const move: RefMove = { name, before: options.before ?? remote.refs.get(name), after: await repo.refs.read(name) }
    return { ...(await push(session, repo.objects, remote, [move], options)), ...session.counts }
  } finally {
    await session.close()
  }
}

/** Fetches one branch into a repository, and puts `refs/remotes/origin/…` there. */
export async function fetchBranch(repo: Repo, server: MemoryServer, options: Partial<FetchOptions> & { branch?: string; tags?: readonly Id[] } = {}): Promise<FetchReport & { id: Id; rounds: number; bytesIn: number; bytesOut: number }> {
  const session = await openSession(server.connect())
  try {
    const remote = await session.refs()
    const branch = options.branch ?? 'main'
    const id = remote.refs.get(`refs/heads/${branch}`)!
    const haves: Id[] = []
    for await (const ref of repo.refs.list('refs/')) haves.push(ref.id)
    let sessions = 0
    const target = { store: repo.store, objects: repo.objects, newSessionName: () => `fetch-${Date.now().toString(36)}-${sessions++}-${Math.random().toString(36).slice(2, 8)}` }
    const report = await fetchCommits(session, target, { commits: [id], tags: options.tags ?? [] }, { haves, ...options })
    const name = `refs/remotes/origin/${branch}`
    await repo.refs.move(name, await repo.refs.read(name), id)
    return { ...report, id, ...session.counts }
  } finally {
    await session.close()
  }
}
