import { decodeTag, DitsError, salvagePacks, type ByteStore, type Id, type PackedObjects } from '#core'
import { Difference, type DifferenceOptions } from './difference.ts'
import { havesMax, idsPerMessageMax, requestsAhead, tagDepthMax } from './limits.ts'
import { violation } from './frames.ts'
import { commitsHere, newCommits, parentsHere } from './new-commits.ts'
import { askForCheck, RecordReceiver } from './receive-records.ts'
import type { RemoteSession } from './remote-session.ts'

/** What a fetch brings, with all that it needs. What may be a tag is looked at first, which costs a round. */
export interface FetchWants {
  commits: readonly Id[]
  tags?: readonly Id[]
}

/** Where a fetch brings objects. */
export interface FetchTarget {
  store: ByteStore
  objects: PackedObjects
  newSessionName(): string
}

export interface FetchOptions {
  /** Which files' content is brought; that of every file where it is absent. 'none' costs less than a function that says no. */
  wantsContent?: DifferenceOptions['wantsContent']
  /** Commits from the wanted ones on, the wanted counted; all where it is absent. */
  depth?: number | undefined
  /** Commits that are here with everything they reach, whose history is not asked for. */
  haves: readonly Id[]
  signal?: AbortSignal | undefined
  onProgress?: (progress: { objects: number; bytes: number }) => void
}

export interface FetchReport {
  objects: number
  /** Bytes of records that came. */
  bytes: number
  /** Commits whose parents were left behind. */
  shallow: Id[]
}

/** Rounds of asking for what is missing before a fetch gives up: as deep as trees and lists may nest, and some. */
const passesMax = 2048
/** Objects after which the rest is looked for anew, so that what was asked for need not be remembered. */
const askedMax = 500_000

/**
 * Brings some commits or tags with all that they need. First their history and
 * trees, which the other side finds by what this side has; then, until nothing
 * is missing, whatever is found to be: after a transfer that broke off, that is
 * all there is to do. Nothing refers to the objects yet when this resolves, and
 * all of them are durable. Throws `content-unavailable` where the other side
 * has not what it should have, and what the session throws; what arrived stays.
 */
export async function fetchCommits(session: RemoteSession, target: FetchTarget, wants: FetchWants, options: FetchOptions): Promise<FetchReport> {
  const receiver = new RecordReceiver(target.store, target.objects, target.newSessionName())
  const work = new Fetch(session, target.objects, receiver, options)
  await target.objects.packs.refresh()
  // What a fetch had brought when it was killed.
  await salvagePacks(target.store, target.objects, () => target.newSessionName())
  try {
    await work.run(wants)
  } finally {
    // Also where the rest never came: the next fetch goes on from here.
    await receiver.finish()
  }
  return { objects: receiver.counts.objects, bytes: receiver.counts.bytes, shallow: work.boundary }
}

/** Brings single objects, a few requests ahead. Answers those that the other side lacks. */
export async function fetchObjects(session: RemoteSession, target: FetchTarget, ids: readonly Id[], onBytes?: (bytes: number) => void): Promise<Id[]> {
  const receiver = new RecordReceiver(target.store, target.objects, target.newSessionName())
  try {
    return (await askAll(session, receiver, ids, onBytes)).absent
  } finally {
    await receiver.finish()
  }
}

class Fetch {
  boundary: Id[] = []
  readonly #session: RemoteSession
  readonly #objects: PackedObjects
  readonly #receiver: RecordReceiver
  readonly #options: FetchOptions
  /** Commits that came as what a tag names, without what they come from. */
  readonly #cameAlone = new Set<Id>()
  #asked = ''
  #askedWithout = false

  constructor(session: RemoteSession, objects: PackedObjects, receiver: RecordReceiver, options: FetchOptions) {
    this.#session = session
    this.#objects = objects
    this.#receiver = receiver
    this.#options = options
  }

