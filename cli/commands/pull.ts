import { readCurrentHead, shortRefName } from '../../core/changing/head.ts'
import { DitsError, hasCode } from '../../core/errors.ts'
import { mergeInto } from '../../core/merging/merge.ts'
import { rebaseOnto } from '../../core/merging/rebase.ts'
import { trackingName, upstreamOf } from '../../core/refs/upstream.ts'
import type { Repo } from '../../core/repo.ts'
import type { Remote } from '../../protocol/remotes.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount } from '../format.ts'
import { showMergeResult } from '../merge-result.ts'
import { shortId } from '../revisions.ts'
import { chosenRemote, fetchFrom, type Fetched, requireBranch, shortTracking } from '../sync.ts'
import { showFetchedRefs, transferSummary } from '../transfer-text.ts'

interface PullArguments {
  remote?: string | undefined
  branch?: string | undefined
  'ff-only': boolean
  rebase: boolean
  'allow-unrelated-histories': boolean
}

export const command: Command<PullArguments> = {
  name: 'pull',
  group: 'share',
  summary: 'Bring what is new at a remote into your branch',
  usage: ['pull [--ff-only|--rebase] [REMOTE [BRANCH]]'],
  positionals: '[remote] [branch]',
  description: `Fetches, then moves your branch forward, or merges where you have commits of your own.
Uncommitted changes stay, unless what comes touches their files: then nothing is done.
--rebase makes your own commits again on top of what came, where that needs no decision of
yours; where it would, nothing is changed. 'dits undo' takes a pull back. With --json: as
'dits merge', with --rebase {outcome: rebased|up-to-date|fast-forward, before, after, made}.`,
  options: (yargs) =>
    yargs
      .positional('remote', { type: 'string', describe: 'the remote; that which the branch follows by default' })
      .positional('branch', { type: 'string', describe: 'the branch there' })
      .option('ff-only', { type: 'boolean', default: false, describe: 'move forward, or do nothing' })
      .option('rebase', { alias: 'r', type: 'boolean', default: false, describe: 'put your own commits on top' })
      .option('allow-unrelated-histories', { type: 'boolean', default: false, describe: 'merge what has no commit in common' }),

  async run(context, args) {
    if (args['ff-only'] && args.rebase) throw new UsageError('--ff-only and --rebase exclude each other')
    const repo = await context.openRepo()
    const branch = await requireBranch(repo, 'pull')
    const remote = await chosenRemote(repo, args.remote)
    const there = branchThere(repo, remote, branch, args.branch)
    const fetched = await fetchBranch(context, repo, { remote, there, isGuess: args.branch === undefined && !upstreamOf(repo.config, branch) })
    if (!context.json && !context.quiet) {
      const moved = fetched.refs.filter(({ outcome }) => outcome !== 'same')
      if (moved.length > 0) context.stdout.line(`From ${remote.url}`)
      showFetchedRefs(context, moved)
      if (fetched.objects > 0) context.stdout.line(transferSummary(fetched.counts, 0))
    }
    const id = (await repo.refs.read(trackingName(remote.name, there)))!
    if (args.rebase) return rebase(context, repo, id)
    const target = { id, name: shortTracking(remote.name, there), kind: 'remote' as const }
    const report = await mergeInto(repo, target, { forward: args['ff-only'] ? 'must' : 'may', commit: true, unrelated: args['allow-unrelated-histories'] })
    return showMergeResult(context, repo, target, report)
  },
}

function branchThere(repo: Repo, remote: Remote, branch: string, named: string | undefined): string {
  if (named !== undefined) return named.startsWith('refs/heads/') ? named : `refs/heads/${named}`
  const upstream = upstreamOf(repo.config, branch)
  return upstream?.remote === remote.name ? upstream.branch : branch
}

/** Fetches one branch. Where it is not there and nobody said that it would be, the advice is to say which. */
async function fetchBranch(context: Context, repo: Repo, { remote, there, isGuess }: { remote: Remote; there: string; isGuess: boolean }): Promise<Fetched> {
  try {
    return await fetchFrom(context, repo, remote, { branches: [there] })
  } catch (error) {
    if (!isGuess || !hasCode(error, 'unknown-branch')) throw error
    throw new DitsError('unknown-branch', `'${shortRefName(there)}' follows no branch, and '${remote.name}' has none of that name`, {
      hint: `say which to pull, as in: dits pull ${remote.name} main; or send yours: dits push`,
      cause: error,
    })
  }
}

async function rebase(context: Context, repo: Repo, onto: Parameters<typeof rebaseOnto>[1]): Promise<void> {
  const before = (await readCurrentHead(repo)).id
  const { outcome, after, made } = await rebaseOnto(repo, onto)
  if (context.json) return context.stdout.json({ outcome, before: before ?? null, after, made })
  if (context.quiet) return
  if (outcome === 'up-to-date') context.stdout.line('Already up to date.')
  else if (outcome === 'fast-forward') context.stdout.line(`Fast-forward to ${shortId(after)}`)
  else context.stdout.line(`Put ${formatAmount(made, 'commit')} of yours on top: ${shortId(after)}`)
}
