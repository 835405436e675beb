import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { readCurrentHead, shortRefName } from '../../core/changing/head.ts'
import { resetTo } from '../../core/changing/reset.ts'
import { DitsError, hasCode, isErrno } from '../../core/errors.ts'
import { formatFilter, parseFilter } from '../../core/ghosts/filter.ts'
import type { Id } from '../../core/objects/id.ts'
import { checkRefName, type Head } from '../../core/refs/refs.ts'
import { trackingName } from '../../core/refs/upstream.ts'
import { closeRepo, findRepoRoot, initRepo, openRepo, type Repo } from '../../core/repo.ts'
import type { FetchRemoteOptions } from '../../protocol/fetch-remote.ts'
import { addRemote, checkRemoteName, findRemote, setUpstream, type Remote } from '../../protocol/remotes.ts'
import { linkPacksOf } from '../../protocol/link-packs.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { parseRemoteUrl, type RemoteAddress } from '../connect.ts'
import type { Context } from '../context.ts'
import { formatAmount } from '../format.ts'
import { describeWorld, withRemoteContent } from '../open-repo.ts'
import type { ContentTraffic } from '../remote-content.ts'
import { findCommit, headName } from '../revisions.ts'
import { fetchFrom, type Fetched } from '../sync.ts'
import { transferSummary } from '../transfer-text.ts'
import { beginClone, finishClone, isUnfinishedClone } from '../unfinished-clone.ts'
import { normalAddress } from './remote.ts'

interface CloneArguments {
  url: string
  directory?: string | undefined
  branch?: string | undefined
  origin: string
  checkout: boolean
  filter?: string | undefined
  depth?: number | undefined
  reference?: string | undefined
}

export const command: Command<CloneArguments> = {
  name: 'clone',
  group: 'start',
  summary: 'Make a copy of a repository, with its history',
  usage: ['clone [OPTIONS] URL [DIRECTORY]'],
  positionals: '<url> [directory]',
  description: `Brings a repository's commits, branches and tags, and writes the files of its branch. A
clone that broke off goes on where it was when you repeat the command. A repository on the
same disk is cloned without copying its content. With --filter, files are there at once, with
name, size and time; their content comes when it is needed, or with 'dits hydrate'.
With --json: {root, branch, head, objects, bytesReceived, bytesSent, rounds, written, ghosts}.`,
  examples: [
    ['clone https://dits.example.org:3487/film/cut', 'into the folder cut'],
    ['clone --filter=none https://dits.example.org:3487/film/cut', 'a 10 TB project in seconds; then: dits hydrate Level_3'],
    ['clone /projects/film ~/film', 'a second working tree of a repository on this machine'],
  ],
  options: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'the repository' })
      .positional('directory', { type: 'string', describe: 'where to (default: its name, here)' })
      .option('branch', { alias: 'b', type: 'string', describe: 'the branch to work on (default: as there), or a tag to look at' })
      .option('origin', { alias: 'o', type: 'string', default: 'origin', describe: 'what to call the remote' })
      .option('filter', { type: 'string', describe: "leave content behind until it is needed: none, size:10M, or path:'Level_3/**'" })
      .option('depth', { type: 'number', describe: 'only so many commits of the one branch, and the tags that lead to them' })
      .option('reference', { type: 'string', describe: 'take what this repository on the same disk has, instead of fetching it' })
      .option('checkout', { type: 'boolean', default: true, describe: '--no-checkout: write no files' }),

  async run(context, args) {
    const depth = readDepth(args.depth)
    checkRemoteName(args.origin)
    if (args.branch !== undefined) checkRefName(`refs/heads/${args.branch}`)
    const root = resolve(context.cwd, args.directory ?? defaultDirectory(context, args.url))
    checkSource(parseRemoteUrl(args.url, context.cwd), root)
    const traffic: ContentTraffic = { objects: 0, sessions: [] }
    const wanted = { ...args, url: normalAddress(context, args.url), filter: readFilter(args.filter) }
    const { repo, remote, isNew, madeFolder } = await prepare(context, root, traffic, wanted)
    try {
      const address = parseRemoteUrl(remote.url, context.cwd)
      if (args.reference !== undefined) await linkPacksOf(repo, resolve(context.cwd, args.reference))
      if (address.kind === 'path' && args.filter === undefined && depth === undefined) await linkPacksOf(repo, address.folder)
      const fetched = await fetchWanted(context, repo, remote, args)
      const done = await goToBranch(repo, remote, fetched, args)
      await finishClone(repo)
      show(context, repo, withTraffic(fetched, traffic), done)
    } catch (error) {
      // What arrived stays, for the same command to go on with; where nothing did, or that command cannot succeed, nothing is left.
      const isWrong = hasCode(error, 'unknown-branch')
      if (isNew && (isWrong || repo.objects.packs.names.length === 0)) await removeNew(root, madeFolder)
      else if (isWrong) await beginClone(repo, wanted.url, { ...wanted, branch: undefined })
      throw error
    } finally {
      await closeRepo(repo)
    }
  },
}

