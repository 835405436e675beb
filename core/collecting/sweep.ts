import type { Config } from '../config.ts'
import { DitsError, hasCode } from '../errors.ts'
import { isPartial } from '../ghosts/partial.ts'
import { idToBytes, type Id } from '../objects/id.ts'
import type { OpLog } from '../oplog.ts'
import { sessionPackRecordsMax } from '../pack/known-table.ts'
import { recordHeaderBytes } from '../pack/pack-format.ts'
import type { Located } from '../pack/pack-set.ts'
import { openRecord, type PackedObjects } from '../pack/packed-objects.ts'
import { indexKey, packKey, PackWriter } from '../pack/pack-writer.ts'
import { markReachable, ObjectMarks } from '../reachable.ts'
import type { Refs } from '../refs/refs.ts'
import type { Root } from '../roots.ts'
import type { ByteStore } from '../store/byte-store.ts'

/** The parts of a collection of garbage: what is marked, which packs go, and what is copied out of them before. Who may be at work meanwhile is for the caller to settle. */

/** Where objects are copied out of packs. */
export interface PackSource {
  readonly store: ByteStore
  readonly objects: PackedObjects
  /** Starts the names of new packs; never the same twice. */
  newSessionName(): string
  readonly signal?: AbortSignal | undefined
}

/** What is stored of a repository, wherever that is. */
export interface Collectable extends PackSource {
  readonly refs: Refs
  readonly oplog: OpLog
  readonly config: Config
  /** Called while objects are marked, with how many there were so far. */
  readonly onMarked?: ((objects: number) => void) | undefined
}

/** How long what nothing refers to stays, counted from when its pack was written, and what time it is by the clock that dates packs; milliseconds. */
export interface Grace {
  graceMs: number
  nowMs: number
}

/** What stays only so that operations can be undone: objects, and bytes as stored. */
export interface KeptForUndo {
  objects: number
  bytes: number
}

/** Packs under this size are put together when there are several. */
const smallPackBytes = 16 * 1024 * 1024
const smallPacksMax = 8
/** A pack is rewritten when at least this share of it is garbage. */
const garbageShareMin = 0.25

/** Marks what names reach, and then what only the operation log does, in `marks`. Throws what reading a damaged repository throws. */
export async function markRoots(repo: Collectable, roots: readonly Root[], marks = new ObjectMarks()): Promise<{ marks: ObjectMarks; keptForUndo: KeptForUndo }> {
  const keptForUndo = { objects: 0, bytes: 0 }
  const { signal } = repo
  const onGhost = isPartial(repo) ? () => {} : undefined
  let named = 0
  await markReachable(repo.objects, roots.filter((root) => !root.undoOnly), {
    signal,
    marks,
    onGhost,
    onObject: (objects) => repo.onMarked?.((named = objects)),
  })
  await markReachable(repo.objects, roots.filter((root) => root.undoOnly), {
    signal,
    marks,
    onGhost,
    onObject: (objects, { stored }) => {
      keptForUndo.objects = objects
      keptForUndo.bytes += recordHeaderBytes + stored
      repo.onMarked?.(named + objects)
    },
  })
  return { marks, keptForUndo }
}

/** Marks what is there of what commits and tags reach to which nothing refers any more; that something is missing there is no damage. */
export async function markFormer(repo: Collectable, tips: readonly Id[], marks: ObjectMarks): Promise<void> {
  const { signal, objects } = repo
  for (const id of tips) {
    const kind = (await objects.packs.locate(id))?.kind
    if (kind === 'commit' || kind === 'tag') await markReachable(objects, [{ kind, id }], { signal, marks, onProblem: () => {} })
  }
}

/** A pack of which a part is to be copied; `objects` is how many it has. */
export interface PackToCopy {
  name: string
  objects: number
}

/** A pack, and what of it is referred to. */
export interface WeighedPack extends PackToCopy {
  bytes: number
  liveObjects: number
  liveBytes: number
  /** Within the grace period: everything in it counts as live. */
  young: boolean
  /** True where something in it is not referred to. */
  hasGarbage: boolean
}

/** What goes: packs without anything that stays, and packs of which what stays is copied before. */
export interface SweepPlan {
  packs: WeighedPack[]
  removed: WeighedPack[]
  rewritten: WeighedPack[]
}

/** How large a repository was, and is after a sweep. */
export interface SweepReport {
  packsBefore: number
  packsAfter: number
  objectsRemoved: number
  bytesBefore: number
  bytesAfter: number
}

/**
 * Decides which packs go. Of an object that lies twice, the copy that goes is
 * weighed against the other, which is read. Throws `object-damaged`, and
 * `pack-missing` where a pack has no content.
 *
 * A young pack with garbage in it stays as it is: in a new pack its garbage
 * would be young again, and put together often enough it would never go.
 */
export async function planSweep(repo: PackSource, marks: ObjectMarks, grace: Grace): Promise<SweepPlan> {
  const packs = await weighPacks(repo, marks, grace)
  const removed = packs.filter((pack) => pack.liveObjects === 0)
  const live = packs.filter((pack) => pack.liveObjects > 0)
  const wasteful = live.filter((pack) => !pack.young && pack.bytes - pack.liveBytes > pack.bytes * garbageShareMin)
  const small = live.filter((pack) => pack.liveBytes < smallPackBytes && !(pack.young && pack.hasGarbage) && !wasteful.includes(pack))
  return { packs, removed, rewritten: small.length > smallPacksMax ? [...wasteful, ...small] : wasteful }
}

