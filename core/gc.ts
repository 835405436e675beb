import { DitsError } from './errors.ts'
import { isPartial } from './ghosts/partial.ts'
import { idToBytes, type Id } from './objects/id.ts'
import { recordHeaderBytes } from './pack/pack-format.ts'
import { indexKey, packKey, PackWriter } from './pack/pack-writer.ts'
import { sessionPackRecordsMax } from './pack/known-table.ts'
import { openRecord } from './pack/packed-objects.ts'
import type { Located } from './pack/pack-set.ts'
import { markReachable, ObjectMarks } from './reachable.ts'
import { newSessionName, withLock, type Repo } from './repo.ts'
import { findRoots } from './roots.ts'
import { withTransfer } from './transfer-lock.ts'

/** What a collection did. */
export interface GcReport {
  packsBefore: number
  packsAfter: number
  objectsRemoved: number
  bytesBefore: number
  bytesAfter: number
  /** Operations forgotten, so that they cannot be undone any more. */
  operationsPruned: number
  /** What stays only so that operations can be undone: objects, and bytes as stored. */
  keptForUndo: { objects: number; bytes: number }
}

export interface GcOptions {
  /** What nothing refers to stays this long, counted from when its pack was written. */
  graceMs: number
  /** Operations younger than this can still be undone, and keep what they refer to. */
  undoMs: number
}

const dayMs = 24 * 60 * 60 * 1000
/** Packs under this size are put together when there are several. */
const smallPackBytes = 16 * 1024 * 1024
const smallPacksMax = 8
/** A pack is rewritten when at least this share of it is garbage. */
const garbageShareMin = 0.25

/**
 * Removes what nothing refers to any more and puts small packs together.
 *
 * It runs under the repository's locks, so no other command and no transfer is
 * between storing an object and referring to it. Throws `transfer-running`, and
 * `repository-busy`. Order: the objects that stay are durable in
 * new packs before an old pack goes, and a pack's index goes before the pack,
 * so that a crash leaves objects twice or a pack without an index, never a
 * reference to what is not there.
 */
export async function collectGarbage(repo: Repo, options: GcOptions): Promise<GcReport> {
  // The transfer's lock first, as everybody takes them who takes both.
  return withTransfer(repo, () => withLock(repo, () => collect(repo, options)))
}

async function collect(repo: Repo, options: GcOptions): Promise<GcReport> {
  const operationsPruned = await repo.oplog.prune({ count: 1, sinceMs: repo.env.now() - options.undoMs })
  await repo.objects.packs.refresh()
  const { marks, keptForUndo } = await markAll(repo)
  const packs = await weighPacks(repo, marks, options)
  const plan = planSweep(packs)
  const kept = await copyMarked(repo, plan.rewritten, marks)
  for (const pack of [...plan.removed, ...plan.rewritten]) await removePack(repo, pack.name)
  // Nobody else writes while the lock is held, so without a grace period what interrupted commands left goes at once;
  // but for a partial repository, into which whoever reads brings content without a lock: a pack may be about to get its index.
  const unfinishedGraceMs = isPartial(repo) ? Math.max(options.graceMs, dayMs) : options.graceMs
  await removeOrphans(repo, { ...options, graceMs: unfinishedGraceMs })
  await repo.store.sweepTemporary(repo.env.now() + Math.max(0, dayMs - unfinishedGraceMs))
  await repo.objects.packs.refresh()
  await repo.objects.packs.tidyLookups()
  const sum = (list: WeighedPack[]) => list.reduce((total, pack) => total + pack.bytes, 0)
  return {
    packsBefore: packs.length,
    packsAfter: repo.objects.packs.names.length,
    objectsRemoved: plan.removed.reduce((n, pack) => n + pack.objects, 0) + plan.rewritten.reduce((n, pack) => n + pack.objects, 0) - kept.objects,
    bytesBefore: sum(packs),
    bytesAfter: sum(packs) - sum(plan.removed) - sum(plan.rewritten) + kept.bytes,
    operationsPruned,
    keptForUndo,
  }
}

