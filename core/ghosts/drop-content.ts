import { copyMarked, removePack, type PackToCopy } from '../collecting/sweep.ts'
import { recordHeaderBytes } from '../pack/pack-format.ts'
import { isContentKind, ObjectMarks } from '../reachable.ts'
import { newSessionName, type Repo } from '../repo.ts'

export interface DropPlan {
  /** Packs with content that is to go. */
  packs: PackToCopy[]
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
    for (let rank = 0; rank < index.count; rank++) if (!gone.has(rank)) plan.keep.add({ ...index.row(rank), pack: name, rank, packObjects: index.count })
    for (const rank of going) plan.bytes += recordHeaderBytes + index.row(rank).stored
    plan.packs.push({ name, objects: index.count })
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
  const { store, objects, env } = repo
  await copyMarked({ store, objects, newSessionName: () => newSessionName(repo), signal: env.signal }, plan.packs, plan.keep)
  for (const { name } of plan.packs) await removePack(repo, name)
  await repo.objects.packs.refresh()
  await repo.objects.packs.tidyLookups()
}
