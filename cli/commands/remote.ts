import { applyChange } from '../../core/changing/operation.ts'
import { withLock, type Repo } from '../../core/repo.ts'
import { addRemote, listRemotes, removeRemote, renameRemote, requireRemote, setRemoteUrl } from '../../protocol/remotes.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { parseRemoteUrl } from '../connect.ts'
import type { Context } from '../context.ts'

interface RemoteArguments {
  action?: string | undefined
  name?: string | undefined
  url?: string | undefined
}

export const command: Command<RemoteArguments> = {
  name: 'remote',
  group: 'share',
  summary: 'List, add, change or remove the repositories that this one is shared with',
  usage: ['remote [-v] [list]', 'remote add NAME URL', 'remote set-url NAME URL', 'remote get-url NAME', 'remote rename OLD NEW', 'remote remove NAME'],
  positionals: '[action] [name] [url]',
  description: `A remote is a name for the address of another repository: 'origin' after a clone.
Addresses are https://HOST/TEAM/PROJECT, ssh://USER@HOST/PATH, file:///PATH, or the path of a
folder. With --json: a line a remote {name, url, filter}.`,
  examples: [
    ['remote add origin https://dits.example.org:3487/film/cut', 'names a server’s repository'],
    ['remote -v', 'shows all remotes and their addresses'],
  ],
  options: (yargs) =>
    yargs
      .positional('action', { type: 'string', choices: ['list', 'add', 'set-url', 'get-url', 'rename', 'remove', 'rm'], describe: 'what to do' })
      .positional('name', { type: 'string', describe: 'the remote' })
      .positional('url', { type: 'string', describe: 'its address, or its new name' }),

  async run(context, { action = 'list', name, url }) {
    const repo = await context.openRepo()
    if (action === 'list') return list(context, repo)
    if (name === undefined) throw new UsageError('name the remote', `usage: dits remote ${action} NAME${secondWordOf(action)}`)
    if (action === 'get-url') return context.stdout.line(requireRemote(repo.config, name).url)
    if (action === 'remove' || action === 'rm') return remove(repo, name)
    if (url === undefined) throw new UsageError(action === 'rename' ? 'give the new name' : 'give the address of the remote', `usage: dits remote ${action} NAME${secondWordOf(action)}`)
    if (action === 'rename') return renameRemote(repo, name, url)
    const address = normalAddress(context, url)
    await (action === 'add' ? addRemote(repo, { name, url: address }) : setRemoteUrl(repo, name, address))
  },
}

function secondWordOf(action: string): string {
  if (action === 'rename') return ' NEW'
  return action === 'add' || action === 'set-url' ? ' URL' : ''
}

/** An address as it is kept: the path of a folder from the root on, so that it means the same wherever one stands. */
export function normalAddress(context: Context, url: string): string {
  const address = parseRemoteUrl(url, context.cwd)
  return address.kind === 'path' ? address.folder : url
}

function list(context: Context, repo: Repo): void {
  for (const { name, url, filter } of listRemotes(repo.config)) {
    if (context.json) context.stdout.json({ name, url, filter: filter ?? null })
    else context.stdout.line(context.verbose ? `${name}\t${url}${filter === undefined ? '' : `  (${filterText(filter)})`}` : name)
  }
}

function filterText(filter: string): string {
  return filter === 'none' ? 'no content until it is needed' : `at first only the content of ${filter}`
}

async function remove(repo: Repo, name: string): Promise<void> {
  await removeRemote(repo, name)
  await withLock(repo, async () => {
    const refs = []
    for await (const ref of repo.refs.list(`refs/remotes/${name}/`)) refs.push({ name: ref.name, before: ref.id })
    await applyChange(repo, { refs })
  })
}
