import { copyMarked, markRoots, planSweep, removeOrphans, removePack, reportSweep, type Collectable, type KeptForUndo, type SweepReport } from './collecting/sweep.ts'
import { isPartial } from './ghosts/partial.ts'
import { newSessionName, withLock, type Repo } from './repo.ts'
import { findRoots } from './roots.ts'
import { withTransfer } from './transfer-lock.ts'
import { removeLeftovers } from './worktree/place.ts'

/** What a collection did. */
export interface GcReport extends SweepReport {
  /** Operations forgotten, so that they cannot be undone any more. */
  operationsPruned: number
  keptForUndo: KeptForUndo
}

export interface GcOptions {
  /** What nothing refers to stays this long, counted from when its pack was written. */
  graceMs: number
  /** Operations younger than this can still be undone, and keep what they refer to. */
  undoMs: number
}

const dayMs = 24 * 60 * 60 * 1000

/**
 * Removes what nothing refers to any more and puts small packs together; and
 * removes temporary files of killed checkouts from the working tree.
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

async function collect(repo: Repo, { graceMs, undoMs }: GcOptions): Promise<GcReport> {
  const nowMs = repo.env.now()
  const operationsPruned = await repo.oplog.prune({ count: 1, sinceMs: nowMs - undoMs })
  await repo.objects.packs.refresh()
  const source = collectable(repo)
  const { marks, keptForUndo } = await markRoots(source, await findRoots(repo))
  const plan = await planSweep(source, marks, { graceMs, nowMs })
  const kept = await copyMarked(source, plan.rewritten, marks)
  for (const pack of [...plan.removed, ...plan.rewritten]) await removePack(repo, pack.name)
  // Nobody else writes while the lock is held, so without a grace period what interrupted commands left goes at once;
  // but for a partial repository, into which whoever reads brings content without a lock: a pack may be about to get its index.
  const unfinishedGraceMs = isPartial(repo) ? Math.max(graceMs, dayMs) : graceMs
  await removeOrphans(repo, { graceMs: unfinishedGraceMs, nowMs })
  // What checkouts write into the working tree they write under this lock.
  removeLeftovers(repo.root)
  await repo.store.sweepTemporary(nowMs + Math.max(0, dayMs - unfinishedGraceMs))
  await repo.objects.packs.refresh()
  await repo.objects.packs.tidyLookups()
  return { ...reportSweep(plan, kept), operationsPruned, keptForUndo }
}

function collectable(repo: Repo): Collectable {
  const { store, objects, refs, oplog, config, env } = repo
  const onMarked = (files: number) => env.onProgress?.({ task: 'marking', bytes: 0, files })
  return { store, objects, refs, oplog, config, newSessionName: () => newSessionName(repo), signal: env.signal, onMarked }
}
