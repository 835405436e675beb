import { randomBytes } from 'node:crypto'
import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import { ObjectMarks } from '../reachable.ts'
import { holdsRepository, openStored } from '../repo.ts'
import { findRoots, type Root } from '../roots.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { deadAfterMs, movesUnderWay } from './announced-move.ts'
import { condemnedMax, gcRecordTime, readGcRecord, writeGcRecord, type GcRecord } from './gc-record.ts'
import { Rescue } from './rescue.ts'
import { copyMarked, markFormer, markRoots, planSweep, removeOrphans, removePack, reportSweep, type Collectable, type SweepPlan, type SweepReport } from './sweep.ts'

/** How a collection goes about it. */
export interface SharedGcOptions {
  /**
   * How long stays what nothing refers to: counted from when its pack was
   * written, and from when a collection last saw a ref that reached it. By the
   * clock of the store.
   */
  graceMs: number
  /** How long to wait for pushes that were about to move refs when packs were condemned. */
  patienceMs: number
  /** Resolves after so many milliseconds. */
  wait(ms: number): Promise<void>
}

const pauseMs = 200

/** What a collection works on, in a store without a working tree. */
export async function openCollectable(store: ByteStore, options: Pick<Collectable, 'newSessionName' | 'signal' | 'onMarked'>): Promise<Collectable> {
  return { ...options, ...(await openStored(store)) }
}

/** What a collection would do, as far as can be told without doing it. `nowMs` is the time by the clock of the store, as nearly as it is known. */
export async function previewShared(repo: Collectable, { graceMs, nowMs }: { graceMs: number; nowMs: number }): Promise<SweepReport> {
  const { marks } = await markRoots(repo, await rootsOf(repo))
  await markFormer(repo, tipsWithin((await readGcRecord(repo.store)).seen, { graceMs, nowMs }), marks)
  const plan = await planSweep(repo, marks, { graceMs, nowMs })
  const live = { objects: 0, bytes: 0, packs: plan.rewritten.length > 0 ? 1 : 0 }
  for (const { liveObjects, liveBytes } of plan.rewritten) {
    live.objects += liveObjects
    live.bytes += liveBytes
  }
  return reportSweep(plan, live)
}

/**
 * Removes what nothing refers to any more, and puts small packs together, in a
 * store that other processes write to meanwhile and in which refs move as
 * announced-move.ts says, which also has the reasons for the order:
 *
 * 1. Mark, and copy what stays of the packs that are to go to new packs. A
 *    crash leaves objects twice.
 * 2. Record which packs are condemned. A crash leaves that, and the next
 *    collection goes on with 3.
 * 3. Wait until every move that may not know of it is over.
 * 4. Mark what is reached now and was not, and copy that too.
 * 5. Remove the packs, each index first. A crash leaves some of them, and the
 *    record; the next collection goes on with 3.
 * 6. Record that nothing is condemned.
 *
 * Nothing that is condemned is ever pardoned: it is copied. Several
 * collections at once do no harm: the one that began last goes on, and the
 * others find that out when they want to record something. Throws
 * `transfer-running` where moves are not over in time, `repository-busy` where
 * another collection took over, and what reading a damaged repository throws.
 */
export async function collectShared(repo: Collectable, options: SharedGcOptions): Promise<SweepReport> {
  const run = await Run.begin(repo.store)
  try {
    if (run.condemned.length > 0) await removeCondemned(repo, run, { marks: new ObjectMarks(), marked: [] }, options)
    return await collect(repo, run, options)
  } catch (error) {
    // What another collection has removed meanwhile is no damage.
    await run.checkOwn(error)
    throw error
  }
}

async function collect(repo: Collectable, run: Run, options: SharedGcOptions): Promise<SweepReport> {
  await repo.objects.refresh()
  const roots = await rootsOf(repo)
  const grace = { graceMs: options.graceMs, nowMs: run.nowMs }
  const { marks } = await markRoots(repo, roots)
  const former = tipsWithin(run.seen, grace)
  await markFormer(repo, former, marks)
  const plan = limitPlan(await planSweep(repo, marks, grace))
  const kept = await copyMarked(repo, plan.rewritten, marks)
  const condemned = [...plan.removed, ...plan.rewritten].map(({ name }) => name)
  const tips = roots.filter(({ kind }) => kind === 'commit' || kind === 'tag').map(({ id }) => id)
  run.seen = new Map([...former.map((id) => [id, run.seen.get(id)!] as const), ...tips.map((id) => [id, run.nowMs] as const)])
  if (condemned.length > 0) {
    await run.record(condemned, tips)
    for (const name of condemned) marks.forget(name)
    await removeCondemned(repo, run, { marks, marked: roots }, options)
  } else await run.record([], [])
  // No writer waits so long between a pack and its index, whatever the grace is.
  await removeOrphans(repo, { graceMs: Math.max(options.graceMs, deadAfterMs), nowMs: run.nowMs })
  // For what this does with notices of the dead, also where nobody had to be waited for.
  await movesUnderWay(repo.store, run.nowMs)
  await repo.objects.packs.tidyLookups()
  return reportSweep(plan, kept)
}