  async run(wants: FetchWants): Promise<void> {
    const commits = [...wants.commits, ...(await this.#peelTags(wants.tags ?? []))]
    for (let pass = 0; pass < passesMax; pass++) {
      const missing = await this.#missingCommits(commits)
      if (missing.length > 0) await this.#askHistory(missing)
      else if (!(await this.#bringMissing(commits))) return
      await this.#receiver.finish()
    }
    throw new DitsError('content-unavailable', 'the other side never sends all that its commits need', { hint: askForCheck })
  }

  /** The commits that tags lead to; those that are objects of their own are brought. */
  async #peelTags(wants: readonly Id[]): Promise<Id[]> {
    const commits: Id[] = []
    let open = [...new Set(wants)]
    for (let depth = 0; open.length > 0; depth++) {
      if (depth > tagDepthMax) throw violation('tags that name tags without end')
      const absent: Id[] = []
      for (const id of open) if (!(await this.#objects.has(id))) absent.push(id)
      refuseAbsent(await askAll(this.#session, this.#receiver, absent, () => this.#count()))
      await this.#receiver.finish()
      const next: Id[] = []
      for (const id of open) {
        const kind = (await this.#objects.locate(id))?.kind
        if (kind === 'tag') next.push(decodeTag(await this.#objects.read('tag', id)).target)
        else commits.push(id)
        if (kind === 'commit' && absent.includes(id)) this.#cameAlone.add(id)
      }
      open = [...new Set(next)]
    }
    return commits
  }

  /** What the wanted commits come from and is not here. A commit whose parents were left behind on purpose lacks none. */
  async #missingCommits(commits: readonly Id[]): Promise<Id[]> {
    const { haves, signal } = this.#options
    const walk = await newCommits(this.#objects, commits, haves, signal)
    const leftBehind = new Set(this.boundary)
    const wanted = new Set<Id>()
    for await (const { id, commit } of walk.commits) {
      if (leftBehind.has(id)) continue
      // Asked for itself, so that the commits to be left behind are counted from this one, not from its parents.
      if (this.#options.depth !== undefined && this.#cameAlone.delete(id)) {
        wanted.add(id)
        continue
      }
      for (const parent of commit.parents) if (!(await this.#objects.has(parent))) wanted.add(parent)
    }
    for (const id of commits) if (walk.missing.has(id)) wanted.add(id)
    return [...wanted]
  }

  async #askHistory(wants: readonly Id[]): Promise<void> {
    const question = [...wants].sort().join()
    const isAgain = question === this.#asked
    if (isAgain && this.#askedWithout) throw new DitsError('content-unavailable', `the other side does not send commit '${wants[0]}'`, { hint: askForCheck })
    // Where the answer did not bring what was asked for, what was said to be here is less whole than thought: then without it.
    const haves = isAgain ? [] : this.#options.haves.slice(0, havesMax)
    this.#asked = question
    this.#askedWithout = haves.length === 0
    const { depth, wantsContent } = this.#options
    const request = { wants: wants.slice(0, idsPerMessageMax), haves, depth: depth ?? 0, content: !wantsContent }
    const boundary = await this.#session.history(request, this.#receiver, () => this.#count())
    await this.#receiver.finish()
    if ((await commitsHere(this.#objects, boundary)).length < boundary.length) throw violation('a boundary of what are no commits, or were not sent')
    this.boundary.push(...boundary)
  }

  /** Asks for what is found to be missing now; answers whether there was any. */
  async #bringMissing(commits: readonly Id[]): Promise<boolean> {
    const asking = new Asking(this.#session, this.#receiver, () => this.#count())
    for await (const id of this.#missingObjects(commits)) {
      await asking.ask(id)
      refuseAbsent(asking)
      if (asking.asked >= askedMax) break
    }
    await asking.finish()
    refuseAbsent(asking)
    return asking.asked > 0
  }

  async *#missingObjects(commits: readonly Id[]): AsyncGenerator<Id> {
    const { haves, signal, wantsContent } = this.#options
    const walk = await newCommits(this.#objects, commits, haves, signal)
    const difference = new Difference(this.#objects, { signal, wantsContent })
    for await (const { commit } of walk.commits) {
      for await (const { id, located } of difference.ofTree(commit.tree, await parentsHere(this.#objects, commit))) {
        if (!located) yield id
      }
    }
  }

  #count(): void {
    this.#options.signal?.throwIfAborted()
    const { objects, bytes } = this.#receiver.counts
    this.#options.onProgress?.({ objects, bytes })
  }
}

/** Questions for objects that are sent while earlier ones are answered. */
class Asking {
  asked = 0
  /** What the other side answered that it has not. */
  readonly absent: Id[] = []
  readonly #session: RemoteSession
  readonly #receiver: RecordReceiver
  readonly #onBytes: ((bytes: number) => void) | undefined
  #batch: Id[] = []
  /** What was asked for and not answered yet, by question. */
  readonly #open: Id[][] = []

  constructor(session: RemoteSession, receiver: RecordReceiver, onBytes?: (bytes: number) => void) {
    this.#session = session
    this.#receiver = receiver
    this.#onBytes = onBytes
  }

  async ask(id: Id): Promise<void> {
    this.#batch.push(id)
    this.asked++
    if (this.#batch.length >= idsPerMessageMax) await this.#send()
  }

  async finish(): Promise<void> {
    if (this.#batch.length > 0) await this.#send()
    while (this.#open.length > 0) await this.#receive()
  }

  async #send(): Promise<void> {
    while (this.#open.length >= requestsAhead) await this.#receive()
    const ids = [...new Set(this.#batch)]
    this.#batch = []
    await this.#session.askObjects(ids)
    this.#open.push(ids)
  }

  async #receive(): Promise<void> {
    this.absent.push(...(await this.#session.receiveObjects(this.#open.shift()!, this.#receiver, this.#onBytes)))
  }
}

/** Throws `content-unavailable` where the other side lacks something. */
function refuseAbsent({ absent }: Asking): void {
  if (absent.length === 0) return
  throw new DitsError('content-unavailable', `the other side has not '${absent[0]}' either${absent.length > 1 ? `, nor ${absent.length - 1} more` : ''}`, {
    hint: 'where it is a partial clone itself, use the remote that it came from',
  })
}

async function askAll(session: RemoteSession, receiver: RecordReceiver, ids: readonly Id[], onBytes?: (bytes: number) => void): Promise<Asking> {
  const asking = new Asking(session, receiver, onBytes)
  for (const id of ids) await asking.ask(id)
  await asking.finish()
  return asking
}
