import { DitsError } from './errors.ts'
import { isPartial } from './ghosts/partial.ts'
import type { Id } from './objects/id.ts'
import { recordHeaderBytes } from './pack/pack-format.ts'
import { indexKey, packKey, PackWriter } from './pack/pack-writer.ts'
import { sessionPackRecordsMax } from './pack/known-table.ts'
import { openRecord } from './pack/packed-objects.ts'
import { markReachable, type ObjectMarks } from './reachable.ts'
import { newSessionName, withLock, type Repo } from './repo.ts'
import { findRoots } from './roots.ts'

/** What a collection did, or with `dryRun` would do. */
export interface GcReport {
  packsBefore: number
  packsAfter: number
  objectsRemoved: number
  bytesBefore: number
  bytesAfter: number
  /** Operations forgotten, so that they cannot be undone any more. */
  operationsPruned: number
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
 * It runs under the repository's lock, so no other command is between storing
 * an object and referring to it. Order: the objects that stay are durable in
 * new packs before an old pack goes, and a pack's index goes before the pack,
 * so that a crash leaves objects twice or a pack without an index, never a
 * reference to what is not there.
 */
export async function collectGarbage(repo: Repo, options: GcOptions): Promise<GcReport> {
  return withLock(repo, async () => {
    const operationsPruned = await repo.oplog.prune({ count: 1, sinceMs: repo.env.now() - options.undoMs })
    await repo.objects.packs.refresh()
    const marks = await markReachable(repo.objects, await findRoots(repo), {
      signal: repo.env.signal,
      onGhost: isPartial(repo) ? () => {} : undefined,
      onObject: (objects) => repo.env.onProgress?.({ task: 'marking', bytes: 0, files: objects }),
    })
    const packs = await weighPacks(repo, marks, options)
    const plan = planSweep(packs)
    const kept = await rewrite(repo, plan.rewritten, marks)
    for (const pack of [...plan.removed, ...plan.rewritten]) await removePack(repo, pack.name)
    await removeOrphans(repo, options)
    // Nobody else writes while the lock is held, so without a grace period what interrupted commands left goes at once.
    await repo.store.sweepTemporary(repo.env.now() + Math.max(0, dayMs - options.graceMs))
    await repo.objects.packs.refresh()
    const sum = (list: WeighedPack[]) => list.reduce((total, pack) => total + pack.bytes, 0)
    return {
      packsBefore: packs.length,
      packsAfter: repo.objects.packs.names.length,
      objectsRemoved: plan.removed.reduce((n, pack) => n + pack.objects, 0) + plan.rewritten.reduce((n, pack) => n + pack.objects, 0) - kept.objects,
      bytesBefore: sum(packs),
      bytesAfter: sum(packs) - sum(plan.removed) - sum(plan.rewritten) + kept.bytes,
      operationsPruned,
    }
  })
}

interface WeighedPack {
  name: string
  bytes: number
  objects: number
  liveObjects: number
  liveBytes: number
  /** Within the grace period: everything in it counts as live. */
  young: boolean
}

async function weighPacks(repo: Repo, marks: ObjectMarks, options: GcOptions): Promise<WeighedPack[]> {
  const weighed: WeighedPack[] = []
  for (const name of repo.objects.packs.names) {
    const stat = await repo.store.stat(packKey(name))
    if (!stat) throw new DitsError('pack-missing', `pack '${name}' is missing`, { hint: 'run: dits fsck' })
    const young = repo.env.now() - stat.modifiedMs < options.graceMs
    const index = await repo.objects.packs.index(name)
    const pack = { name, bytes: stat.size, objects: index.count, liveObjects: 0, liveBytes: 0, young }
    for (let rank = 0; rank < index.count; rank++) {
      if (!young && !marks.has(name, rank)) {
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

/**
 * An object may lie in two packs, of which one copy was marked. The other goes
 * only when the marked one has been read and is sound: it may be the copy that
 * still can be. Throws `object-damaged`.
 */
async function checkOtherCopy(repo: Repo, marks: ObjectMarks, copy: { pack: string; id: Id }): Promise<void> {
  const kept = await repo.objects.locate(copy.id)
  if (!kept || kept.pack === copy.pack || !marks.has(kept.pack, kept.rank)) return
  await repo.objects.read(kept.kind, copy.id)
}

function planSweep(packs: WeighedPack[]): { removed: WeighedPack[]; rewritten: WeighedPack[] } {
  const removed = packs.filter((pack) => pack.liveObjects === 0)
  const live = packs.filter((pack) => pack.liveObjects > 0)
  const wasteful = live.filter((pack) => pack.bytes - pack.liveBytes > pack.bytes * garbageShareMin)
  const small = live.filter((pack) => pack.liveBytes < smallPackBytes && !wasteful.includes(pack))
  return { removed, rewritten: small.length > smallPacksMax ? [...wasteful, ...small] : wasteful }
}

/** Copies the live records of packs to new packs, each verified on the way; durable when it resolves. */
async function rewrite(repo: Repo, packs: WeighedPack[], marks: ObjectMarks): Promise<{ objects: number; bytes: number }> {
  let number = 0
  const kept = { objects: 0, bytes: 0 }
  const session = newSessionName(repo)
  const writer = new PackWriter(repo.store, { nextName: () => `${session}-${number++}`, recordsMax: sessionPackRecordsMax })
  const written = new Set<string>()
  for (const pack of packs) {
    const index = await repo.objects.packs.index(pack.name)
    for (const rank of index.ranksByOffset()) {
      if (!pack.young && !marks.has(pack.name, rank)) continue
      const id = index.id(rank)
      if (written.has(id)) continue
      written.add(id)
      repo.env.signal?.throwIfAborted()
      const row = index.row(rank)
      const record = await repo.objects.readPack(pack.name, { offset: row.offset, length: recordHeaderBytes + row.stored })
      openRecord(record, { ...row, pack: pack.name, rank }, row.kind, index.idBytes(rank))
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

async function removePack(repo: Repo, name: string): Promise<void> {
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
    if (stat && repo.env.now() - stat.modifiedMs >= options.graceMs) await repo.store.delete(key)
  }
}
