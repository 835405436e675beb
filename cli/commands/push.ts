import { readCurrentHead, shortRefName } from '../../core/changing/head.ts'
import { DitsError } from '../../core/errors.ts'
import { changesBetween } from '../../core/history/changes.ts'
import { checkRefName, isRefName } from '../../core/refs/refs.ts'
import { upstreamOf } from '../../core/refs/upstream.ts'
import type { Repo } from '../../core/repo.ts'
import { readIndex } from '../../core/staging/stage.ts'
import { syncedPrefixes } from '../../protocol/fetch-remote.ts'
import { hasMoved, pushRemote, type PushRef, type PushRemoteReport } from '../../protocol/push-remote.ts'
import { setUpstream, type Remote } from '../../protocol/remotes.ts'
import type { RemoteSession } from '../../protocol/remote-session.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { openRemote } from '../connect.ts'
import type { Context } from '../context.ts'
import { formatAmount, formatSize } from '../format.ts'
import { findRevision, shortId } from '../revisions.ts'
import { chosenRemote, requireBranch } from '../sync.ts'
import { transferProgress, transferSummary } from '../transfer-text.ts'

interface PushArguments {
  remote?: string | undefined
  refs?: string[] | undefined
  all: boolean
  tags: boolean
  delete: boolean
  'dry-run': boolean
  'force-with-lease': boolean
  force?: boolean | undefined
  'set-upstream': boolean
}

export const command: Command<PushArguments> = {
  name: 'push',
  group: 'share',
  summary: 'Send your commits to a remote',
  usage: ['push [REMOTE [BRANCH|FROM:TO...]]', 'push --tags', 'push --delete REMOTE BRANCH...'],
  positionals: '[remote] [refs..]',
  description: `Sends what the remote lacks, and moves its branch then: others see the old version or
the new one with all its files. Where somebody else pushed meanwhile, nothing is changed and
you are told to pull. A push that broke off goes on where it was when you repeat it.
--dry-run says what would travel.
With --json: a line a ref {ref, before, after, moved, code, message}, then
{commits, objectsNew, objectsSent, bytesSent, bytesSaved, wireOut, wireIn, rounds}.`,
  examples: [
    ['push', 'the current branch, to the remote that it follows or origin'],
    ['push origin grading:review', 'your branch grading, as review there'],
  ],
  options: (yargs) =>
    yargs
      .positional('remote', { type: 'string', describe: 'the remote' })
      .positional('refs', { type: 'string', array: true, describe: 'branches or tags; FROM:TO under another name' })
      .option('all', { type: 'boolean', default: false, describe: 'all branches' })
      .option('tags', { type: 'boolean', default: false, describe: 'all tags, beside what is named' })
      .option('delete', { alias: 'd', type: 'boolean', default: false, describe: 'delete them at the remote' })
      .option('dry-run', { alias: 'n', type: 'boolean', default: false, describe: 'say what would travel, and send nothing' })
      .option('force-with-lease', { type: 'boolean', default: false, describe: 'replace a branch there, if it is where you last fetched it' })
      .option('force', { alias: 'f', type: 'boolean', hidden: true })
      .option('set-upstream', { alias: 'u', type: 'boolean', default: false, describe: 'let your branch follow it from now on' }),

  async run(context, args) {
    if (args.force) throw new UsageError('a push is never forced blindly', 'to replace a branch there that is where you last fetched it: dits push --force-with-lease')
    const repo = await context.openRepo()
    const remote = await chosenRemote(repo, args.remote)
    const refs = await refsToPush(repo, remote, args)
    const session = await openRemote(context, remote.url, syncedPrefixes)
    const progress = transferProgress(context, 'sending')
    try {
      const report = await pushRemote(repo, session, remote.name, refs, {
        force: args['force-with-lease'] ? 'with-lease' : 'no',
        dryRun: args['dry-run'],
        signal: context.signal,
        onProgress: ({ bytes, bytesTotal }) => progress.show(bytes, bytesTotal),
      })
      progress.done()
      const code = show(context, remote, session, report, args['dry-run'])
      if (!args['dry-run']) await follow(repo, remote, refs, report, args['set-upstream'])
      if (!context.json && !context.quiet && report.moves.length === 0) await showStaged(context, repo)
      return code
    } finally {
      progress.done()
      await session.close()
    }
  },
}

async function refsToPush(repo: Repo, remote: Remote, args: PushArguments): Promise<PushRef[]> {
  const refs: PushRef[] = []
  for (const text of args.refs ?? []) refs.push(args.delete ? toDelete(text) : await parseRef(repo, text))
  if (args.delete && refs.length === 0) throw new DitsError('nothing-named', 'name what to delete at the remote', { hint: 'usage: dits push --delete REMOTE BRANCH' })
  if (args.all) for await (const { name, id } of repo.refs.list('refs/heads/')) refs.push({ from: id, to: name })
  if (args.tags) for await (const { name, id } of repo.refs.list('refs/tags/')) refs.push({ from: id, to: name })
  if (refs.length > 0 || args.all || args.tags) return refs
  const { from, to: branch } = await currentBranch(repo)
  const upstream = upstreamOf(repo.config, branch)
  return [{ from, to: upstream?.remote === remote.name ? upstream.branch : branch }]
}

/** The branch that one is on, to its own name. */
async function currentBranch(repo: Repo): Promise<PushRef> {
  const to = await requireBranch(repo, 'push')
  const from = await repo.refs.read(to)
  if (!from) throw new DitsError('no-commits', 'there is no commit yet that could be pushed', { hint: 'run: dits add, then dits commit' })
  return { from, to }
}