/** Where refs were within the grace period. */
function tipsWithin(seen: ReadonlyMap<Id, number>, { graceMs, nowMs }: { graceMs: number; nowMs: number }): Id[] {
  return [...seen].filter(([, ms]) => nowMs - ms < graceMs).map(([id]) => id)
}

/** Everything that a repository refers to: nothing where there is none yet, only what a first push brought. */
async function rootsOf(repo: Collectable): Promise<Root[]> {
  return (await holdsRepository(repo.store, 'the repository')) ? findRoots(repo) : []
}

/** Leaves to the next collection what is too much for one record. */
function limitPlan({ packs, removed, rewritten }: SweepPlan): SweepPlan {
  const some = removed.slice(0, condemnedMax)
  return { packs, removed: some, rewritten: rewritten.slice(0, condemnedMax - some.length) }
}

/** What was marked before packs were condemned, without the marks in them; and from which roots. */
interface MarkedBefore {
  marks: ObjectMarks
  marked: readonly Root[]
}

/** Removes the condemned packs, once nobody can come to rely on them any more. */
async function removeCondemned(repo: Collectable, run: Run, before: MarkedBefore, options: SharedGcOptions): Promise<void> {
  await waitForMoves(repo, run, options)
  await repo.objects.refresh()
  const condemned = new Set(run.condemned)
  const known = new Set<Id>(before.marked.map(({ id }) => id))
  // The run before this one may still be removing the same packs; what it removes it has copied where that was needed.
  await repo.objects.packs.followingMoves(async () => {
    const { marks } = await markRoots(repo, (await rootsOf(repo)).filter(({ id }) => !known.has(id)), before.marks)
    await rescueMarked(repo, condemned, marks)
  })
  for (const name of condemned) {
    repo.signal?.throwIfAborted()
    await removePack(repo, name)
  }
  await repo.objects.packs.refresh()
  await run.record([], [])
}

/** Waits until the moves that were announced before now are over. */
async function waitForMoves(repo: Collectable, run: Run, options: SharedGcOptions): Promise<void> {
  const before = new Set(await movesUnderWay(repo.store, run.nowMs))
  for (let waitedMs = 0; before.size > 0; waitedMs += pauseMs) {
    repo.signal?.throwIfAborted()
    if (waitedMs >= options.patienceMs) {
      throw new DitsError('transfer-running', 'a push goes on that may need what is to be removed', {
        hint: 'nothing was removed; run it again later, and it goes on from here (a push that died counts for a day)',
      })
    }
    await options.wait(pauseMs)
    const now = new Set(await movesUnderWay(repo.store, run.nowMs))
    for (const key of before) if (!now.has(key)) before.delete(key)
  }
}

/** Copies what is marked in condemned packs. */
async function rescueMarked(repo: Collectable, condemned: ReadonlySet<string>, marks: ObjectMarks): Promise<void> {
  const rescue = new Rescue(repo, condemned)
  for (const pack of repo.objects.packs.names) {
    if (!condemned.has(pack)) continue
    const index = await repo.objects.packs.index(pack)
    for (let rank = 0; rank < index.count; rank++) {
      if (marks.has(pack, rank)) await rescue.need(index.id(rank), { ...index.row(rank), pack, rank, packObjects: index.count })
    }
  }
  await rescue.copyOut()
}

/** One run of a collection, and what it has recorded. */
class Run {
  /** When it began, by the clock of the store. */
  readonly nowMs: number
  condemned: readonly string[]
  seen: ReadonlyMap<Id, number>
  readonly #store: ByteStore
  readonly #name: string
  #version: string | undefined

  private constructor(store: ByteStore, name: string, { condemned, seen }: Pick<GcRecord, 'condemned' | 'seen'>, nowMs: number) {
    this.#store = store
    this.#name = name
    this.condemned = condemned
    this.seen = seen
    this.nowMs = nowMs
  }

  /** Takes over from whichever run was the last, with what that had condemned. */
  static async begin(store: ByteStore): Promise<Run> {
    const { version, ...before } = await readGcRecord(store)
    const name = randomBytes(12).toString('hex')
    if (!(await writeGcRecord(store, { ...before, run: name }, version))) throw tookOver()
    const run = new Run(store, name, before, (await gcRecordTime(store)) ?? 0)
    await run.checkOwn()
    return run
  }

  /** Replaces what is recorded. Throws `repository-busy` where another run took over. */
  async record(condemned: readonly string[], wholeTips: readonly Id[]): Promise<void> {
    const { seen } = this
    if (!(await writeGcRecord(this.#store, { run: this.#name, condemned, wholeTips, seen }, this.#version))) throw tookOver()
    this.condemned = condemned
    await this.checkOwn()
  }

  /** Throws `repository-busy` where another run took over; `cause` is what came of it. */
  async checkOwn(cause?: unknown): Promise<void> {
    const { run, version } = await readGcRecord(this.#store)
    if (run !== this.#name) throw tookOver(cause)
    this.#version = version
  }
}

function tookOver(cause?: unknown): DitsError {
  return new DitsError('repository-busy', 'another collection of garbage began meanwhile, and goes on', {
    hint: 'let one run at a time',
    ...(cause === undefined ? {} : { cause }),
  })
}