/** Marks what names reach, and then what only the operation log does. */
async function markAll(repo: Repo): Promise<{ marks: ObjectMarks; keptForUndo: GcReport['keptForUndo'] }> {
  const marks = new ObjectMarks()
  const keptForUndo = { objects: 0, bytes: 0 }
  const roots = await findRoots(repo)
  const { signal } = repo.env
  const onGhost = isPartial(repo) ? () => {} : undefined
  let named = 0
  await markReachable(repo.objects, roots.filter((root) => !root.undoOnly), {
    signal,
    marks,
    onGhost,
    onObject: (objects) => repo.env.onProgress?.({ task: 'marking', bytes: 0, files: (named = objects) }),
  })
  await markReachable(repo.objects, roots.filter((root) => root.undoOnly), {
    signal,
    marks,
    onGhost,
    onObject: (objects, { stored }) => {
      keptForUndo.objects = objects
      keptForUndo.bytes += recordHeaderBytes + stored
      repo.env.onProgress?.({ task: 'marking', bytes: 0, files: named + objects })
    },
  })
  return { marks, keptForUndo }
}

/** A pack of which a part is to be copied; `objects` is how many it has. */
export interface PackToCopy {
  name: string
  objects: number
}

interface WeighedPack extends PackToCopy {
  bytes: number
  liveObjects: number
  liveBytes: number
  /** Within the grace period: everything in it counts as live. */
  young: boolean
  /** True where something in it is not referred to. */
  hasGarbage: boolean
}

async function weighPacks(repo: Repo, marks: ObjectMarks, options: GcOptions): Promise<WeighedPack[]> {
  const weighed: WeighedPack[] = []
  for (const name of repo.objects.packs.names) {
    const stat = await repo.store.stat(packKey(name))
    if (!stat) throw new DitsError('pack-missing', `pack '${name}' is missing`, { hint: 'run: dits fsck' })
    const young = isYoung(repo, stat, options)
    const index = await repo.objects.packs.index(name)
    const pack = { name, bytes: stat.size, objects: index.count, liveObjects: 0, liveBytes: 0, young, hasGarbage: false }
    for (let rank = 0; rank < index.count; rank++) {
      const isMarked = marks.has(name, rank)
      pack.hasGarbage ||= !isMarked
      if (!young && !isMarked) {
        await checkOtherCopy(repo, marks, { pack: name, id: index.id(rank) })
        continue
      }
      pack.liveObjects++
      pack.liveBytes += recordHeaderBytes + index.row(rank).stored
    }
    weighed.push(pack)
  }
  return weighed
}

/** Within the grace period. Without one nothing is, whatever the clocks say. */
function isYoung(repo: Repo, { modifiedMs }: { modifiedMs: number }, { graceMs }: GcOptions): boolean {
  return graceMs > 0 && repo.env.now() - modifiedMs < graceMs
}

/**
 * An object may lie in two packs, of which one copy was marked. The other goes
 * only when the marked one has been read and is sound: it may be the copy that
 * still can be. Throws `object-damaged`.
 */
async function checkOtherCopy(repo: Repo, marks: ObjectMarks, copy: { pack: string; id: Id }): Promise<void> {
  for (const other of await repo.objects.packs.locateAll(copy.id)) {
    if (other.pack !== copy.pack && marks.has(other.pack, other.rank)) await readRecord(repo, other, idToBytes(copy.id))
  }
}

/**
 * A young pack with garbage in it stays as it is: in a new pack its garbage
 * would be young again, and put together often enough it would never go.
 */
