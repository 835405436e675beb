import { decodeTag, DitsError, recordHeaderBytes, type Id, type ObjectKind, type PackedObjects } from '#core'
import { filterBytes, type IdFilter } from './bloom.ts'
import { Difference, type Needed } from './difference.ts'
import { bitAt } from './held.ts'
import type { RefMove } from './host.ts'
import { candidatesMax, filterBytesMax, repairsMax, requestsAhead, shortIdBytes, shortIdsPerMessageMax } from './limits.ts'
import { newCommits, parentsHere } from './new-commits.ts'
import { askForCheck } from './receive-records.ts'
import type { MoveResult, RemoteRefs, RemoteSession } from './remote-session.ts'
import type { ToSend } from './send-records.ts'

export interface PushOptions {
  /** Settles what would be sent, and sends nothing. */
  dryRun?: boolean
  signal?: AbortSignal | undefined
  onProgress?: (progress: { objects: number; bytes: number; bytesTotal: number }) => void
}

/** What a push did, or would do. Bytes are of records: what is stored, and 48 bytes for each object. */
export interface PushReport {
  results: MoveResult[]
  /** Objects that are new beside the remote's refs, and what of them was sent. */
  objectsNew: number
  objectsSent: number
  bytesSent: number
  /** Bytes of what the other side had already. */
  bytesSaved: number
  commits: number
}

/**
 * Brings what `moves` need to the other side, then moves its refs. First the
 * difference to the refs there, by skipping equal ids; then, a part of at most
 * `candidatesMax` objects at a time, which of it is there in spite of that,
 * asked by whichever costs fewer bytes, short ids or one filter; then the rest
 * is sent. What a false positive hid is named by the other side before any ref
 * moves, and sent then. Throws `object-missing` where something that is needed
 * is neither here nor there.
 */
export async function push(session: RemoteSession, objects: PackedObjects, remote: RemoteRefs, moves: readonly RefMove[], options: PushOptions = {}): Promise<PushReport> {
  await objects.packs.refresh()
  const work = new Push(session, objects, remote, options)
  await work.sendDifference(moves)
  if (!options.dryRun) work.report.results = await work.moveRefs(moves)
  return work.report
}

class Push {
  readonly report: PushReport = { results: [], objectsNew: 0, objectsSent: 0, bytesSent: 0, bytesSaved: 0, commits: 0 }
  readonly #session: RemoteSession
  readonly #objects: PackedObjects
  readonly #remote: RemoteRefs
  readonly #options: PushOptions
  #filter: IdFilter | undefined

  constructor(session: RemoteSession, objects: PackedObjects, remote: RemoteRefs, options: PushOptions) {
    this.#session = session
    this.#objects = objects
    this.#remote = remote
    this.#options = options
  }

  async sendDifference(moves: readonly RefMove[]): Promise<void> {
    let part: Needed[] = []
    for await (const needed of this.#difference(moves)) {
      part.push(needed)
      if (part.length < candidatesMax) continue
      await this.#settle(part)
      part = []
    }
    await this.#settle(part)
  }

