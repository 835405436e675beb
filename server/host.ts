import { announceMove, createRefs, DitsError, holdsRepository, initStore, newSessionName, ReadOnlyStore, type ByteStore, type Refs } from '#core'
import type { Greeting, Host, HostedRepository, RefMove, Role, ServedEvent } from '../protocol/host.ts'
import type { Accounts, Clock, Identity } from './accounts.ts'
import type { Attempts } from './attempts.ts'
import { checkRepositoryName } from './names.ts'
import { OpenRepositories } from './open-repositories.ts'
import type { Repositories } from './repositories.ts'
import { greaterRole, includesRole, lesserRole } from './role.ts'

const firstBranch = 'refs/heads/main'

/** What a host works with, and where it tells what happened. */
export interface HostOptions {
  accounts: Accounts
  repositories: Repositories
  attempts: Attempts
  clock: Clock
  /** Who may make a repository by pushing to a new name: whoever has this role in all repositories. Nobody where it is absent. */
  autoCreate: Role | undefined
  report(event: ServedEvent): void
}

/**
 * The repositories of a server, for whoever has a token. What may be done is
 * looked up when a stream opens a repository and at each of its requests, with
 * what other processes changed at most two seconds later, and once more, as it
 * is at that moment, before refs move.
 */
export function createHost(options: HostOptions): Host {
  const { accounts, repositories, attempts, clock } = options
  const open = new OpenRepositories((name) => repositories.contentOf(name), clock.elapsedMs)

  return {
    hidesFaults: true,
    report: (event) => options.report(event),
    async open(greeting) {
      const { address } = greeting.peer
      attempts.admit(address)
      const identity = greeting.token === undefined ? undefined : await accounts.identify(greeting.token)
      if (identity) checkRepositoryName(greeting.repository)
      const role = identity && (await roleIn(options, identity, greeting.repository, { fresh: false }))
      if (!role) {
        await attempts.fail(address)
        throw accessDenied(greeting)
      }
      const isNew = (await repositories.find(greeting.repository)) === undefined
      return openHosted(options, open, { name: greeting.repository, identity, role, isNew })
    },
  }
}

/** What a token may do in a repository; `undefined` where that is nothing, or there is no such repository. */
async function roleIn({ repositories, autoCreate }: HostOptions, { user, token }: Identity, name: string, options: { fresh: boolean }): Promise<Role | undefined> {
  const record = await repositories.find(name, options)
  if (token.repository !== undefined && token.repository !== name) return undefined
  const most = token.role ?? 'admin'
  if (!record) {
    const everywhere = lesserRole(user.role, most)
    return autoCreate !== undefined && includesRole(everywhere, autoCreate) ? everywhere : undefined
  }
  if (record.removedMs !== undefined) return undefined
  const granted = record.grants.find((grant) => grant.user === user.name && grant.userId === user.id)
  return lesserRole(greaterRole(user.role, granted?.role), most)
}

interface Admission {
  name: string
  identity: Identity
  role: Role
  isNew: boolean
}

async function openHosted(options: HostOptions, open: OpenRepositories, admission: Admission): Promise<HostedRepository> {
  const { name, identity, role, isNew } = admission
  const { store: shared, objects, release } = await open.open(name)
  // Whatever the protocol is made to do, a reader's stream cannot write.
  const store = includesRole(role, 'write') ? shared : new ReadOnlyStore(shared)
  const refs = createRefs(store)
  const newName = () => newSessionName({ env: options.clock })
  return {
    name,
    user: identity.user.name,
    role,
    isNew,
    store,
    objects,
    refs,
    readHeadBranch: () => readHeadBranch(store, refs, name),
    newSessionName: newName,
    announceMove: () => announceMove(store, newName()),
    checkAccess: (needed) => checkAgain(options, admission, needed, { fresh: false }),
    async checkMoves(moves) {
      await checkAgain(options, admission, 'write', { fresh: true })
      await keepDefaultBranch(store, refs, name, moves)
      await prepareForMoves(options, store, refs, name, moves)
    },
    release: async () => release(),
  }
}

async function checkAgain(options: HostOptions, { identity, name }: Admission, needed: Role, how: { fresh: boolean }): Promise<void> {
  const now = await options.accounts.identifyAgain(identity, how)
  if (!now || !includesRole(await roleIn(options, now, name, how), needed)) throw accessDenied({ repository: name })
}

/** New clones would start on no branch, or on whichever is pushed next. */
async function keepDefaultBranch(store: ByteStore, refs: Refs, name: string, moves: readonly RefMove[]): Promise<void> {
  const deleted = moves.filter(({ after }) => after === undefined)
  if (deleted.length === 0) return
  const head = await readHeadBranch(store, refs, name)
  if (!deleted.some((move) => move.name === head)) return
  throw new DitsError('default-branch', `'${head.slice('refs/heads/'.length)}' is the branch of '${name}' that clones start on, and cannot be deleted`, {
    hint: `whoever runs the server can choose another first: dits server repo branch ${name} BRANCH`,
  })
}

/** Makes the repository where this is its first push, and lets HEAD stand on a branch that there will be. */
async function prepareForMoves({ repositories }: HostOptions, store: ByteStore, refs: Refs, name: string, moves: readonly RefMove[]): Promise<void> {
  const pushed = moves.filter((move) => move.after !== undefined && move.name.startsWith('refs/heads/')).map((move) => move.name)
  const branch = pushed.includes(firstBranch) ? firstBranch : pushed[0]
  if (!(await repositories.find(name, { fresh: true }))) await createUnlessThere(repositories, name, branch ?? firstBranch)
  if (!(await holdsRepository(store, name))) await initStore(store, (branch ?? firstBranch).slice('refs/heads/'.length))
  if (branch === undefined) return
  const head = await readHeadBranch(store, refs, name)
  if (!pushed.includes(head) && (await refs.read(head)) === undefined) await refs.writeHead({ branch })
}

/** Two first pushes at once: both go on, and the refs decide. */
async function createUnlessThere(repositories: Repositories, name: string, branch: string): Promise<void> {
  try {
    await repositories.create(name, { branch: branch.slice('refs/heads/'.length) })
  } catch (error) {
    if (!(error instanceof DitsError && error.code === 'repository-exists')) throw error
  }
}

async function readHeadBranch(store: ByteStore, refs: Refs, name: string): Promise<string> {
  if (!(await holdsRepository(store, name))) return firstBranch
  const head = await refs.readHead()
  return 'branch' in head ? head.branch : firstBranch
}

/** The same words for every reason, so that they tell nothing about which repositories there are. */
function accessDenied({ repository }: Pick<Greeting, 'repository'>): DitsError {
  return new DitsError('access-denied', `no access to '${repository.slice(0, 200)}'`, {
    hint: 'check the name, run: dits login, or ask who runs the server for access',
  })
}
