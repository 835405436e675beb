import { readCommit, readCurrentHead, shortRefName } from '../../core/changing/head.ts'
import { switchTo, wasCutOff, type SwitchReport } from '../../core/changing/switch.ts'
import { DitsError, hasCode } from '../../core/errors.ts'
import type { Id } from '../../core/objects/id.ts'
import type { Head } from '../../core/refs/refs.ts'
import { nearestName } from '../../core/refs/nearest-name.ts'
import { previousBranch } from '../../core/refs/earlier-values.ts'
import { checkRefName, isRefName } from '../../core/refs/refs.ts'
import { trackingName } from '../../core/refs/upstream.ts'
import { moveUnbornHead } from '../../core/changing/branches.ts'
import type { Repo } from '../../core/repo.ts'
import { listRemotes } from '../../protocol/remotes.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount } from '../format.ts'
import { subjectLine } from '../printable.ts'
import { findCommit, headName, shortId } from '../revisions.ts'
import { followStart } from '../sync.ts'

interface SwitchArguments {
  target?: string | undefined
  start?: string | undefined
  create?: string | undefined
  detach: boolean
  force: boolean
}

export const command: Command<SwitchArguments> = {
  name: 'switch',
  group: 'branch',
  summary: 'Go to another branch or version',
  usage: ['switch BRANCH', 'switch -c NEW [START]', 'switch --detach REV'],
  positionals: '[target] [start]',
  description: `Files that are the same in both versions are not touched, and uncommitted changes to
them stay. Where a change would be overwritten, nothing is done; with --force it is,
and 'dits undo' brings it back. '-' is the branch before.
With --json: {before, after, branch, written, ghosts, removed, saved}.`,
  options: (yargs) =>
    yargs
      .positional('target', { type: 'string', describe: 'a branch' })
      .positional('start', { type: 'string', describe: 'with -c: where the new branch starts' })
      .option('create', { alias: 'c', type: 'string', describe: 'make a branch and go to it' })
      .option('detach', { alias: 'd', type: 'boolean', default: false, describe: 'go to a version without a branch' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'replace uncommitted changes' }),

  async run(context, args) {
    const repo = await context.openRepo()
    if (args.create !== undefined) return createAndGo(context, repo, { name: args.create, start: args.target, force: args.force })
    if (args.target === undefined) throw new DitsError('nothing-named', 'name the branch to go to', { hint: 'see: dits branch' })
    const target = args.target === '-' ? '@{-1}' : args.target
    if (!args.detach && (await followRemoteBranch(context, repo, target, args.force))) return
    await go(context, repo, { ...(await destinationOf(repo, target, args.detach)), force: args.force })
  },
}

/** Goes to a branch or a commit, and says so. */
export async function go(context: Context, repo: Repo, target: { id: Id; head: Head; create?: boolean; force: boolean }): Promise<void> {
  show(context, await switchTo(repo, target, { force: target.force }), target.create === true)
  if (!context.json && !context.quiet && 'id' in target.head) {
    const { message } = await readCommit(repo, target.id)
    context.stdout.line(`HEAD is now at ${shortId(target.id)} ${subjectLine(message)}`)
  }
}

/** Makes a branch at `start`, or at HEAD, and goes to it. */
export async function createAndGo(context: Context, repo: Repo, target: { name: string; start: string | undefined; force: boolean }): Promise<void> {
  const branch = `refs/heads/${target.name}`
  checkRefName(branch)
  const there = await repo.refs.read(branch)
  if (there && (await wasCutOff(repo, branch))) return go(context, repo, { id: there, head: { branch }, force: target.force })
  if (there) throw new DitsError('branch-exists', `a branch '${target.name}' exists already`, { hint: `go to it with: dits switch ${target.name}` })
  const id = target.start === undefined ? (await readCurrentHead(repo)).id : await findCommit(repo, target.start)
  if (id) {
    await go(context, repo, { id, head: { branch }, create: true, force: target.force })
    return followStart(context, repo, branch, target.start)
  }
  await moveUnbornHead(repo, branch)
  if (!context.quiet && !context.json) context.stdout.line(`Switched to a new branch '${target.name}'`)
}