  /** Moves refs, sending what the other side finds missing. */
  async moveRefs(moves: readonly RefMove[]): Promise<MoveResult[]> {
    let repaired = new Set<Id>()
    for (let tries = 0; tries <= repairsMax; tries++) {
      const answer = await this.#session.move(moves)
      if ('results' in answer) return answer.results
      if (answer.missing.length === 0 || answer.missing.some(({ id }) => repaired.has(id))) break
      const items: ToSend[] = []
      for (const { kind, id } of answer.missing) items.push({ id, located: await this.#locate(kind, id) })
      repaired = new Set(items.map(({ id }) => id))
      await this.#send(items)
    }
    throw new DitsError('push-incomplete', 'the other side keeps missing what it was sent', { hint: askForCheck })
  }

  /** What the new values need beside the refs of the other side. */
  async *#difference(moves: readonly RefMove[]): AsyncGenerator<Needed> {
    const { signal } = this.#options
    const difference = new Difference(this.#objects, { signal })
    const tips: Id[] = []
    for (const { after } of moves) if (after) yield* this.#tip(after, difference, tips)
    const walk = await newCommits(this.#objects, tips, [...this.#remote.refs.values()], signal)
    for await (const { id, commit } of walk.commits) {
      this.report.commits++
      yield* difference.ofObject('commit', id)
      yield* difference.ofTree(commit.tree, await parentsHere(this.#objects, commit))
    }
  }

  /** The tags on the way to a commit; the commit goes to `tips`. */
  async *#tip(id: Id, difference: Difference, tips: Id[]): AsyncGenerator<Needed> {
    let at = id
    while ((await this.#objects.locate(at))?.kind === 'tag') {
      yield* difference.ofObject('tag', at)
      at = decodeTag(await this.#objects.read('tag', at)).target
    }
    tips.push(at)
  }

  /** Sends of a part of the difference what the other side lacks. */
  async #settle(part: readonly Needed[]): Promise<void> {
    this.report.objectsNew += part.length
    const isHeld = await this.#whichAreHeld(part)
    const items: ToSend[] = []
    for (const [i, { kind, id, located }] of part.entries()) {
      if (isHeld(i)) this.report.bytesSaved += located ? located.stored + recordHeaderBytes : 0
      else items.push({ id, located: located ?? (await this.#locate(kind, id)) })
    }
    if (items.length > 0) await this.#send(items)
  }

  async #whichAreHeld(part: readonly Needed[]): Promise<(i: number) => boolean> {
    if (this.#remote.objects === 0 || part.length === 0) return () => false
    const ids = part.map(({ id }) => id)
    if (!this.#filter && filterBytes(this.#remote.objects) >= Math.min(listBytes(ids.length), filterBytesMax)) return this.#askHeld(ids)
    const filter = (this.#filter ??= await this.#session.filter())
    const maybe = ids.map((id) => filter.mayHave(Buffer.from(id, 'hex')))
    const asked = ids.filter((_, i) => maybe[i])
    // Where much is new, what the filter claims is few, and mostly wrong: asking costs less than repairing.
    if (asked.length === 0 || asked.length > ids.length * confirmedShareMax) return (i) => maybe[i]!
    const isHeld = await this.#askHeld(asked)
    const held = new Set(asked.filter((_, i) => isHeld(i)))
    return (i) => held.has(ids[i]!)
  }

  async #askHeld(ids: readonly Id[]): Promise<(i: number) => boolean> {
    const answers: Uint8Array[] = []
    const questions: number[] = []
    for (let at = 0; at < ids.length || questions.length > 0; ) {
      if (at < ids.length && questions.length < requestsAhead) {
        const some = ids.slice(at, at + shortIdsPerMessageMax)
        await this.#session.askHeld(some)
        questions.push(some.length)
        at += some.length
      } else answers.push(await this.#session.receiveHeld(questions.shift()!))
    }
    return (i) => bitAt(answers[Math.floor(i / shortIdsPerMessageMax)]!, i % shortIdsPerMessageMax)
  }

  async #send(items: ToSend[]): Promise<void> {
    const total = items.reduce((sum, { located }) => sum + located.stored + recordHeaderBytes, 0)
    this.report.objectsSent += items.length
    if (this.#options.dryRun) {
      this.report.bytesSent += total
      return
    }
    const before = this.report.bytesSent
    let sent = 0
    await this.#session.store(this.#objects, items, (bytes) => {
      sent += bytes
      this.#options.signal?.throwIfAborted()
      this.#options.onProgress?.({ objects: this.report.objectsSent, bytes: before + sent, bytesTotal: before + total })
    })
    this.report.bytesSent = before + sent
  }

  async #locate(kind: ObjectKind, id: Id) {
    const located = await this.#objects.locate(id)
    if (located) return located
    throw new DitsError('object-missing', `${kind} '${id}' is neither here nor at the other side`, {
      hint: 'bring it from the remote that it was left behind at: dits hydrate',
    })
  }
}

/** What a filter claims is confirmed by short ids where it is not more than this part of what was looked for. */
const confirmedShareMax = 0.25

/** Bytes of a question by short ids, and of its answer. */
function listBytes(ids: number): number {
  return ids * (shortIdBytes + 1 / 8)
}