function defaultDirectory(context: Context, url: string): string {
  const address = parseRemoteUrl(url, context.cwd)
  const path = address.kind === 'path' ? address.folder : address.kind === 'ssh' ? address.path : address.repository
  const name = basename(path).replace(/\.dits$/, '')
  if (name !== '') return name
  throw new DitsError('bad-url', `'${url}' does not say what the folder is to be called`, { hint: 'name it: dits clone URL DIRECTORY' })
}

/** Looks at a folder that is to be cloned, before anything is made of it or beside it. Throws `not-a-repository` and `folder-not-empty`. */
function checkSource(address: RemoteAddress, root: string): void {
  if (address.kind !== 'path') return
  if (findRepoRoot(address.folder) !== address.folder) throw new DitsError('not-a-repository', `'${address.folder}' is not a dits repository`, { hint: 'check the path' })
  if (address.folder === root) throw new DitsError('folder-not-empty', `'${root}' is what is to be cloned`, { hint: 'name another folder: dits clone URL DIRECTORY' })
}

interface Prepared {
  repo: Repo
  remote: Remote
  /** No earlier clone began it. */
  isNew: boolean
  /** The outermost folder that had to be made for it. */
  madeFolder: string | undefined
}

/** A new repository with its remote; or the one that an earlier clone of the same began. */
async function prepare(context: Context, root: string, traffic: ContentTraffic, wanted: CloneArguments): Promise<Prepared> {
  const env = await describeWorld(context)
  const madeFolder = await mkdir(root, { recursive: true })
  const held = await readdir(root)
  const again = held.includes('.dits') ? await reopen(root, wanted, env) : undefined
  if (!again && held.length > 0) throw new DitsError('folder-not-empty', `'${root}' is not empty`, { hint: 'name another folder: dits clone URL DIRECTORY' })
  const made = again ?? (await initRepo(root, { branch: 'main', env }))
  const known = findRemote(made.config, wanted.origin)
  // First, so that a crash leaves what says that it is no whole repository.
  if (!known || isUnfinishedClone(made.config)) await beginClone(made, wanted.url, wanted)
  if (!known) await addRemote(made, { name: wanted.origin, url: wanted.url, filter: wanted.filter })
  await closeRepo(made)
  const repo = await withRemoteContent(context, (withContent) => openRepo(root, withContent), traffic)
  return { repo, remote: findRemote(repo.config, wanted.origin)!, isNew: !again, madeFolder }
}

/** A repository in which a clone of the same remote was begun and nothing was done since; otherwise throws `folder-not-empty`. */
async function reopen(root: string, wanted: CloneArguments, env: Awaited<ReturnType<typeof describeWorld>>): Promise<Repo> {
  let repo: Repo
  try {
    repo = await openRepo(root, env)
  } catch (error) {
    if (!isErrno(error, 'ENOENT') && !(error instanceof DitsError && error.code === 'not-a-repository')) throw error
    return initRepo(root, { branch: 'main', env })
  }
  const remote = findRemote(repo.config, wanted.origin)
  const isUntouched = isUnfinishedClone(repo.config) || (await readCurrentHead(repo)).id === undefined
  if (isUntouched && (!remote || (remote.url === wanted.url && remote.filter === wanted.filter))) return repo
  await closeRepo(repo)
  throw new DitsError('folder-not-empty', `'${root}' is a repository already`, { hint: 'to bring what is new into it: dits pull' })
}

/** The filter as it is kept. Throws `bad-filter`. */
function readFilter(text: string | undefined): string | undefined {
  return text === undefined ? undefined : formatFilter(parseFilter(text))
}

function readDepth(depth: number | undefined): number | undefined {
  if (depth === undefined || (Number.isSafeInteger(depth) && depth > 0 && depth < 2 ** 31)) return depth
  throw new UsageError('--depth is a number of commits, from 1 on')
}

