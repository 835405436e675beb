import { createRefs, DitsError, holdsRepository, initStore, PrefixStore, type ByteStore, type Refs } from '#core'
import type { Role } from '../protocol/host.ts'
import type { Clock, User } from './accounts.ts'
import { checkRepositoryName, repositoryPrefix } from './names.ts'
import { Records, type Fields } from './records.ts'

/** What a user may do in one repository. */
export interface Grant {
  user: string
  userId: string
  role: Role
}

/** What a server knows of a repository beside its content. Where there is no such record, there is no such repository. */
export interface RepositoryRecord {
  name: string
  createdMs: number
  /** Set while the repository is put away: nobody can open it, and its name is taken. */
  removedMs?: number | undefined
  grants: Grant[]
}

/** The repositories of a server: records under `auth/repositories/`, content under `repos/`. */
export interface Repositories {
  /**
   * Creates a repository, or takes up one that was copied to its place.
   * Throws `bad-repository-name`, `repository-exists`, `unsupported-version`.
   */
  create(name: string, options: { branch: string }): Promise<RepositoryRecord>
  /** Throws `unknown-repository`. */
  read(name: string): Promise<RepositoryRecord>
  /** The record as it was at most two seconds ago, where there is one. */
  find(name: string, options?: { fresh: boolean }): Promise<RepositoryRecord | undefined>
  list(): AsyncIterable<RepositoryRecord>
  /** Puts a repository away: nobody can open it until it is restored. Throws `unknown-repository`. */
  remove(name: string): Promise<void>
  /** Throws `unknown-repository`. */
  restore(name: string): Promise<void>
  /** Deletes a repository with all its content, for ever. Throws `unknown-repository`. */
  destroy(name: string): Promise<void>
  /** Says what a user may do in a repository from now on; nothing of its own where `role` is absent. Throws `unknown-repository`. */
  grant(name: string, user: Pick<User, 'name' | 'id'>, role: Role | undefined): Promise<RepositoryRecord>
  /**
   * Says on which branch clones start, at once for servers that run too. One
   * that is not there is taken only where there is no branch at all. Throws
   * `unknown-repository`, `unknown-branch`, `bad-ref-name`.
   */
  setBranch(name: string, branch: string): Promise<void>
  /** The names under which there is content, also without a repository: what a first push brought that moved nothing. */
  contentNames(): AsyncIterable<string>
  /** The store of a repository's content, whether or not there is such a repository. */
  contentOf(name: string): ByteStore
}

/** The repositories in a server's store. */
export function createRepositories(store: ByteStore, clock: Clock): Repositories {
  const records = new Records<RepositoryRecord>(store, { prefix: 'auth/repositories/', parse: parseRepository, elapsedMs: clock.elapsedMs })

  const contentOf = (name: string) => new PrefixStore(store, repositoryPrefix(name))

  async function change(name: string, change: (before: RepositoryRecord) => RepositoryRecord): Promise<RepositoryRecord> {
    checkRepositoryName(name)
    return (await records.change(name, change)) ?? unknownRepository(name)
  }

  async function remove(name: string): Promise<void> {
    await change(name, (before) => ({ ...before, removedMs: before.removedMs ?? clock.now() }))
  }

  return {
    contentOf,
    remove,
    contentNames: () => contentNames(store),

    async create(name, { branch }) {
      checkRepositoryName(name)
      if (await records.read(name)) throw repositoryExists(name)
      const content = contentOf(name)
      if (!(await holdsRepository(content, name))) await initStore(content, branch)
      const record = { name, createdMs: clock.now(), grants: [] }
      // Last, because this is what makes it a repository that can be opened.
      if (!(await records.create(name, record))) throw repositoryExists(name)
      return record
    },

    async read(name) {
      checkRepositoryName(name)
      return (await records.read(name)) ?? unknownRepository(name)
    },

    find: (name, options = { fresh: false }) => (options.fresh ? records.read(name) : records.readRecent(name)),

    async *list() {
      for await (const { record } of records.list()) yield record
    },

    async restore(name) {
      await change(name, (before) => ({ ...before, removedMs: undefined }))
    },

    async destroy(name) {
      // Out of reach first, the record last: after a crash in between, the same call finishes the work.
      await remove(name)
      for await (const key of store.list(`${repositoryPrefix(name)}/`)) await store.delete(key)
      await records.remove(name)
    },

    async setBranch(name, branch) {
      checkRepositoryName(name)
      if (!(await records.read(name))) unknownRepository(name)
      await setHeadBranch(createRefs(contentOf(name)), branch)
    },

    grant: (name, user, role) =>
      change(name, (before) => {
        const others = before.grants.filter((grant) => grant.user !== user.name)
        return { ...before, grants: role === undefined ? others : [...others, { user: user.name, userId: user.id, role }] }
      }),
  }
}

async function setHeadBranch(refs: Refs, branch: string): Promise<void> {
  const wanted = `refs/heads/${branch}`
  if (!(await refs.read(wanted))) {
    const others = (await Array.fromAsync(refs.list('refs/heads/'))).map((ref) => ref.name.slice('refs/heads/'.length))
    if (others.length > 0) throw new DitsError('unknown-branch', `there is no branch '${branch}' there`, { hint: `its branches are: ${others.slice(0, 20).join(', ')}` })
  }
  await refs.writeHead({ branch: wanted })
}

async function* contentNames(store: ByteStore): AsyncIterable<string> {
  const names = new Set<string>()
  for await (const key of store.list('repos/')) {
    const name = /^repos\/(.+?)\.dits\/(?:packs\/|format$)/.exec(key)?.[1]
    if (name !== undefined) names.add(name)
  }
  yield* names
}

function parseRepository(fields: Fields): RepositoryRecord {
  return {
    name: fields.text('name'),
    createdMs: fields.number('createdMs'),
    removedMs: fields.optional('removedMs', (name) => fields.number(name)),
    grants: fields.list('grants', (grant) => ({ user: grant.text('user'), userId: grant.text('userId'), role: grant.role('role') })),
  }
}

function repositoryExists(name: string): DitsError {
  return new DitsError('repository-exists', `there is a repository '${name}' already`, { hint: 'run: dits server repo list' })
}

function unknownRepository(name: string): never {
  throw new DitsError('unknown-repository', `there is no repository '${name}'`, { hint: 'run: dits server repo list' })
}
