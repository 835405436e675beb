import { DitsError } from '../errors.ts'
import { invertMove } from '../merging/merge-state.ts'
import { refuseInterrupted } from '../merging/refuse.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { Id } from '../objects/id.ts'
import type { Operation } from '../oplog.ts'
import { writeFiles } from '../checkout/write-files.ts'
import type { CheckoutJob } from '../checkout/file-writer.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { emptyTree } from './edit-index.ts'
import { readCurrentHead } from './head.ts'
import { applyChange, type Change } from './operation.ts'
import { updateWorktree } from './update-worktree.ts'

export interface UndoReport {
  /** The operation that was undone. */
  operation: Operation
  written: number
  removed: number
  /** Uncommitted files that came back. */
  broughtBack: number
}

/**
 * Takes back the newest operation that has not been taken back: refs, HEAD,
 * what was staged, and the working tree where the operation changed it. Called
 * again it goes further back; with `redo` it takes back the last undo. Undoing
 * is an operation itself.
 *
 * Throws `nothing-to-undo`, `undo-conflict` where a ref has moved since, and
 * `would-overwrite` where files were changed since, `merge-interrupted`.
 */
export async function undo(repo: Repo, options: { redo: boolean }): Promise<UndoReport> {
  return withLock(repo, async () => {
    await refuseInterrupted(repo, (await readCurrentHead(repo)).id)
    const operation = await findOperation(repo, options.redo)
    const refs = []
    for (const { name, before, after } of operation.refs) {
      const now = await repo.refs.read(name)
      if (now === before) continue
      if (now !== after) {
        throw new DitsError('undo-conflict', `'${name}' has moved since '${operation.command}'`, { hint: 'see: dits oplog; and set it with: dits reset' })
      }
      refs.push({ name, ...(after ? { before: after } : {}), ...(before ? { after: before } : {}) })
    }
    const change: Change = { refs, undoes: operation.seq, merge: operation.merge && invertMove(operation.merge) }
    const { head } = operation
    if (head.before && head.after) change.head = { before: head.after, after: head.before }
    const report: UndoReport = { operation, written: 0, removed: 0, broughtBack: 0 }
    await restoreStaged(repo, operation, change, report)
    if (operation.saved) report.broughtBack = await bringBack(repo, operation.saved)
    await applyChange(repo, change)
    return report
  })
}

async function findOperation(repo: Repo, redo: boolean): Promise<Operation> {
  let from: number | undefined
  for await (const operation of repo.oplog.newestFirst()) {
    if (from !== undefined && operation.seq >= from) continue
    if (redo) {
      if (operation.undoes !== undefined) return operation
      break
    }
    if (operation.undoes === undefined) return operation
    from = operation.undoes
  }
  throw new DitsError('nothing-to-undo', redo ? 'the last operation was no undo' : 'there is no operation to undo', { hint: 'see: dits oplog' })
}

async function restoreStaged(repo: Repo, operation: Operation, change: Change, report: UndoReport): Promise<void> {
  const { before, after } = operation.staged
  const index = await readIndex(repo)
  if (operation.disk) return restoreDisk(repo, { operation, index, disk: operation.disk }, change, report)
  if (before === after) return
  const writer = await openWriter(repo)
  const target = before ?? emptyTree((kind, bytes) => writer.write(kind, bytes))
  await writer.flush()
  if (operation.worktree) {
    const update = await updateWorktree(repo, index, target, { policy: 'refuse' })
    report.written = update.written
    report.removed = update.removed
    change.index = { bytes: update.index, before: index?.tree, after: target }
    change.worktree = true
  } else change.index = { bytes: await indexFromTree(repo.objects, target, index), before: index?.tree, after: target }
}

/** Brings back a working tree that was not what was staged: from one tree to another, with the index of a third. */
async function restoreDisk(
  repo: Repo,
  { operation, index, disk }: { operation: Operation; index: Index | undefined; disk: { before: Id; after: Id } },
  change: Change,
  report: UndoReport,
): Promise<void> {
  const onDisk = decodeIndex(await indexFromTree(repo.objects, disk.after, index))
  const update = await updateWorktree(repo, onDisk, disk.before, { policy: 'refuse' })
  const { before, after } = operation.staged
  const staged = before === after ? index?.tree : before
  if (staged) {
    const bytes = await indexFromTree(repo.objects, staged, decodeIndex(update.index))
    change.index = { bytes, before: index?.tree, after: staged }
  }
  Object.assign(report, { written: update.written, removed: update.removed })
  Object.assign(change, { worktree: true, disk: { before: disk.after, after: disk.before } })
}

/** Writes the uncommitted files that an operation replaced or removed; the index says nothing of them. */
async function bringBack(repo: Repo, saved: Id): Promise<number> {
  const jobs: CheckoutJob[] = []
  for await (const { path, entry } of walkTree(repo.objects, saved)) {
    const { kind, content, size, id, mtimeNs } = entry
    if (kind !== 'directory') jobs.push({ path, kind, content, size, id, ...(mtimeNs === undefined ? {} : { mtimeNs }) })
  }
  let count = 0
  for await (const _ of writeFiles(repo, jobs)) count++
  return count
}
