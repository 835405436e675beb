import type { Role } from '../../protocol/host.ts'
import type { Administration } from '../../server/administration.ts'
import type { Token } from '../../server/accounts.ts'
import type { RepositoryRecord } from '../../server/repositories.ts'
import { DitsError } from '../../core/errors.ts'
import { UsageError } from '../arguments.ts'
import { checkRepositories } from '../check-server.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { collectRepositories } from '../collect-server.ts'
import { formatEnd } from '../format-end.ts'
import { formatAge, formatAmount, formatTable } from '../format.ts'
import { parseDuration } from '../parse-duration.ts'
import { dataOption, serverClock, serverDataOf } from '../server-data.ts'

interface ServerArguments {
  words?: string[] | undefined
  data?: string | undefined
  role?: string | undefined
  repo?: string | undefined
  expires?: string | undefined
  name?: string | undefined
  branch: string
  full: boolean
  grace: string
  'dry-run': boolean
  force: boolean
}

/** What an action works with; its words come in the order of its usage. */
interface Call {
  context: Context
  administration: Administration
  words: readonly string[]
  args: ServerArguments
}

interface Action {
  /** The words after the action's own; those in brackets may be left out. */
  takes: readonly string[]
  /** Answers an exit code where that is not 0. */
  run(call: Call): Promise<number | void>
}

const actions: Readonly<Record<string, Action>> = {
  'user add': { takes: ['NAME'], run: addUser },
  'user role': { takes: ['NAME', 'ROLE|none'], run: setRole },
  'user remove': { takes: ['NAME'], run: removeUser },
  'user list': { takes: [], run: listUsers },
  'token create': { takes: ['USER'], run: createToken },
  'token list': { takes: ['[USER]'], run: listTokens },
  'token revoke': { takes: ['ID'], run: revokeToken },
  'repo create': { takes: ['NAME'], run: createRepository },
  'repo list': { takes: [], run: listRepositories },
  'repo branch': { takes: ['NAME', 'BRANCH'], run: setBranch },
  'repo grant': { takes: ['NAME', 'USER', 'ROLE'], run: grant },
  'repo revoke': { takes: ['NAME', 'USER'], run: revoke },
  'repo remove': { takes: ['NAME'], run: removeRepository },
  'repo restore': { takes: ['NAME'], run: restoreRepository },
  fsck: { takes: ['[REPOSITORY…]'], run: check },
  gc: { takes: ['[REPOSITORY…]'], run: collectGarbage },
}

