import { DitsError, howToFinish, isAncestor, readCurrentHead, readLiveMerge, trackingName, withLock, type Id, type Repo } from '#core'
import type { RefMove } from './host.ts'
import { push, type PushOptions, type PushReport } from './push.ts'
import type { RemoteRefs, RemoteSession } from './remote-session.ts'

/**
 * One ref to push: a ref or commit of here to a name there. `from` is absent to
 * delete it there; then `to` may be short, a branch's or a tag's.
 */
export interface PushRef {
  from: Id | undefined
  to: string
}

export interface PushRemoteOptions extends PushOptions {
  /**
   * Move branches there that do not lie behind: never; only where they are at
   * what was last fetched of them ('with-lease').
   */
  force: 'no' | 'with-lease'
}

export interface PushRemoteReport extends PushReport {
  moves: RefMove[]
  /** Of the refs that were asked for, those that are there already. */
  upToDate: string[]
}

/**
 * Pushes refs to a remote, and remembers where its branches are then. The
 * session was asked for `syncedPrefixes` with its greeting. Throws
 * `push-rejected` where a branch there has commits that are not here, and
 * `unknown-branch`, `unknown-tag` or `ambiguous-revision` where one to delete is
 * not there or could be two, before anything is sent, and what `push` throws.
 */
export async function pushRemote(repo: Repo, session: RemoteSession, remote: string, refs: readonly PushRef[], options: PushRemoteOptions): Promise<PushRemoteReport> {
  const there = await session.refs()
  const moves: RefMove[] = []
  const upToDate: string[] = []
  for (const { from, to: given } of refs) {
    const to = from ? given : findToDelete(there, remote, given)
    const before = there.refs.get(to)
    if (before === from) upToDate.push(to)
    else moves.push(await checkMove(repo, remote, { name: to, before, after: from }, options))
  }
  const none: PushReport = { results: [], objectsNew: 0, objectsSent: 0, bytesSent: 0, bytesSaved: 0, commits: 0 }
  const report = moves.length > 0 ? await push(session, repo.objects, there, moves, options) : none
  if (!options.dryRun) await remember(repo, remote, there, moves.filter(({ name }) => hasMoved(report, name)), upToDate)
  return { ...report, moves, upToDate }
}

/** Whether a push moved a ref. */
export function hasMoved(report: PushReport, name: string): boolean {
  return report.results.some((result) => result.name === name && result.code === '')
}

/** Refuses what would take commits of others away. */
async function checkMove(repo: Repo, remote: string, move: RefMove, options: PushRemoteOptions): Promise<RefMove> {
  const { name, before, after } = move
  if (before === undefined || after === undefined) return move
  const short = name.replace(/^refs\/(heads|tags)\//, '')
  const isBranch = name.startsWith('refs/heads/')
  if (options.force === 'with-lease') {
    const seen = isBranch ? await repo.refs.read(trackingName(remote, name)) : before
    if (seen === before) return move
    throw new DitsError('push-rejected', `'${short}' at '${remote}' is not where it was when you last fetched it`, {
      hint: `look at what came: dits fetch ${remote}, dits log ${remote}/${short}`,
    })
  }
  if (!isBranch) {
    throw new DitsError('push-rejected', `'${remote}' has another tag '${short}'`, { hint: 'delete it there first, or choose another name' })
  }
  const isHere = (await repo.objects.locate(before))?.kind === 'commit'
  if (isHere && (await isAncestor(repo.objects, before, after))) return move
  const replacing = isHere && (await wasRewritten(repo, before, after)) ? '; or, as you had them and rewrote them, replace them: dits push --force-with-lease' : ''
  const merging = await readLiveMerge(repo, (await readCurrentHead(repo)).id)
  throw new DitsError('push-rejected', `'${short}' at '${remote}' has commits that are not in yours`, {
    hint: merging ? `finish the ${merging.command} in progress first, with: ${howToFinish(merging)}; then push again` : `bring them in first: dits pull${replacing}`,
  })
}

/** Moves of branches in which a rewritten commit is looked for. */
const movesLookedAtMax = 50

/** Whether a branch that is at `now` had the commit `lost` before: it was amended, reset or rebased since. */
async function wasRewritten(repo: Repo, lost: Id, now: Id): Promise<boolean> {
  let left = movesLookedAtMax
  for await (const { refs } of repo.oplog.newestFirst()) {
    for (const { name, before } of refs) {
      if (!before || !name.startsWith('refs/heads/') || (await repo.refs.read(name)) !== now) continue
      if (await isAncestor(repo.objects, lost, before)) return true
      if (--left === 0) return false
    }
  }
  return false
}

/** The full name of what is to be deleted there. */
function findToDelete(there: RemoteRefs, remote: string, name: string): string {
  const names = name.startsWith('refs/') ? [name] : [`refs/heads/${name}`, `refs/tags/${name}`]
  const [found, other] = names.filter((candidate) => there.refs.has(candidate))
  if (found !== undefined && other !== undefined) {
    throw new DitsError('ambiguous-revision', `'${remote}' has a branch and a tag '${name}'`, { hint: `write which in full: ${found} or ${other}` })
  }
  if (found !== undefined) return found
  const kind = name.startsWith('refs/tags/') ? 'tag' : 'branch'
  const what = names.length > 1 ? 'branch or tag' : kind
  throw new DitsError(`unknown-${kind}`, `'${remote}' has no ${what} '${name.replace(/^refs\/(heads|tags)\//, '')}'`, { hint: 'there is nothing to delete; see what it has with: dits fetch --prune, dits branch -r' })
}

/** Brings `refs/remotes/…` to what the remote has now. */
async function remember(repo: Repo, remote: string, there: RemoteRefs, moved: readonly RefMove[], upToDate: readonly string[]): Promise<void> {
  const known = new Map<string, Id | undefined>()
  for (const { name, after } of moved) known.set(name, after)
  for (const name of upToDate) known.set(name, there.refs.get(name))
  await withLock(repo, async () => {
    for (const [name, after] of known) {
      if (!name.startsWith('refs/heads/')) continue
      const tracking = trackingName(remote, name)
      const before = await repo.refs.read(tracking)
      if (before !== after) await repo.refs.move(tracking, before, after)
    }
  })
}