/** With --depth, whether a name is a tag's is known too late: then the advice is to do without. */
async function fetchWanted(context: Context, repo: Repo, remote: Remote, args: CloneArguments): Promise<Fetched> {
  const { depth, branch } = args
  try {
    return await fetchFrom(context, repo, remote, { depth, branches: branchesToFetch(args), ...(branch !== undefined && { needed: [`refs/heads/${branch}`, `refs/tags/${branch}`] }) })
  } catch (error) {
    if (depth === undefined || branch === undefined || !hasCode(error, 'unknown-branch')) throw error
    throw new DitsError(error.code, error.message, { hint: `${error.hint}; for a tag, leave out --depth`, cause: error.cause })
  }
}

/** All branches; with --depth only the one that is worked on. */
function branchesToFetch({ depth, branch }: CloneArguments): FetchRemoteOptions['branches'] {
  if (depth === undefined) return undefined
  return branch === undefined ? 'head' : [`refs/heads/${branch}`]
}

/** Takes a repository away again, and the folders from `madeFolder` down to it, as long as nothing else is in them. */
async function removeNew(root: string, madeFolder: string | undefined): Promise<void> {
  await rm(join(root, '.dits'), { recursive: true, force: true })
  if (madeFolder === undefined) return
  try {
    for (let folder = root; folder.length >= madeFolder.length; folder = dirname(folder)) await rmdir(folder)
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EBUSY', 'EINVAL')) throw error
  }
}

interface Done {
  /** Where HEAD stands. */
  head: Head
  id: Id | undefined
  written: number
  ghosts: number
}

/** Puts HEAD on the branch, or on the commit of a tag, and the files in place. */
async function goToBranch(repo: Repo, remote: Remote, fetched: Fetched, args: CloneArguments): Promise<Done> {
  const branch = args.branch === undefined ? fetched.headBranch : `refs/heads/${args.branch}`
  const tip = await repo.refs.read(trackingName(remote.name, branch))
  const tag = `refs/tags/${args.branch ?? ''}`
  if (!tip && args.branch !== undefined && fetched.refs.some(({ name }) => name === tag)) {
    const id = await findCommit(repo, tag)
    return placeFiles(repo, { id }, id, args.checkout)
  }
  await setUpstream(repo, branch, { remote: remote.name, branch })
  return placeFiles(repo, { branch }, tip, args.checkout)
}

/** Without `checkout` the files are known but not written: as if they had been removed, so that restore brings them. */
async function placeFiles(repo: Repo, head: Head, id: Id | undefined, checkout: boolean): Promise<Done> {
  await repo.refs.writeHead(head)
  if (!id) return { head, id, written: 0, ghosts: 0 }
  const { written, ghosts } = await resetTo(repo, id, checkout ? 'hard' : 'mixed')
  return { head, id, written, ghosts }
}

/** What was fetched, with the content that came while files were written. */
function withTraffic(fetched: Fetched, { objects, sessions }: ContentTraffic): Fetched {
  const counts = { ...fetched.counts }
  for (const session of sessions) {
    counts.bytesIn += session.counts.bytesIn
    counts.bytesOut += session.counts.bytesOut
    counts.rounds += session.counts.rounds
  }
  return { ...fetched, objects: fetched.objects + objects, counts }
}

function show(context: Context, repo: Repo, fetched: Fetched, done: Done): void {
  const { counts, objects } = fetched
  const { head, id, written, ghosts } = done
  if (context.json) {
    context.stdout.json({ root: repo.root, branch: 'branch' in head ? headName(head) : null, head: id ?? null, objects, bytesReceived: counts.bytesIn, bytesSent: counts.bytesOut, rounds: counts.rounds, written, ghosts })
  } else if (!context.quiet) {
    context.stdout.line(`Cloned into ${repo.root}`)
    context.stdout.line(doneText(done, fetched))
    context.stdout.line(transferSummary(counts, 0))
  }
}

function doneText({ head, id, written, ghosts }: Done, { refs }: Fetched): string {
  const other = refs.find(({ remoteName }) => remoteName.startsWith('refs/heads/'))
  if (!id && other) return `The branch '${headName(head)}' is not there; go to another with: dits switch ${shortRefName(other.remoteName)}`
  if (!id) return 'The repository there has no commits yet; if it should have, look at its address.'
  const files = `${'branch' in head ? `On branch ${headName(head)}` : `HEAD is at ${headName(head)}, on no branch`}; ${formatAmount(written, 'file')} written`
  return ghosts === 0 ? files : `${files}, ${formatAmount(ghosts, 'ghost')} without content (dits hydrate PATH brings it)`
}
