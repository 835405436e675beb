import { changeShallow, decodeCommit, DitsError, isAncestor, newSessionName, readCommit, trackingName, withLock, withTransfer, type Id, type Repo } from '#core'
import { fetchCommits, type FetchOptions, type FetchReport, type FetchTarget } from './fetch.ts'
import { havesMax } from './limits.ts'
import { reachedTags } from './reached-tags.ts'
import type { RemoteRefs, RemoteSession } from './remote-session.ts'

export interface FetchRemoteOptions {
  /**
   * Branches there, by their full names; 'head' is the one that a clone starts
   * on. Where it is absent: all, or, where history was left behind, those that
   * were fetched before.
   */
  branches?: readonly string[] | 'head' | undefined
  /** What is meant by a word, a branch there and then a tag, by their full names: without either, nothing is to be fetched at all. */
  needed?: readonly [branch: string, tag: string] | undefined
  /**
   * Which tags: 'reached' are those that lead to a commit which the branches
   * bring. Where it is absent: all, or, where history is left behind, those.
   */
  tags?: 'all' | 'reached' | 'none' | undefined
  /** Forget branches that are gone there. */
  prune: boolean
  /** Commits of each branch, counted from its newest; the history before them is left behind. All where it is absent. */
  depth?: number | undefined
  /** How much of the history that was left behind earlier is brought now: so many commits, or all of it. */
  deepen?: number | 'all' | undefined
  wantsContent?: FetchOptions['wantsContent']
  onProgress?: (progress: { objects: number; bytes: number }) => void
}

/** How a ref of this repository was brought to what it is at the remote. */
export interface FetchedRef {
  /** Its name here, and there. */
  name: string
  remoteName: string
  before: Id | undefined
  after: Id | undefined
  outcome: 'new' | 'forward' | 'forced' | 'same' | 'deleted' | 'kept'
}

export interface FetchRemoteReport extends FetchReport {
  refs: FetchedRef[]
  headBranch: string
}

/** What refs a session is asked for with its greeting, for a fetch or a push. */
export const syncedPrefixes: readonly string[] = ['refs/heads/', 'refs/tags/']

/**
 * Brings a remote's branches and tags: their objects, then the refs under
 * `refs/remotes/NAME/` and `refs/tags/`, which say how it is there and so are
 * nothing that undo could take back. A tag that is something else here is kept.
 * Working goes on meanwhile. The session was asked for `syncedPrefixes` with
 * its greeting. Throws `unknown-repository`, `unknown-branch`,
 * `transfer-running`, and what `fetchCommits` throws.
 */
export async function fetchRemote(repo: Repo, session: RemoteSession, remote: string, options: FetchRemoteOptions): Promise<FetchRemoteReport> {
  if (session.isNew) throw unknownRepository(session.repository)
  return withTransfer(repo, async () => {
    await repo.objects.refresh()
    const there = await session.refs()
    const isPart = options.depth !== undefined || (repo.objects.shallow.size > 0 && options.deepen !== 'all')
    if (options.needed && !there.refs.has(options.needed[1])) requireBranch(there, remote, options.needed[0])
    const tags = options.tags ?? (isPart ? 'reached' : 'all')
    const branches = chooseBranches(there, remote, options.branches ?? (isPart ? await trackedBranches(repo, remote, there) : undefined))
    const chosen = tags === 'all' ? [...branches, ...chooseTags(there)] : branches
    const target = { store: repo.store, objects: repo.objects, newSessionName: () => newSessionName(repo) }
    const wants = { commits: chosen.filter(isBranch).map(({ id }) => id), tags: chosen.filter((ref) => !isBranch(ref)).map(({ id }) => id) }
    const common = { wantsContent: options.wantsContent, signal: repo.env.signal, ...(options.onProgress && { onProgress: options.onProgress }) }
    if (options.deepen !== undefined) await deepen(repo, session, target, options.deepen, common)
    const report = await fetchCommits(session, target, wants, { ...common, haves: await knownCommits(repo, remote), depth: options.depth })
    // Before any ref names them.
    if (report.shallow.length > 0) await changeShallow(repo.store, { add: report.shallow })
    await repo.objects.refresh()
    if (tags === 'reached') chosen.push(...(await chooseReachedTags(repo, session, target, there, wants.commits)))
    const refs = await withLock(repo, () => moveTrackingRefs(repo, remote, there, chosen, options))
    return { ...report, refs, headBranch: there.headBranch }
  })
}

/** To whoever may make it by a push; to all others what is not there is what they may not read. */
function unknownRepository(name: string): DitsError {
  return new DitsError('unknown-repository', `the server has no repository '${name}'`, { hint: 'check its name; if it is to be made, push to it' })
}

/** Brings what came before the commits whose parents were left behind; then they are shallow no more, and perhaps older ones are. */
async function deepen(repo: Repo, session: RemoteSession, target: FetchTarget, by: number | 'all', common: Omit<FetchOptions, 'haves'>): Promise<void> {
  const shallow = [...repo.objects.shallow]
  const parents = new Set<Id>()
  for (const id of shallow) {
    for (const parent of decodeCommit(await repo.objects.read('commit', id)).parents) parents.add(parent)
  }
  const { shallow: older } = await fetchCommits(session, target, { commits: [...parents] }, { ...common, haves: [], ...(by !== 'all' && { depth: by }) })
  await changeShallow(repo.store, { add: older, remove: shallow })
  await repo.objects.refresh()
}

interface ChosenRef {
  remoteName: string
  name: string
  id: Id
}

