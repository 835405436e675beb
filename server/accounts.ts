import { randomBytes } from 'node:crypto'
import { DitsError, type ByteStore } from '#core'
import type { Role } from '../protocol/host.ts'
import { checkRepositoryName, checkUserName } from './names.ts'
import { Records, type Fields } from './records.ts'
import { createSecret, hashSecret, sameHash, type TokenHash } from './token-secret.ts'

export interface User {
  name: string
  /** Never used again, unlike the name: what belonged to a user who was removed does not pass to the next of that name. */
  id: string
  /** What the user may do in every repository, beside what is granted in single ones. */
  role?: Role | undefined
  createdMs: number
}

export interface Token {
  id: string
  hash: string
  user: string
  userId: string
  /** For people: what it is used for. */
  label?: string | undefined
  /** The only repository that it opens. */
  repository?: string | undefined
  /** The most that it allows, whatever its user may do. */
  role?: Role | undefined
  createdMs: number
  expiresMs?: number | undefined
}

/** Who holds a token that is good now. */
export interface Identity {
  user: User
  token: Token
}

/** Clocks of a server. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since some moment, never going back. */
  elapsedMs(): number
}

/** The users of a server and their tokens, kept in its store under `auth/`. */
export interface Accounts {
  /** Throws `bad-user-name`, `user-exists`. */
  addUser(name: string, role: Role | undefined): Promise<User>
  /** Changes what a user may do in every repository. Throws `unknown-user`. */
  setRole(name: string, role: Role | undefined): Promise<User>
  /** Throws `unknown-user`. */
  readUser(name: string): Promise<User>
  /** Removes a user and all tokens of that user. Throws `unknown-user`. Answers how many tokens went. */
  removeUser(name: string): Promise<number>
  listUsers(): AsyncIterable<User>
  /** Makes a token; the secret is not kept, and cannot be had again. Throws `unknown-user`, `bad-repository-name`. */
  createToken(wanted: TokenRequest): Promise<{ secret: string; token: Token }>
  /** All tokens, or those of one user, also those that have expired. */
  listTokens(user?: string): AsyncIterable<Token>
  /** Throws `unknown-token`. */
  revokeToken(id: string): Promise<Token>
  /**
   * Who holds this secret; `undefined` where nobody does, or it has expired. Of
   * what other processes changed, the last two seconds may be missing, unless
   * `fresh` is true.
   */
  identify(secret: string, options?: { fresh: boolean }): Promise<Identity | undefined>
  /** The same for a token that was identified before. */
  identifyAgain(before: Identity, options: { fresh: boolean }): Promise<Identity | undefined>
}

export interface TokenRequest {
  user: string
  label?: string | undefined
  repository?: string | undefined
  role?: Role | undefined
  /** How long it is good, in milliseconds; for ever where it is absent. */
  lifetimeMs?: number | undefined
}

/** The accounts in a server's store. */
export function createAccounts(store: ByteStore, clock: Clock): Accounts {
  const tables: Tables = {
    users: new Records<User>(store, { prefix: 'auth/users/', parse: parseUser, elapsedMs: clock.elapsedMs }),
    tokens: new Records<Token>(store, { prefix: 'auth/tokens/', parse: parseToken, elapsedMs: clock.elapsedMs }),
    clock,
  }
  return {
    addUser: (name, role) => addUser(tables, name, role),
    async setRole(name, role) {
      checkUserName(name)
      return (await tables.users.change(name, (before) => ({ ...before, role }))) ?? unknownUser(name)
    },
    readUser: (name) => readUser(tables, name),
    removeUser: (name) => removeUser(tables, name),
    async *listUsers() {
      for await (const { record } of tables.users.list()) yield record
    },
    createToken: (wanted) => createToken(tables, wanted),
    listTokens: (user) => listTokens(tables, user),
    revokeToken: (id) => revokeToken(tables, id),
    async identify(secret, options = { fresh: false }) {
      const hash = hashSecret(secret)
      return hash && identify(tables, hash, options.fresh)
    },
    identifyAgain: ({ token }, { fresh }) => identify(tables, token, fresh),
  }
}

interface Tables {
  users: Records<User>
  tokens: Records<Token>
  clock: Clock
}

async function addUser({ users, clock }: Tables, name: string, role: Role | undefined): Promise<User> {
  checkUserName(name)
  const user = { name, id: randomBytes(8).toString('hex'), role, createdMs: clock.now() }
  if (await users.create(name, user)) return user
  throw new DitsError('user-exists', `there is a user '${name}' already`, { hint: 'run: dits server user list' })
}

async function readUser({ users }: Tables, name: string): Promise<User> {
  checkUserName(name)
  return (await users.read(name)) ?? unknownUser(name)
}

async function removeUser(tables: Tables, name: string): Promise<number> {
  const user = await readUser(tables, name)
  // The user goes first: from then on none of the tokens is good, whatever happens to the rest of the work.
  await tables.users.remove(name)
  let removed = 0
  for await (const token of listTokens(tables, name)) {
    if (token.userId !== user.id) continue
    await tables.tokens.remove(token.id)
    removed++
  }
  return removed
}

async function createToken(tables: Tables, { user: name, label, repository, role, lifetimeMs }: TokenRequest): Promise<{ secret: string; token: Token }> {
  const user = await readUser(tables, name)
  if (repository !== undefined) checkRepositoryName(repository)
  const secret = createSecret()
  const createdMs = tables.clock.now()
  const expiresMs = lifetimeMs === undefined ? undefined : createdMs + lifetimeMs
  const token = { ...hashSecret(secret)!, user: name, userId: user.id, label, repository, role, createdMs, expiresMs }
  await tables.tokens.create(token.id, token)
  return { secret, token }
}

async function* listTokens({ tokens }: Tables, user: string | undefined): AsyncIterable<Token> {
  for await (const { record } of tokens.list()) if (user === undefined || record.user === user) yield record
}

async function revokeToken({ tokens }: Tables, id: string): Promise<Token> {
  const token = /^[0-9a-f]{16}$/.test(id) ? await tokens.read(id) : undefined
  if (!token) throw new DitsError('unknown-token', `there is no token '${id}'`, { hint: 'run: dits server token list' })
  await tokens.remove(id)
  return token
}

async function identify({ users, tokens, clock }: Tables, wanted: TokenHash, fresh: boolean): Promise<Identity | undefined> {
  const token = await (fresh ? tokens.read(wanted.id) : tokens.readRecent(wanted.id))
  if (!token || !sameHash(token.hash, wanted.hash)) return undefined
  if (token.expiresMs !== undefined && token.expiresMs <= clock.now()) return undefined
  const user = await (fresh ? users.read(token.user) : users.readRecent(token.user))
  return user?.id === token.userId ? { user, token } : undefined
}

function parseUser(fields: Fields): User {
  return {
    name: fields.text('name'),
    id: fields.text('id'),
    role: fields.optional('role', (name) => fields.role(name)),
    createdMs: fields.number('createdMs'),
  }
}

function parseToken(fields: Fields): Token {
  const text = (name: string) => fields.text(name)
  return {
    id: text('id'),
    hash: text('hash'),
    user: text('user'),
    userId: text('userId'),
    label: fields.optional('label', text),
    repository: fields.optional('repository', text),
    role: fields.optional('role', (name) => fields.role(name)),
    createdMs: fields.number('createdMs'),
    expiresMs: fields.optional('expiresMs', (name) => fields.number(name)),
  }
}

function unknownUser(name: string): never {
  throw new DitsError('unknown-user', `there is no user '${name}'`, { hint: `run: dits server user add ${name}` })
}
