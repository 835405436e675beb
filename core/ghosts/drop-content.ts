import { sessionPackRecordsMax } from '../pack/known-table.ts'
import { recordHeaderBytes } from '../pack/pack-format.ts'
import { indexKey, packKey, PackWriter } from '../pack/pack-writer.ts'
import { openRecord } from '../pack/packed-objects.ts'
import { isContentKind, ObjectMarks } from '../reachable.ts'
import { newSessionName, type Repo } from '../repo.ts'

/** A pack with content that is to go. */
export interface DroppingPack {
  name: string
  objects: number
  /** What stays of it. */
  kept: number
}

export interface DropPlan {
  packs: DroppingPack[]
  /** Everything of these packs that stays. */
  keep: ObjectMarks
  /** What goes: objects, and their bytes as stored. */
  objects: number
  bytes: number
}

/** Finds the content that remotes have and that is not needed here, in which packs it lies, and what it takes. */
export async function planDrop(repo: Repo, onRemote: ObjectMarks, needed: ObjectMarks): Promise<DropPlan> {
  const plan: DropPlan = { packs: [], keep: new ObjectMarks(), objects: 0, bytes: 0 }
  for (const name of repo.objects.packs.names) {
    repo.env.signal?.throwIfAborted()
    const index = await repo.objects.packs.index(name)
    const going: number[] = []
    for (let rank = 0; rank < index.count; rank++) {
      if (onRemote.has(name, rank) && !needed.has(name, rank) && isContentKind(index.row(rank).kind)) going.push(rank)
    }
    if (going.length === 0) continue
    const gone = new Set(going)
    for (let rank = 0; rank < index.count; rank++) if (!gone.has(rank)) plan.keep.add({ ...index.row(rank), pack: name, rank }, index.count)
    for (const rank of going) plan.bytes += recordHeaderBytes + index.row(rank).stored
    plan.packs.push({ name, objects: index.count, kept: index.count - going.length })
    plan.objects += going.length
  }
  return plan
}

/**
 * Drops what a plan says. As in a collection of garbage, what stays is durable
 * in new packs before an old one goes, and a pack's index goes before the pack.
 * Under the repository's lock.
 */
export async function dropContent(repo: Repo, plan: DropPlan): Promise<void> {
  await copyKept(repo, plan)
  for (const { name } of plan.packs) {
    await repo.store.delete(indexKey(name))
    await repo.store.delete(packKey(name))
  }
  await repo.objects.packs.refresh()
}

async function copyKept(repo: Repo, { packs, keep }: DropPlan): Promise<void> {
  let number = 0
  const session = newSessionName(repo)
  const writer = new PackWriter(repo.store, { nextName: () => `${session}-${number++}`, recordsMax: sessionPackRecordsMax })
  for (const { name } of packs) {
    const index = await repo.objects.packs.index(name)
    for (const rank of index.ranksByOffset()) {
      if (!keep.has(name, rank)) continue
      repo.env.signal?.throwIfAborted()
      const row = index.row(rank)
      const record = await repo.objects.readPack(name, { offset: row.offset, length: recordHeaderBytes + row.stored })
      openRecord(record, { ...row, pack: name, rank }, row.kind, index.idBytes(rank))
      writer.append({ kind: row.kind, codec: record[1] as 0 | 1, raw: row.raw, id: index.idBytes(rank), payload: record.subarray(recordHeaderBytes) })
      await writer.ready()
    }
  }
  await writer.finish()
}