/** `BRANCH`, `TAG`, `HEAD`, `FROM:TO` or `:TO`. */
async function parseRef(repo: Repo, text: string): Promise<PushRef> {
  const colon = text.indexOf(':')
  const from = colon < 0 ? text : text.slice(0, colon)
  const to = colon < 0 ? undefined : text.slice(colon + 1)
  if (from === '' && to) return toDelete(to)
  if (from === 'HEAD' && to === undefined) return currentBranch(repo)
  for (const kind of ['heads', 'tags'] as const) {
    const name = from.startsWith(`refs/${kind}/`) ? from : `refs/${kind}/${from}`
    const id = isRefName(name) ? await repo.refs.read(name) : undefined
    if (id) return { from: id, to: to === undefined ? name : targetName(to, kind) }
  }
  if (to === undefined) throw new DitsError('unknown-branch', `you have no branch or tag '${from}'`, { hint: 'dits branch lists branches; FROM:TO pushes any commit to a branch' })
  return { from: (await findRevision(repo, from)).id, to: targetName(to, 'heads') }
}

/** A branch or a tag there; which, the remote tells. */
function toDelete(text: string): PushRef {
  targetName(text, 'heads')
  return { from: undefined, to: text }
}

function targetName(text: string, kind: 'heads' | 'tags'): string {
  const name = /^refs\/(heads|tags)\//.test(text) ? text : `refs/${kind}/${text}`
  checkRefName(name)
  return name
}

/** A branch that was pushed follows the one there, where it was asked for or follows none yet. */
async function follow(repo: Repo, remote: Remote, refs: readonly PushRef[], report: PushRemoteReport, asked: boolean): Promise<void> {
  const { branch, id } = await readCurrentHead(repo)
  const pushed = branch && refs.find(({ from, to }) => from === id && to.startsWith('refs/heads/') && (report.upToDate.includes(to) || hasMoved(report, to)))
  if (!branch || !pushed || (!asked && (upstreamOf(repo.config, branch) || pushed.to !== branch))) return
  await setUpstream(repo, branch, { remote: remote.name, branch: pushed.to })
}

function show(context: Context, remote: Remote, session: RemoteSession, report: PushRemoteReport, dryRun: boolean): number {
  const failed = dryRun ? [] : report.moves.filter(({ name }) => !hasMoved(report, name))
  if (context.json) showJson(context, session, report, dryRun)
  else if (!context.quiet) showText(context, remote, session, report, dryRun)
  for (const { name } of context.json ? [] : failed) {
    const { code, message } = report.results.find((result) => result.name === name)!
    context.stderr.line(`error: '${shortRefName(name)}' was not moved: ${message} (${code})`)
    if (code === 'ref-moved') context.stderr.line('hint: somebody else pushed meanwhile; bring that in first: dits pull')
  }
  return failed.length > 0 ? 1 : 0
}

/** Says what was staged and waits for a commit: who pushes then may think that it went, too. */
async function showStaged(context: Context, repo: Repo): Promise<void> {
  const { commit } = await readCurrentHead(repo)
  let count = 0
  for await (const _ of changesBetween(repo.objects, commit?.tree, (await readIndex(repo))?.tree, { renames: false })) count++
  if (count > 0) context.stdout.line(`note: ${count === 1 ? '1 file is' : `${count} files are`} staged and not committed; push sends commits`)
}

function showText(context: Context, remote: Remote, session: RemoteSession, report: PushRemoteReport, dryRun: boolean): void {
  const { stdout } = context
  if (report.moves.length === 0) return stdout.line('Everything is up to date.')
  stdout.line(`To ${remote.url}`)
  for (const { name, before, after } of report.moves) {
    if (!dryRun && !hasMoved(report, name)) continue
    const what = !before ? `[new ${name.startsWith('refs/tags/') ? 'tag' : 'branch'}]` : !after ? (dryRun ? '[would delete]' : '[deleted]') : `${shortId(before)}..${shortId(after)}`
    stdout.line(`   ${what.padEnd(24)} ${shortRefName(name)}`)
  }
  const what = `${formatAmount(report.commits, 'commit')}, ${formatAmount(report.objectsSent, 'object')}`
  const isNothing = report.commits + report.objectsSent === 0
  const held = report.bytesSaved > 0 ? `; ${formatSize(report.bytesSaved)} are there already` : ''
  if (dryRun) stdout.line(`Would send ${what}, ${formatSize(report.bytesSent)}${held}.`)
  else stdout.line(`${isNothing ? '' : `${what}; `}${transferSummary(session.counts, report.bytesSaved)}`)
}

function showJson(context: Context, session: RemoteSession, report: PushRemoteReport, dryRun: boolean): void {
  for (const { name, before, after } of report.moves) {
    const result = report.results.find((candidate) => candidate.name === name)
    context.stdout.json({ ref: name, before: before ?? null, after: after ?? null, moved: !dryRun && result?.code === '', code: result?.code || null, message: result?.message || null })
  }
  const { commits, objectsNew, objectsSent, bytesSent, bytesSaved } = report
  const { bytesOut, bytesIn, rounds } = session.counts
  context.stdout.json({ commits, objectsNew, objectsSent, bytesSent, bytesSaved, wireOut: bytesOut, wireIn: bytesIn, rounds })
}