function planSweep(packs: WeighedPack[]): { removed: WeighedPack[]; rewritten: WeighedPack[] } {
  const removed = packs.filter((pack) => pack.liveObjects === 0)
  const live = packs.filter((pack) => pack.liveObjects > 0)
  const wasteful = live.filter((pack) => !pack.young && pack.bytes - pack.liveBytes > pack.bytes * garbageShareMin)
  const small = live.filter((pack) => pack.liveBytes < smallPackBytes && !(pack.young && pack.hasGarbage) && !wasteful.includes(pack))
  return { removed, rewritten: small.length > smallPacksMax ? [...wasteful, ...small] : wasteful }
}

/** Copies the marked records of packs to new packs, each verified on the way; durable when it resolves. */
export async function copyMarked(repo: Repo, packs: readonly PackToCopy[], marks: ObjectMarks): Promise<{ objects: number; bytes: number }> {
  let number = 0
  const kept = { objects: 0, bytes: 0 }
  const session = newSessionName(repo)
  const writer = new PackWriter(repo.store, { nextName: () => `${session}-${number++}`, recordsMax: sessionPackRecordsMax })
  const repeated = await findRepeatedPrefixes(repo, packs, marks)
  const written = new Set<Id>()
  for (const { name } of packs) {
    const index = await repo.objects.packs.index(name)
    for (const rank of index.ranksByOffset()) {
      if (!marks.has(name, rank)) continue
      repo.env.signal?.throwIfAborted()
      if (repeated.has(index.prefix(rank))) {
        const id = index.id(rank)
        if (written.has(id)) continue
        written.add(id)
      }
      const row = index.row(rank)
      const record = await readRecord(repo, { ...row, pack: name }, index.idBytes(rank))
      const codec = record[1] as 0 | 1
      writer.append({ kind: row.kind, codec, raw: row.raw, id: index.idBytes(rank), payload: record.subarray(recordHeaderBytes) })
      kept.objects++
      kept.bytes += record.length
      await writer.ready()
    }
  }
  await writer.finish()
  return kept
}

/**
 * Both copies of an object may be marked, of which one is enough. The first
 * four bytes of an id tell, at four bytes an object, which few ids have to be
 * remembered whole.
 */
async function findRepeatedPrefixes(repo: Repo, packs: readonly PackToCopy[], marks: ObjectMarks): Promise<Set<number>> {
  const prefixes = new Uint32Array(packs.reduce((sum, pack) => sum + pack.objects, 0))
  let count = 0
  for (const { name } of packs) {
    const index = await repo.objects.packs.index(name)
    for (let rank = 0; rank < index.count; rank++) if (marks.has(name, rank)) prefixes[count++] = index.prefix(rank)
  }
  const sorted = prefixes.subarray(0, count).sort()
  return new Set(sorted.filter((prefix, i) => prefix === sorted[i + 1]))
}

/** A record, verified. Throws `object-damaged`. */
async function readRecord(repo: Repo, place: Pick<Located, 'pack' | 'offset' | 'stored' | 'kind'>, id: Uint8Array): Promise<Uint8Array> {
  const record = await repo.objects.readPack(place.pack, { offset: place.offset, length: recordHeaderBytes + place.stored })
  openRecord(record, place, place.kind, id)
  return record
}

/** Removes a pack of which everything that is to stay lies elsewhere: the index first, so that a crash leaves a pack that is none yet. */
export async function removePack(repo: Repo, name: string): Promise<void> {
  await repo.store.delete(indexKey(name))
  await repo.store.delete(packKey(name))
}

/** Packs whose writer died before their index was written. */
async function removeOrphans(repo: Repo, options: GcOptions): Promise<void> {
  const orphans: string[] = []
  const indexed = new Set<string>()
  for await (const key of repo.store.list('packs/')) {
    if (key.endsWith('.idx')) indexed.add(key.slice(0, -'.idx'.length))
    if (key.endsWith('.pack')) orphans.push(key)
  }
  for (const key of orphans) {
    if (indexed.has(key.slice(0, -'.pack'.length))) continue
    const stat = await repo.store.stat(key)
    if (stat && !isYoung(repo, stat, options)) await repo.store.delete(key)
  }
}
