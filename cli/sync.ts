import { readCurrentHead, shortRefName } from '../core/changing/head.ts'
import { DitsError } from '../core/errors.ts'
import type { Repo } from '../core/repo.ts'
import { fetchRemote, syncedPrefixes, type FetchRemoteOptions, type FetchRemoteReport } from '../protocol/fetch-remote.ts'
import type { FrameCounts } from '../protocol/frames.ts'
import { isRefName } from '../core/refs/refs.ts'
import { trackingName, upstreamOf } from '../core/refs/upstream.ts'
import { leaveSharedPacks, takeSharedPacks } from '../protocol/link-packs.ts'
import { listRemotes, requireRemote, setUpstream, type Remote } from '../protocol/remotes.ts'
import { openRemote } from './connect.ts'
import type { Context } from './context.ts'
import { transferProgress } from './transfer-text.ts'

/** What `fetch`, `pull` and `clone` have in common. */

/** A fetch with what travelled for it. */
export interface Fetched extends FetchRemoteReport {
  counts: FrameCounts
}

/** Fetches from a remote, showing progress. Of a partial repository's remote, only commits and trees. */
export async function fetchFrom(context: Context, repo: Repo, remote: Remote, options: Partial<FetchRemoteOptions> = {}): Promise<Fetched> {
  const shared = sharedFolder(context, repo, remote)
  if (shared !== undefined) await takeSharedPacks(repo, shared, remote.url)
  const session = await openRemote(context, remote.url, syncedPrefixes)
  const progress = transferProgress(context, 'receiving')
  try {
    const report = await fetchRemote(repo, session, remote.name, {
      prune: false,
      ...(remote.filter !== undefined && { wantsContent: 'none' as const }),
      onProgress: ({ bytes }) => progress.show(bytes),
      ...options,
    })
    if (shared !== undefined) await leaveSharedPacks(repo, shared, remote.url)
    return { ...report, counts: session.counts }
  } finally {
    progress.done()
    await session.close()
  }
}

/** Where clones of a remote share what they fetched, if they do: not of a folder, which is shared itself, nor partial ones. */
function sharedFolder(context: Context, repo: Repo, remote: Remote): string | undefined {
  const folder = /^[a-z]+:\/\//.test(remote.url) && remote.filter === undefined ? repo.config.get('store.shared') : undefined
  return folder?.replace(/^~(?=\/)/, context.environment.home)
}

/** The remote that is meant: the one named, else the one that the current branch follows, else the only one, else 'origin'. Throws `unknown-remote`. */
export async function chosenRemote(repo: Repo, name: string | undefined): Promise<Remote> {
  if (name !== undefined) return findNamed(repo, name)
  const { branch } = await readCurrentHead(repo)
  const followed = branch && upstreamOf(repo.config, branch)?.remote
  if (followed) return requireRemote(repo.config, followed)
  const remotes = listRemotes(repo.config)
  return remotes.length === 1 ? remotes[0]! : requireRemote(repo.config, 'origin')
}

/** A remote by its name; a word that is a branch's name was meant as one, behind the remote's. */
async function findNamed(repo: Repo, name: string): Promise<Remote> {
  const known = listRemotes(repo.config)
  const branch = `refs/heads/${name}`
  const [first] = known
  if (first && !known.some((remote) => remote.name === name) && isRefName(branch) && (await repo.refs.read(branch))) {
    throw new DitsError('unknown-remote', `there is no remote '${name}'`, { hint: `to name the branch, put the remote before it: ${first.name} ${name}` })
  }
  return requireRemote(repo.config, name)
}

/** The branch that one is on, by its full name. Throws `detached-head`. */
export async function requireBranch(repo: Repo, what: string): Promise<string> {
  const { branch } = await readCurrentHead(repo)
  if (branch) return branch
  throw new DitsError('detached-head', `you are on no branch that ${what} could mean`, { hint: 'go to a branch with: dits switch BRANCH' })
}

/** A branch that was made at a branch of a remote, as `origin/main` says, follows that. */
export async function followStart(context: Context, repo: Repo, branch: string, start: string | undefined): Promise<void> {
  const name = start?.replace(/^(refs\/)?remotes\//, '') ?? ''
  const remote = listRemotes(repo.config).find((one) => name.startsWith(`${one.name}/`))
  if (!remote || !start) return
  const there = `refs/heads/${name.slice(remote.name.length + 1)}`
  // A branch or a tag of that name is what was meant then.
  for (const folder of ['heads', 'tags']) if (isRefName(`refs/${folder}/${start}`) && (await repo.refs.read(`refs/${folder}/${start}`))) return
  if (!isRefName(there) || !(await repo.refs.read(trackingName(remote.name, there)))) return
  await setUpstream(repo, branch, { remote: remote.name, branch: there })
  if (!context.quiet && !context.json) context.stdout.line(`It follows '${name}'.`)
}

/** 'origin/main' for a branch of a remote. */
export function shortTracking(remote: string, branch: string): string {
  return `${remote}/${shortRefName(branch)}`
}
