import { DitsError } from '../errors.ts'
import { clearMergeState } from '../merging/merge-state.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { Id } from '../objects/id.ts'
import type { Operation } from '../oplog.ts'
import { writeFiles } from '../checkout/write-files.ts'
import type { CheckoutJob } from '../checkout/file-writer.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { emptyTree } from './edit-index.ts'
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
 * `would-overwrite` where files were changed since.
 */
export async function undo(repo: Repo, options: { redo: boolean }): Promise<UndoReport> {
  return withLock(repo, async () => {
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
    const change: Change = { refs, undoes: operation.seq }
    const { head } = operation
    if (head.before && head.after) change.head = { before: head.after, after: head.before }
    const report: UndoReport = { operation, written: 0, removed: 0, broughtBack: 0 }
    await restoreStaged(repo, operation, change, report)
    if (operation.saved) report.broughtBack = await bringBack(repo, operation.saved)
    await applyChange(repo, change)
    await clearMergeState(repo)
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
  if (before === after) return
  const index = await readIndex(repo)
  const writer = await openWriter(repo)
  const target = before ?? emptyTree(writer)
  await writer.flush()
  if (operation.worktree) {
    const update = await updateWorktree(repo, index, target, { policy: 'refuse' })
    report.written = update.written
    report.removed = update.removed
    change.index = { bytes: update.index, before: index?.tree, after: target }
    change.worktree = true
  } else change.index = { bytes: await indexFromTree(repo.objects, target, index), before: index?.tree, after: target }
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