function isBranch({ remoteName }: ChosenRef): boolean {
  return remoteName.startsWith('refs/heads/')
}

function chooseBranches(there: RemoteRefs, remote: string, named: FetchRemoteOptions['branches']): ChosenRef[] {
  const wanted = named !== 'head' ? named : there.refs.has(there.headBranch) ? [there.headBranch] : undefined
  const names = branchNames(there)
  for (const branch of wanted ?? []) requireBranch(there, remote, branch)
  return names.filter((name) => !wanted || wanted.includes(name)).map((name) => ({ remoteName: name, name: trackingName(remote, name), id: there.refs.get(name)! }))
}

function requireBranch(there: RemoteRefs, remote: string, branch: string): void {
  if (there.refs.has(branch)) return
  const names = branchNames(there)
  throw new DitsError('unknown-branch', `'${remote}' has no branch '${branch.slice('refs/heads/'.length)}'`, {
    hint: names.length > 0 ? `its branches are: ${names.slice(0, 20).map((name) => name.slice('refs/heads/'.length)).join(', ')}` : 'it has no branches yet',
  })
}

function branchNames(there: RemoteRefs): string[] {
  return [...there.refs.keys()].filter((name) => name.startsWith('refs/heads/'))
}

/** The branches of a remote that were fetched before and are there still; `undefined`, for all, where none was. */
async function trackedBranches(repo: Repo, remote: string, there: RemoteRefs): Promise<string[] | undefined> {
  const prefix = `refs/remotes/${remote}/`
  const names: string[] = []
  for await (const { name } of repo.refs.list(prefix)) names.push(`refs/heads/${name.slice(prefix.length)}`)
  return names.length === 0 ? undefined : names.filter((name) => there.refs.has(name))
}

function chooseTags(there: RemoteRefs): ChosenRef[] {
  return [...there.refs].filter(([name]) => name.startsWith('refs/tags/')).map(([name, id]) => ({ remoteName: name, name, id }))
}

/** The tags that are here already, and those that lead to commits which are here now below `tips`. */
async function chooseReachedTags(repo: Repo, session: RemoteSession, target: FetchTarget, there: RemoteRefs, tips: readonly Id[]): Promise<ChosenRef[]> {
  const known: ChosenRef[] = []
  const unknown: ChosenRef[] = []
  for (const tag of chooseTags(there)) ((await repo.refs.read(tag.name)) ? known : unknown).push(tag)
  const reached = await reachedTags(session, target, unknown.map(({ id }) => id), tips)
  return [...known, ...unknown.filter(({ id }) => reached.has(id))]
}

/** Commits that are here whole, those that the other side most likely knows first. */
async function knownCommits(repo: Repo, remote: string): Promise<Id[]> {
  const first = new Set<Id>()
  const others = new Set<Id>()
  for await (const { name, id } of repo.refs.list('refs/')) (name.startsWith(`refs/remotes/${remote}/`) ? first : others).add(id)
  for (const id of [...first]) for await (const older of someAncestors(repo, id)) others.add(older)
  return [...first, ...others].slice(0, havesMax)
}

/** First parents, ever further apart: where the newest were taken back over there, an older one is known still. */
async function* someAncestors(repo: Repo, tip: Id): AsyncGenerator<Id> {
  let id = tip
  for (let step = 1, next = 1; step <= 256; step++) {
    if ((await repo.objects.locate(id))?.kind !== 'commit') return
    const parent = (await readCommit(repo.objects, id)).parents[0]
    if (!parent || !(await repo.objects.has(parent))) return
    id = parent
    if (step < next) continue
    yield id
    next *= 2
  }
}

async function moveTrackingRefs(repo: Repo, remote: string, there: RemoteRefs, chosen: readonly ChosenRef[], options: FetchRemoteOptions): Promise<FetchedRef[]> {
  const gone = await goneRefs(repo, remote, there)
  // A branch that is gone there makes room, before it is taken, for one in a folder of its name, or of whose folder it has the name.
  const fetched = options.prune ? gone : gone.filter(({ name }) => chosen.some((ref) => ref.name.startsWith(`${name}/`) || name.startsWith(`${ref.name}/`)))
  for (const { name, remoteName, id } of chosen) fetched.push(await compareRef(repo, name, remoteName, id))
  for (const { name, before, after, outcome } of fetched) if (outcome !== 'same' && outcome !== 'kept') await repo.refs.move(name, before, after)
  return fetched
}

async function compareRef(repo: Repo, name: string, remoteName: string, after: Id): Promise<FetchedRef> {
  const before = await repo.refs.read(name)
  const outcome = before === undefined ? 'new' : before === after ? 'same' : await outcomeOfMove(repo, name, before, after)
  return { name, remoteName, before, after, outcome }
}

async function outcomeOfMove(repo: Repo, name: string, before: Id, after: Id): Promise<'forward' | 'forced' | 'kept'> {
  if (name.startsWith('refs/tags/')) return 'kept'
  return (await isAncestor(repo.objects, before, after)) ? 'forward' : 'forced'
}

async function goneRefs(repo: Repo, remote: string, there: RemoteRefs): Promise<FetchedRef[]> {
  const gone: FetchedRef[] = []
  const prefix = `refs/remotes/${remote}/`
  for await (const { name, id } of repo.refs.list(prefix)) {
    const remoteName = `refs/heads/${name.slice(prefix.length)}`
    if (!there.refs.has(remoteName)) gone.push({ name, remoteName, before: id, after: undefined, outcome: 'deleted' })
  }
  return gone
}