/** Where a word is no branch here, but one of a single remote: makes a branch that follows that, and goes to it. */
async function followRemoteBranch(context: Context, repo: Repo, target: string, force: boolean): Promise<boolean> {
  const branch = `refs/heads/${target}`
  if (!isRefName(branch) || (await repo.refs.read(branch))) return false
  const found: { remote: string; id: Id }[] = []
  for (const { name: remote } of listRemotes(repo.config)) {
    const id = await repo.refs.read(trackingName(remote, branch))
    if (id) found.push({ remote, id })
  }
  const [only] = found
  if (!only || found.length > 1) return false
  await go(context, repo, { id: only.id, head: { branch }, create: true, force })
  await followStart(context, repo, branch, `${only.remote}/${target}`)
  return true
}

async function destinationOf(repo: Repo, target: string, detach: boolean): Promise<{ id: Id; head: Head }> {
  const branch = target === '@{-1}' ? await previousBranch(repo.oplog, 1) : `refs/heads/${target}`
  const tip = branch === undefined || detach ? undefined : await readBranch(repo, branch)
  if (branch !== undefined && tip) return { id: tip, head: { branch } }
  const id = detach || target === '@{-1}' ? await findCommit(repo, target) : await findOrSuggest(repo, target)
  if (detach || target === '@{-1}') return { id, head: { id } }
  throw new DitsError('not-a-branch', `'${target}' is no branch`, { hint: `go to that version without a branch: dits switch --detach ${target}` })
}

/** The commit that a word names; where it names none, the branches that come near are, and how to make one. */
async function findOrSuggest(repo: Repo, target: string): Promise<Id> {
  try {
    return await findCommit(repo, target)
  } catch (error) {
    if (!hasCode(error, 'unknown-revision')) throw error
    const names: string[] = []
    for await (const { name } of repo.refs.list('refs/heads/')) if (names.push(shortRefName(name)) >= suggestedAmongMax) break
    const near = nearestName(target, names)
    const make = `dits switch -c ${target}`
    const bring = repo.objects.shallow.size === 0 ? '' : `; or, since clone --depth brought one branch, bring it with: dits fetch REMOTE ${target}`
    throw new DitsError('unknown-branch', `there is no branch '${target}'`, { hint: `${near === undefined ? `make it with: ${make}` : `did you mean '${near}'? To make a new one: ${make}`}${bring}`, cause: error })
  }
}

const suggestedAmongMax = 10_000

async function readBranch(repo: Repo, branch: string): Promise<Id | undefined> {
  return isRefName(branch) ? repo.refs.read(branch) : undefined
}

function show(context: Context, report: SwitchReport, isNew: boolean): void {
  const { before, after, written, ghosts, removed, saved } = report
  if (context.json) {
    context.stdout.json({ before: before.id ?? null, after: after.id, branch: 'branch' in after.head ? headName(after.head) : null, written, ghosts, removed, saved })
    return
  }
  if (context.quiet) return
  if (!('branch' in before.head) && before.id && before.id !== after.id) context.stdout.line(`Previous HEAD position was ${shortId(before.id)}`)
  if ('branch' in after.head && 'branch' in before.head && before.head.branch === after.head.branch) context.stdout.line(`Already on '${headName(after.head)}'`)
  else if ('branch' in after.head) context.stdout.line(`Switched to ${isNew ? 'a new ' : ''}branch '${headName(after.head)}'`)
  if (written + ghosts + removed > 0) context.stdout.line(`${formatAmount(written, 'file')} written, ${removed} removed${ghosts > 0 ? `; ${formatAmount(ghosts, 'ghost')} without content` : ''}`)
  if (saved) context.stdout.line('Uncommitted files were replaced; they come back with: dits undo')
}
