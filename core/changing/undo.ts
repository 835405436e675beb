import type { BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { invertMove } from '../merging/merge-state.ts'
import { refuseInterrupted } from '../merging/refuse.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { Id } from '../objects/id.ts'
import type { Operation, RefMove } from '../oplog.ts'
import { writeFiles } from '../checkout/write-files.ts'
import type { CheckoutJob } from '../checkout/file-writer.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { saveFiles } from '../staging/store-files.ts'
import { hashOnDisk } from '../worktree/content-hash.ts'
import { lookAt } from '../worktree/disk.ts'
import { fileStatOf, kindOfMode } from '../worktree/file-stat.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { emptyTree } from './edit-index.ts'
import { readCurrentHead } from './head.ts'
import { makeChange, recordChange, type PlannedChange } from './operation.ts'
import { updateWorktree } from './update-worktree.ts'

export interface UndoReport {
  /** The operation that was undone. */
  operation: Operation
  written: number
  removed: number
  /** Uncommitted files that came back. */
  broughtBack: number
  /** True where they replaced files that had been changed since. */
  saved: boolean
}

/**
 * Takes back the newest operation that has not been taken back: refs, HEAD,
 * what was staged, and the working tree where the operation changed it. Called
 * again it goes further back; with `redo` it takes back the last undo that
 * still holds, and called again the one before. Undoing is an operation itself.
 *
 * Throws `nothing-to-undo`, `undo-conflict` where a ref has moved since, and
 * `would-overwrite` where files were changed since, `merge-interrupted`.
 */
export async function undo(repo: Repo, options: { redo: boolean }): Promise<UndoReport> {
  return withLock(repo, async () => {
    await refuseInterrupted(repo, (await readCurrentHead(repo)).id)
    const operation = await (options.redo ? findUndone(repo) : findDone(repo))
    const { head, merge } = operation
    const index = await readIndex(repo)
    const change: PlannedChange = {
      refs: await movesBack(repo, operation),
      undoes: operation.seq,
      merge: merge && invertMove(merge),
      ...(head.before && head.after ? { head: { before: head.after, after: head.before } } : {}),
      saved: operation.saved && (await saveInTheWay(repo, index, operation.saved)),
    }
    const report: UndoReport = { operation, written: 0, removed: 0, broughtBack: 0, saved: change.saved !== undefined }
    const bytes = await restoreStaged(repo, { operation, index, change, report })
    if (operation.saved) report.broughtBack = await bringBack(repo, operation.saved)
    const { index: staged, ...rest } = change
    await makeChange(repo, { ...rest, ...(staged && bytes ? { index: { ...staged, bytes } } : {}) })
    return report
  })
}

/** The newest operation that is no undo and was not taken back. */
async function findDone(repo: Repo): Promise<Operation> {
  let from: number | undefined
  for await (const operation of repo.oplog.newestFirst()) {
    if (from !== undefined && operation.seq >= from) continue
    if (operation.undoes === undefined) return operation
    from = operation.undoes
  }
  throw new DitsError('nothing-to-undo', 'there is no operation to undo', { hint: 'see: dits oplog' })
}

/** The newest undo that was not taken back, unless something else was done since. */
async function findUndone(repo: Repo): Promise<Operation> {
  let from: number | undefined
  for await (const operation of repo.oplog.newestFirst()) {
    if (from !== undefined && operation.seq >= from) continue
    if (operation.undoes === undefined) break
    const undone = await repo.oplog.read(operation.undoes)
    if (undone?.undoes === undefined) return operation
    from = undone.seq
  }
  throw new DitsError('nothing-to-undo', 'there is no undo to take back', { hint: 'see: dits oplog' })
}

/** The moves that bring the refs back. Throws `undo-conflict` where one is neither where the operation left it nor where it found it. */
async function movesBack(repo: Repo, operation: Operation): Promise<RefMove[]> {
  const refs: RefMove[] = []
  for (const { name, before, after } of operation.refs) {
    const now = await repo.refs.read(name)
    if (now === before) continue
    if (now !== after) {
      throw new DitsError('undo-conflict', `'${name}' has moved since '${operation.command}'`, { hint: 'see: dits oplog; and set it with: dits reset' })
    }
    refs.push({ name, ...(after ? { before: after } : {}), ...(before ? { after: before } : {}) })
  }
  return refs
}

/** What an undo is about: the operation, the index as it is, and what is to be recorded and reported. */
interface Undoing {
  operation: Operation
  index: Index | undefined
  change: PlannedChange
  report: UndoReport
}

/**
 * Brings the working tree back, where the operation changed it, and answers
 * the index to put in place. Records the undo before the first file is replaced.
 */
async function restoreStaged(repo: Repo, undoing: Undoing): Promise<Uint8Array | undefined> {
  const { operation, index, change, report } = undoing
  const { before, after } = operation.staged
  if (operation.disk) return restoreDisk(repo, undoing, operation.disk)
  if (before === after) {
    await recordChange(repo, change)
    return undefined
  }
  const writer = await openWriter(repo)
  const target = before ?? emptyTree((kind, bytes) => writer.write(kind, bytes))
  await writer.flush()
  change.index = { before: index?.tree, after: target }
  if (!operation.worktree) {
    await recordChange(repo, change)
    return indexFromTree(repo.objects, target, index)
  }
  change.worktree = true
  const update = await updateWorktree(repo, index, target, { policy: 'refuse', begin: () => recordChange(repo, change) })
  Object.assign(report, { written: update.written, removed: update.removed })
  return update.index
}

/** Brings back a working tree that was not what was staged: from one tree to another, with the index of a third. */
async function restoreDisk(
  repo: Repo,
  { operation, index, change, report }: Undoing,
  disk: { before: Id; after: Id },
): Promise<Uint8Array | undefined> {
  const { before, after } = operation.staged
  const staged = before === after ? index?.tree : before
  Object.assign(change, { worktree: true, disk: { before: disk.after, after: disk.before } })
  if (staged) change.index = { before: index?.tree, after: staged }
  const onDisk = decodeIndex(await indexFromTree(repo.objects, disk.after, index))
  const update = await updateWorktree(repo, onDisk, disk.before, { policy: 'refuse', begin: () => recordChange(repo, change) })
  Object.assign(report, { written: update.written, removed: update.removed })
  return staged && indexFromTree(repo.objects, staged, decodeIndex(update.index))
}

/**
 * Stores what stands now where uncommitted files come back, unless it is what
 * is staged: a tree of it, so that taking back the undo brings it back.
 */
async function saveInTheWay(repo: Repo, index: Index | undefined, saved: Id): Promise<Id | undefined> {
  const inTheWay: BytePath[] = []
  for await (const { path, entry } of walkTree(repo.objects, saved)) {
    const stat = entry.kind === 'directory' ? undefined : lookAt(repo.rootBytes, path)
    if (!stat) continue
    const kind = kindOfMode(stat.mode)
    if (kind === 'directory' || kind === 'unsupported') continue
    const i = index?.find(path)
    const staged = index && i !== undefined ? index.entry(i) : undefined
    if (staged?.kind === kind && index!.isUnchanged(i!, fileStatOf(stat))) continue
    const hash = (await hashOnDisk(repo.rootBytes, path, repo.env.signal))?.hash
    const isKept = [staged, entry].some((kept) => kept?.kind === kind && kept.hash === hash)
    if (!isKept) inTheWay.push(path)
  }
  return saveFiles(repo, inTheWay)
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