export const command: Command<ServerArguments> = {
  name: 'server',
  group: 'share',
  summary: "Administer a server's users, tokens and repositories",
  usage: [
    'server user add NAME [--role ROLE] | role NAME ROLE|none | remove NAME | list',
    'server token create USER [--repo NAME] [--role ROLE] [--expires 90d] [--name LABEL]',
    'server token list [USER] | revoke ID',
    'server repo create NAME [--branch BRANCH] | list | grant NAME USER ROLE | revoke NAME USER',
    'server repo branch NAME BRANCH',
    'server repo remove NAME [--force] | restore NAME',
    'server fsck [REPOSITORY…] [--full]',
    'server gc [REPOSITORY…] [--grace 14d] [--dry-run]',
  ],
  positionals: '[words..]',
  description: `Works on the data of 'dits serve', also while it runs; what it changes counts within
seconds. Those lie where --data says, or else the variable DITS_SERVER_DATA.

Roles are read, write and admin. A user's role counts in all repositories, a grant in one;
a token allows what its user may do, or less: with --repo in one repository only, with
--role no more than that. A token is shown once, when it is made.

'repo branch' says on which branch clones start. Nobody can delete that branch.

'repo remove' puts a repository away, so that nobody can open it, and 'repo restore' brings
it back; with --force it is deleted with all that is in it, for ever.

'fsck' checks that nothing in the repositories that are named, or in any, is damaged or
missing; with --full it reads and verifies every byte. Exit code 3 where something is.

'gc' gives back the space of what deleted branches and broken pushes left, once that is
older than --grace, and puts small packs together: in the repositories that are named,
or in all. Servers go on serving meanwhile, and pushes lose nothing. A push that was broken
off longer ago than that has to send everything again.

With --json: a line for each user {name, role, tokens}, token {id, user, name, repository,
role, createdMs, expiresMs; token when it is made}, repository {name, removed, grants:
[{user, role}]}, its default branch
{name, branch}, collected repository {name, packsBefore, packsAfter, objectsRemoved,
bytesBefore, bytesAfter, dryRun} or {name, error: {code, message, hint}},
checked repository {name, packs, objects, bytes, ghosts, problems} as of dits fsck.`,
  examples: [
    ['server user add ada --role write', 'a user who may push to every repository'],
    ['server token create ada --expires 90d', 'prints a token for her'],
    ['server repo grant studio/film bob read', 'lets bob read one repository'],
    ['server repo branch studio/film grading', 'new clones start on the branch grading'],
    ['server gc --dry-run', 'says what could be removed'],
  ],
  options: (yargs) =>
    yargs
      .positional('words', { type: 'string', array: true, describe: 'what to do, and with what' })
      .option('data', dataOption)
      .option('role', { type: 'string', choices: ['read', 'write', 'admin'], describe: 'user add: in all repositories; token create: at most' })
      .option('repo', { type: 'string', describe: 'token create: for this repository only' })
      .option('expires', { type: 'string', describe: 'token create: how long it is good, such as 12h or 90d (default: for ever)' })
      .option('name', { type: 'string', describe: 'token create: what it is for' })
      .option('branch', { type: 'string', default: 'main', describe: 'repo create: the branch that a clone starts on' })
      .option('full', { type: 'boolean', default: false, describe: 'fsck: read and verify everything' })
      .option('grace', { type: 'string', default: '14d', describe: 'gc: how long what nothing refers to stays' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'gc: say what would go, and remove nothing' })
      .option('force', { type: 'boolean', default: false, describe: 'repo remove: delete it for ever' }),

  async run(context, args) {
    const { action, words } = chooseAction(args.words ?? [])
    const { openAdministration } = await import('../../server/administration.ts')
    const administration = await openAdministration(serverDataOf(context, args.data), serverClock(context))
    try {
      return (await action.run({ context, administration, words, args })) ?? 0
    } finally {
      await administration.close()
    }
  },
}

function chooseAction(words: readonly string[]): { action: Action; words: readonly string[] } {
  const [kind = '', verb = ''] = words
  const name = Object.hasOwn(actions, kind) ? kind : `${kind} ${verb}`
  const rest = words.slice(name === kind ? 1 : 2)
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (!action) {
    const verbs = Object.keys(actions).filter((one) => one.startsWith(`${kind} `))
    const hint = verbs.length > 0 ? `there are: ${verbs.join(', ')}` : 'say what about: user, token, repo, gc or fsck; see: dits help server'
    throw new UsageError(words.length === 0 ? 'nothing to do' : `'${name.trim()}' is nothing that server can do`, hint)
  }
  const required = action.takes.filter((word) => !word.startsWith('['))
  if (rest.length < required.length || (rest.length > action.takes.length && !action.takes.at(-1)?.includes('…'))) {
    throw new UsageError(`'${name}' takes ${action.takes.join(' ') || 'nothing more'}`, `usage: dits server ${[name, ...action.takes].join(' ')}`)
  }
  return { action, words: rest }
}

async function addUser({ context, administration, words: [name = ''], args }: Call): Promise<void> {
  const { role } = await administration.accounts.addUser(name, args.role as Role | undefined)
  if (context.json) return context.stdout.json({ name, role: role ?? null, tokens: 0 })
  say(context, `Added user '${name}'${role === undefined ? '' : `, who may ${role} in all repositories`}`)
  say(context, `Make a token with: dits server token create ${name}`)
}