/** What a sweep does to the size of a repository where so much was copied to `packs` new packs. */
export function reportSweep({ packs, removed, rewritten }: SweepPlan, kept: { objects: number; bytes: number; packs: number }): SweepReport {
  const bytes = (list: readonly WeighedPack[]) => list.reduce((total, pack) => total + pack.bytes, 0)
  const objects = (list: readonly WeighedPack[]) => list.reduce((total, pack) => total + pack.objects, 0)
  return {
    packsBefore: packs.length,
    packsAfter: packs.length - removed.length - rewritten.length + kept.packs,
    objectsRemoved: objects(removed) + objects(rewritten) - kept.objects,
    bytesBefore: bytes(packs),
    bytesAfter: bytes(packs) - bytes(removed) - bytes(rewritten) + kept.bytes,
  }
}

async function weighPacks(repo: PackSource, marks: ObjectMarks, grace: Grace): Promise<WeighedPack[]> {
  const weighed: WeighedPack[] = []
  for (const name of repo.objects.packs.names) {
    const stat = await repo.store.stat(packKey(name))
    if (!stat) throw new DitsError('pack-missing', `pack '${name}' is missing`, { hint: 'run: dits fsck' })
    const young = isYoung(stat, grace)
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
function isYoung({ modifiedMs }: { modifiedMs: number }, { graceMs, nowMs }: Grace): boolean {
  return graceMs > 0 && nowMs - modifiedMs < graceMs
}

/**
 * An object may lie in two packs, of which one copy was marked. The other goes
 * only when the marked one has been read and is sound: it may be the copy that
 * still can be. Throws `object-damaged`.
 */
async function checkOtherCopy(repo: PackSource, marks: ObjectMarks, copy: { pack: string; id: Id }): Promise<void> {
  for (const other of await repo.objects.packs.locateAll(copy.id)) {
    if (other.pack !== copy.pack && marks.has(other.pack, other.rank)) await readRecord(repo, other, idToBytes(copy.id))
  }
}

/** Copies the marked records of packs to new packs, each verified on the way; durable when it resolves. */
export async function copyMarked(repo: PackSource, packs: readonly PackToCopy[], marks: ObjectMarks): Promise<{ objects: number; bytes: number; packs: number }> {
  const kept = { objects: 0, bytes: 0, packs: 0 }
  const session = repo.newSessionName()
  const writer = new PackWriter(repo.store, { nextName: () => `${session}-${kept.packs++}`, recordsMax: sessionPackRecordsMax })
  const repeated = await findRepeatedPrefixes(repo, packs, marks)
  const written = new Set<Id>()
  for (const { name } of packs) {
    const index = await repo.objects.packs.index(name)
    for (const rank of index.ranksByOffset()) {
      if (!marks.has(name, rank)) continue
      repo.signal?.throwIfAborted()
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
async function findRepeatedPrefixes(repo: PackSource, packs: readonly PackToCopy[], marks: ObjectMarks): Promise<Set<number>> {
  const prefixes = new Uint32Array(packs.reduce((sum, pack) => sum + pack.objects, 0))
  let count = 0
  for (const { name } of packs) {
    const index = await repo.objects.packs.index(name)
    for (let rank = 0; rank < index.count; rank++) if (marks.has(name, rank)) prefixes[count++] = index.prefix(rank)
  }
  const sorted = prefixes.subarray(0, count).sort()
  return new Set(sorted.filter((prefix, i) => prefix === sorted[i + 1]))
}

/** Whether a copy of an object can be read and is what its id says. */
export async function isSoundCopy(repo: PackSource, copy: Located, id: Uint8Array): Promise<boolean> {
  try {
    await readRecord(repo, copy, id)
    return true
  } catch (error) {
    if (hasCode(error, 'object-damaged') || hasCode(error, 'pack-damaged')) return false
    throw error
  }
}

/** A record, verified. Throws `object-damaged`. */
async function readRecord(repo: PackSource, place: Pick<Located, 'pack' | 'offset' | 'stored' | 'kind'>, id: Uint8Array): Promise<Uint8Array> {
  const record = await repo.objects.readPack(place.pack, { offset: place.offset, length: recordHeaderBytes + place.stored })
  openRecord(record, place, place.kind, id)
  return record
}

/** Removes a pack of which everything that is to stay lies elsewhere: the index first, so that a crash leaves a pack that is none yet. */
export async function removePack(repo: Pick<PackSource, 'store'>, name: string): Promise<void> {
  await repo.store.delete(indexKey(name))
  await repo.store.delete(packKey(name))
}

/** Removes packs whose writer died before their index was written. */
export async function removeOrphans(repo: Pick<PackSource, 'store'>, grace: Grace): Promise<void> {
  const orphans: string[] = []
  const indexed = new Set<string>()
  for await (const key of repo.store.list('packs/')) {
    if (key.endsWith('.idx')) indexed.add(key.slice(0, -'.idx'.length))
    if (key.endsWith('.pack')) orphans.push(key)
  }
  for (const key of orphans) {
    if (indexed.has(key.slice(0, -'.pack'.length))) continue
    const stat = await repo.store.stat(key)
    if (stat && !isYoung(stat, grace)) await repo.store.delete(key)
  }
}
