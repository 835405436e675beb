import { listRemotes } from '../../protocol/remotes.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { chosenRemote, fetchFrom } from '../sync.ts'
import { fetchedRefToJson, showFetchedRefs, transferSummary } from '../transfer-text.ts'

interface FetchArguments {
  remote?: string | undefined
  branches?: string[] | undefined
  all: boolean
  tags: boolean
  prune: boolean
  deepen?: number | undefined
  unshallow: boolean
}

export const command: Command<FetchArguments> = {
  name: 'fetch',
  group: 'share',
  summary: 'Bring what is new at a remote, without changing your files',
  usage: ['fetch [REMOTE [BRANCH...]]', 'fetch --all'],
  positionals: '[remote] [branches..]',
  description: `Brings the commits of a remote's branches, and its tags. Your branches and files stay as
they are: 'dits log origin/main' shows what came, 'dits pull' brings it into your branch.
A transfer that broke off goes on where it was. You can work on meanwhile.
With --json: a line a ref {ref, remoteRef, before, after, outcome}, then {remote, objects,
bytesReceived, bytesSent, rounds}.`,
  examples: [['fetch', 'from the remote that this branch follows, or origin']],
  options: (yargs) =>
    yargs
      .positional('remote', { type: 'string', describe: 'the remote' })
      .positional('branches', { type: 'string', array: true, describe: 'only these branches' })
      .option('all', { type: 'boolean', default: false, describe: 'from all remotes' })
      .option('tags', { type: 'boolean', default: true, describe: '--no-tags: leave tags where they are' })
      .option('deepen', { type: 'number', describe: 'so many more commits of what clone --depth left behind' })
      .option('unshallow', { type: 'boolean', default: false, describe: 'all of what clone --depth left behind' })
      .option('prune', { alias: 'p', type: 'boolean', default: false, describe: 'forget branches that are gone there' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const remotes = args.all ? listRemotes(repo.config) : [await chosenRemote(repo, args.remote)]
    if (args.deepen !== undefined && !(Number.isSafeInteger(args.deepen) && args.deepen > 0)) throw new UsageError('--deepen is a number of commits, from 1 on')
    const deepen = args.unshallow ? 'all' : args.deepen
    const branches = args.branches?.map((name) => (name.startsWith('refs/heads/') ? name : `refs/heads/${name}`))
    for (const remote of remotes) {
      const fetched = await fetchFrom(context, repo, remote, { tags: args.tags, prune: args.prune, deepen, ...(branches?.length && { branches }) })
      if (context.json) {
        for (const ref of fetched.refs) context.stdout.json(fetchedRefToJson(ref))
        context.stdout.json({ remote: remote.name, objects: fetched.objects, bytesReceived: fetched.counts.bytesIn, bytesSent: fetched.counts.bytesOut, rounds: fetched.counts.rounds })
      } else if (!context.quiet) {
        if (fetched.refs.some(({ outcome }) => outcome !== 'same') || context.verbose) context.stdout.line(`From ${remote.url}`)
        showFetchedRefs(context, fetched.refs)
        if (fetched.objects > 0 || context.verbose) context.stdout.line(transferSummary(fetched.counts, 0))
      }
    }
  },
}