async function setRole({ context, administration, words: [name = '', word = ''] }: Call): Promise<void> {
  const { role } = await administration.accounts.setRole(name, word === 'none' ? undefined : parseRole(word))
  if (context.json) return context.stdout.json({ name, role: role ?? null })
  say(context, role === undefined ? `'${name}' has only what is granted in single repositories` : `'${name}' may ${role} in all repositories`)
}

async function removeUser({ context, administration, words: [name = ''] }: Call): Promise<void> {
  const { tokens, grants } = await administration.removeUser(name)
  if (context.json) return context.stdout.json({ name, removed: true, tokens, grants })
  say(context, `Removed user '${name}' with ${formatAmount(tokens, 'token')} and ${formatAmount(grants, 'grant')}`)
}

async function listUsers({ context, administration }: Call): Promise<void> {
  const tokens = new Map<string, number>()
  for await (const { userId } of administration.accounts.listTokens()) tokens.set(userId, (tokens.get(userId) ?? 0) + 1)
  const rows = []
  for await (const { name, role, id } of administration.accounts.listUsers()) {
    const count = tokens.get(id) ?? 0
    if (context.json) context.stdout.json({ name, role: role ?? null, tokens: count })
    rows.push([name, role ?? '-', formatAmount(count, 'token')])
  }
  showTable(context, rows)
}

async function createToken({ context, administration, words: [user = ''], args }: Call): Promise<void> {
  const { secret, token } = await administration.accounts.createToken({
    user,
    label: args.name,
    repository: args.repo,
    role: args.role as Role | undefined,
    lifetimeMs: args.expires === undefined ? undefined : parseDuration(args.expires, '--expires'),
  })
  if (context.json) context.stdout.json({ ...tokenToJson(token), token: secret })
  else context.stdout.line(secret)
  context.stdout.flush()
  if (!context.json && !context.quiet) context.stderr.line('It is shown only now. To use it: dits login URL')
  if (!(await mayDoAnything(administration, token))) context.warn(`'${user}' may not open ${args.repo === undefined ? 'any repository' : `'${args.repo}'`} yet; run: dits server repo grant ${args.repo ?? 'NAME'} ${user} ROLE`)
}

async function mayDoAnything({ accounts, repositories }: Administration, { user, userId, repository }: Token): Promise<boolean> {
  if ((await accounts.readUser(user)).role !== undefined) return true
  for await (const { name, grants } of repositories.list()) {
    if ((repository === undefined || repository === name) && grants.some((one) => one.userId === userId)) return true
  }
  return false
}

async function listTokens({ context, administration, words: [user] }: Call): Promise<void> {
  const nowMs = context.environment.now()
  const rows = []
  for await (const token of administration.accounts.listTokens(user)) {
    if (context.json) context.stdout.json(tokenToJson(token))
    const { id, label, repository, role, createdMs, expiresMs } = token
    const limits = [repository === undefined ? '' : `only ${repository}`, role === undefined ? '' : `at most ${role}`].filter(Boolean).join(', ')
    const end = expiresMs === undefined ? '' : formatEnd(expiresMs, nowMs, context.environment.zoneMinutes(expiresMs))
    rows.push([id, token.user, label ?? '-', `made ${formatAge(createdMs, nowMs)}`, [limits, end].filter(Boolean).join('; ')])
  }
  showTable(context, rows)
}

async function revokeToken({ context, administration, words: [id = ''] }: Call): Promise<void> {
  const token = await administration.accounts.revokeToken(id)
  if (context.json) return context.stdout.json({ ...tokenToJson(token), revoked: true })
  say(context, `Revoked token '${id}' of '${token.user}'; running servers refuse it within seconds`)
}

