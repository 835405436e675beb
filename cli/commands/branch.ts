import { createBranch, deleteBranch, renameBranch } from '../../core/changing/branches.ts'
import { readCommit, readCurrentHead, shortRefName } from '../../core/changing/head.ts'
import { DitsError } from '../../core/errors.ts'
import type { Id } from '../../core/objects/id.ts'
import { readUpstreamState } from '../../core/refs/upstream.ts'
import type { Repo } from '../../core/repo.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { subjectLine } from '../printable.ts'
import { findCommit, nameFilter, shortId } from '../revisions.ts'
import { followStart } from '../sync.ts'

interface BranchArguments {
  names?: string[] | undefined
  delete: boolean
  D: boolean
  move: boolean
  M: boolean
  force: boolean
  'show-current': boolean
  list: boolean
  remotes: boolean
  all: boolean
}

export const command: Command<BranchArguments> = {
  name: 'branch',
  group: 'branch',
  summary: 'List, make, rename or delete branches',
  usage: ['branch [-v] [-r|-a] [--list [PATTERN...]]', 'branch NAME [START]', 'branch -m [OLD] NEW', 'branch -d|-D NAME...'],
  positionals: '[names..]',
  description: `Without names, lists branches; '*' is the one that you are on. A deleted branch comes
back with 'dits undo'. With -v, what each stands at and follows.
With --json: a line a branch {name, id, current}.`,
  options: (yargs) =>
    yargs
      .positional('names', { type: 'string', array: true, describe: 'the branch, and where it starts' })
      .option('delete', { alias: 'd', type: 'boolean', default: false, describe: 'delete branches that are merged' })
      .option('D', { type: 'boolean', default: false, describe: 'delete branches in any case' })
      .option('move', { alias: 'm', type: 'boolean', default: false, describe: 'rename a branch' })
      .option('M', { type: 'boolean', default: false, describe: 'rename over a branch that is there' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'move a branch that is there' })
      .option('list', { alias: 'l', type: 'boolean', default: false, describe: 'list branches, also by patterns' })
      .option('remotes', { alias: 'r', type: 'boolean', default: false, describe: 'list the branches of remotes, as last fetched' })
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'list these as well' })
      .option('show-current', { type: 'boolean', default: false, describe: 'print the branch that you are on' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const names = args.names ?? []
    if (args['show-current']) return showCurrent(context, repo)
    if (args.delete || args.D) return deleteAll(context, repo, names, args.D || args.force)
    if (args.move || args.M) return rename(context, repo, names, args.M || args.force)
    const [name, start] = names
    if (name === undefined || args.list || args.remotes || args.all) return list(context, repo, nameFilter(names), kindsToList(args))
    const id = start === undefined ? (await readCurrentHead(repo)).id : await findCommit(repo, start)
    if (!id) throw new DitsError('no-commits', 'there is no commit yet that a branch could start at', { hint: 'commit first' })
    await createBranch(repo, name, id, { force: args.force })
    await followStart(context, repo, `refs/heads/${name}`, start)
    if (context.json) context.stdout.json({ name, id, current: false })
  },
}

function kindsToList({ all, remotes }: Pick<BranchArguments, 'all' | 'remotes'>): string[] {
  if (all) return ['refs/heads/', 'refs/remotes/']
  return [remotes ? 'refs/remotes/' : 'refs/heads/']
}

async function list(context: Context, repo: Repo, isWanted: (name: string) => boolean, kinds: readonly string[]): Promise<void> {
  const current = await readCurrentHead(repo)
  const rows: { name: string; id: Id; current: boolean }[] = []
  for (const kind of kinds) {
    for await (const { name, id } of repo.refs.list(kind)) if (isWanted(shortRefName(name))) rows.push({ name: shortRefName(name), id, current: name === current.branch })
  }
  const width = Math.max(0, ...rows.map(({ name }) => name.length))
  if (!context.json && kinds.includes('refs/heads/') && !current.branch && current.id && isWanted('HEAD')) context.stdout.line(context.colors.green(`* (HEAD detached at ${shortId(current.id)})`))
  for (const row of rows) {
    if (context.json) context.stdout.json(row)
    else {
      const name = row.current ? context.colors.green(row.name) : row.name
      const about = context.verbose ? `${' '.repeat(width - row.name.length)} ${shortId(row.id)} ${await upstreamText(repo, row)}${subjectLine((await readCommit(repo, row.id)).message)}` : ''
      context.stdout.line(`${row.current ? '*' : ' '} ${name}${about}`)
    }
  }
}

/** What a branch follows, and how far they are apart. */
async function upstreamText(repo: Repo, { name, id }: { name: string; id: Id }): Promise<string> {
  const branch = `refs/heads/${name}`
  const state = (await repo.refs.read(branch)) === id ? await readUpstreamState(repo, branch, id) : undefined
  if (!state) return ''
  const { ahead = 0, behind = 0 } = state.counts ?? {}
  const apart = [...(state.counts ? [] : ['gone']), ...(ahead > 0 ? [`ahead ${ahead}`] : []), ...(behind > 0 ? [`behind ${behind}`] : [])]
  return `[${shortRefName(state.name)}${apart.length > 0 ? `: ${apart.join(', ')}` : ''}] `
}

async function showCurrent(context: Context, repo: Repo): Promise<void> {
  const { branch } = await readCurrentHead(repo)
  if (context.json) context.stdout.json({ name: branch ? shortRefName(branch) : null })
  else if (branch) context.stdout.line(shortRefName(branch))
}

async function deleteAll(context: Context, repo: Repo, names: readonly string[], force: boolean): Promise<void> {
  if (names.length === 0) throw new DitsError('nothing-named', 'name the branch to delete')
  for (const name of names) {
    const id = await deleteBranch(repo, name, { force })
    if (context.json) context.stdout.json({ name, id, deleted: true })
    else if (!context.quiet) context.stdout.line(`Deleted branch ${name} (was ${shortId(id)}).`)
  }
}

async function rename(context: Context, repo: Repo, names: readonly string[], force: boolean): Promise<void> {
  const to = names.at(-1)
  const { branch } = await readCurrentHead(repo)
  const from = names.length > 1 ? names[0] : branch && shortRefName(branch)
  if (to === undefined || from === undefined) throw new DitsError('nothing-named', 'name the branch and what to call it', { hint: 'dits branch -m OLD NEW' })
  await renameBranch(repo, from, to, { force })
  if (context.json) context.stdout.json({ from, to })
}