async function createRepository({ context, administration, words: [name = ''], args }: Call): Promise<void> {
  const record = await administration.repositories.create(name, { branch: args.branch })
  if (context.json) return context.stdout.json(repositoryToJson(record))
  say(context, `Created repository '${name}'`)
}

async function listRepositories({ context, administration }: Call): Promise<void> {
  const rows = []
  for await (const record of administration.repositories.list()) {
    if (context.json) context.stdout.json(repositoryToJson(record))
    const grants = record.grants.map(({ user, role }) => `${user} ${role}`).join(', ')
    rows.push([record.name, record.removedMs === undefined ? grants : `put away ${formatAge(record.removedMs, context.environment.now())}`])
  }
  showTable(context, rows)
}

async function setBranch({ context, administration, words: [name = '', branch = ''] }: Call): Promise<void> {
  await administration.repositories.setBranch(name, branch)
  if (context.json) return context.stdout.json({ name, branch })
  say(context, `Clones of '${name}' start on '${branch}'`)
}

async function grant({ context, administration, words: [name = '', userName = '', word = ''] }: Call): Promise<void> {
  const role = parseRole(word)
  const user = await administration.accounts.readUser(userName)
  const record = await administration.repositories.grant(name, user, role)
  if (context.json) return context.stdout.json(repositoryToJson(record))
  say(context, `'${userName}' may ${role} in '${name}'`)
}

async function revoke({ context, administration, words: [name = '', userName = ''] }: Call): Promise<void> {
  const user = await administration.accounts.readUser(userName)
  const record = await administration.repositories.grant(name, user, undefined)
  if (context.json) return context.stdout.json(repositoryToJson(record))
  say(context, `'${userName}' has no grant in '${name}' any more`)
  if (user.role !== undefined) context.warn(`'${userName}' may still ${user.role} in all repositories; change it with: dits server user role ${userName} none`)
}

async function removeRepository({ context, administration, words: [name = ''], args }: Call): Promise<void> {
  if (args.force) await administration.repositories.destroy(name)
  else await administration.repositories.remove(name)
  if (context.json) return context.stdout.json({ name, removed: true, deleted: args.force })
  say(context, args.force ? `Deleted repository '${name}' with all that was in it` : `Put repository '${name}' away; bring it back with: dits server repo restore ${name}`)
}

async function restoreRepository({ context, administration, words: [name = ''] }: Call): Promise<void> {
  await administration.repositories.restore(name)
  if (context.json) return context.stdout.json(repositoryToJson(await administration.repositories.read(name)))
  say(context, `Repository '${name}' is back`)
}

async function check({ context, administration, words, args }: Call): Promise<number> {
  return (await checkRepositories(context, administration, words, { full: args.full })) ? 0 : 3
}

async function collectGarbage({ context, administration, words, args }: Call): Promise<void> {
  await collectRepositories(context, administration, { names: words, graceMs: parseDuration(args.grace, '--grace'), dryRun: args['dry-run'] })
}

function parseRole(word: string): Role {
  if (word === 'read' || word === 'write' || word === 'admin') return word
  throw new DitsError('bad-role', `'${word}' is no role`, { hint: 'roles are read, write and admin' })
}

function tokenToJson({ id, user, label, repository, role, createdMs, expiresMs }: Token): object {
  return { id, user, name: label ?? null, repository: repository ?? null, role: role ?? null, createdMs, expiresMs: expiresMs ?? null }
}

function repositoryToJson({ name, removedMs, grants }: RepositoryRecord): object {
  return { name, removed: removedMs !== undefined, grants: grants.map(({ user, role }) => ({ user, role })) }
}

function showTable(context: Context, rows: readonly (readonly string[])[]): void {
  if (context.json || rows.length === 0) return
  for (const line of formatTable(rows, rows[0]!.map(() => 'left'))) context.stdout.line(line.trimEnd())
}

function say(context: Context, text: string): void {
  if (!context.quiet) context.stdout.line(text)
}
