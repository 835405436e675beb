import { DitsError } from '../errors.ts'
import { invertMove } from '../merging/merge-state.ts'
import { refuseInterrupted } from '../merging/refuse.ts'
import type { Id } from '../objects/id.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { Operation, RefMove } from '../oplog.ts'
import type { Head } from '../refs/refs.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { isBelow } from '../worktree/path-order.ts'
import { editIndex, emptyTree, entryFromTree, type PathEdit } from './edit-index.ts'
import { readCurrentHead } from './head.ts'
import { makeChange, recordChange, type PlannedChange } from './operation.ts'
import { updateWorktree, type UpdateResult } from './update-worktree.ts'

export interface UndoOptions {
  /** Take back the last undo that has not been taken back. */
  redo: boolean
  /** Replace files that were changed since; they are saved, and `redo` brings them back. */
  force?: boolean
}

export interface UndoReport {
  /** The operation that was undone. */
  operation: Operation
  /** Files of the working tree that were written, with those that were brought back, and removed. */
  written: number
  removed: number
  /** Uncommitted files that came back. */
  broughtBack: number
  /** True where files that were changed since were replaced. */
  saved: boolean
}

/**
 * Takes back the newest operation that has not been taken back: refs, HEAD,
 * what was staged, and the working tree where the operation changed it, with
 * the uncommitted files that it replaced or removed. Called again it goes
 * further back; with `redo` it takes back the last undo. Undoing is an
 * operation itself. An operation that ended half-way is taken back, too.
 *
 * Order: the files, then the record, then what is named, so that after a crash
 * the same undo goes on: what is in place already is recognised. Only where
 * `force` replaces uncommitted work is the record first, since it keeps that.
 *
 * Throws `nothing-to-undo`, `undo-conflict` where a ref, HEAD or the index has
 * moved since, `would-overwrite` where files were changed since, and
 * `merge-interrupted`.
 */
export async function undo(repo: Repo, options: UndoOptions): Promise<UndoReport> {
  return withLock(repo, async () => {
    const current = await readCurrentHead(repo)
    await refuseInterrupted(repo, current.id)
    const operation = await findOperation(repo, options.redo)
    const index = await readIndex(repo)
    checkHead(operation, current.head)
    checkIndex(operation, index)
    const inverse = inverseOf(operation)
    const moving = { ...inverse, refs: await refsToMove(repo, operation, inverse.refs) }
    const trees = await findTrees(repo, operation, index)
    if (!trees) {
      await recordChange(repo, inverse)
      await makeChange(repo, moving)
      return { operation, written: 0, removed: 0, broughtBack: 0, saved: false }
    }
    const staged = { before: operation.staged.after ?? index?.tree, after: trees.staged }
    const isPlain = trees.from === staged.before && trees.to === staged.after
    const change: PlannedChange = { ...inverse, index: staged, ...(isPlain ? {} : { disk: { before: trees.from, after: trees.to } }) }
    const update = await bringFiles(repo, { index, trees, change, force: options.force === true })
    const bytes = trees.staged === trees.to ? update.index : await indexFromTree(repo.objects, trees.staged, decodeIndex(update.index))
    await makeChange(repo, { ...moving, index: { ...staged, bytes } })
    return { operation, written: update.written, removed: update.removed, broughtBack: trees.broughtBack, saved: update.saved !== undefined }
  })
}

/** The newest operation in effect; with `redo`, the newest undo in effect that nothing else came after. */
async function findOperation(repo: Repo, redo: boolean): Promise<Operation> {
  let from: number | undefined
  for await (const operation of repo.oplog.newestFirst()) {
    if (from !== undefined && operation.seq >= from) continue
    if (operation.undoes === undefined) {
      if (redo) break
      return operation
    }
    // What takes back an undo makes the operation before it count again, and that undo not.
    if (redo && !(await isUndo(repo, operation.undoes))) return operation
    from = operation.undoes
  }
  throw new DitsError('nothing-to-undo', redo ? 'there is no undo to take back' : 'there is no operation to undo', { hint: 'see: dits oplog' })
}

async function isUndo(repo: Repo, seq: number): Promise<boolean> {
  return (await repo.oplog.read(seq))?.undoes !== undefined
}

function checkHead({ command, head }: Operation, now: Head): void {
  const is = (side: Head | undefined) => JSON.stringify(side) === JSON.stringify(now)
  if (!head.before || !head.after || is(head.before) || is(head.after)) return
  throw new DitsError('undo-conflict', `HEAD has moved since '${command}'`, { hint: 'see: dits oplog; and go where you want to be with: dits switch' })
}

function checkIndex({ command, staged }: Operation, index: Index | undefined): void {
  const { before, after } = staged
  if (before === after || index === undefined || index.tree === before || index.tree === after || index.count === 0) return
  throw new DitsError('undo-conflict', `what is staged has changed since '${command}'`, { hint: 'see: dits oplog; and set it with: dits restore --staged' })
}

/** What is to be recorded: the whole operation backwards, even where it ended half-way and less is to be moved. */
function inverseOf({ seq, refs, head, merge }: Operation): Omit<PlannedChange, 'index'> & { refs: RefMove[] } {
  return {
    undoes: seq,
    refs: refs.map(({ name, before, after }) => ({ name, ...(after ? { before: after } : {}), ...(before ? { after: before } : {}) })),
    merge: merge && invertMove(merge),
    ...(head.before && head.after ? { head: { before: head.after, after: head.before } } : {}),
  }
}

/** The refs that are not where they are to be yet. */
async function refsToMove(repo: Repo, { command }: Operation, moves: readonly RefMove[]): Promise<RefMove[]> {
  const left: RefMove[] = []
  for (const move of moves) {
    const now = await repo.refs.read(move.name)
    if (now === move.after) continue
    if (now !== move.before) {
      throw new DitsError('undo-conflict', `'${move.name}' has moved since '${command}'`, { hint: 'see: dits oplog; and set it with: dits reset' })
    }
    left.push(move)
  }
  return left
}

interface UndoTrees {
  /** What the operation made of the working tree, and what it is brought to. */
  from: Id
  to: Id
  /** What becomes staged. */
  staged: Id
  /** Whether files change; otherwise only what is staged. */
  touchesFiles: boolean
  broughtBack: number
}

/** Which trees the index and the working tree go from and to; `undefined` where the operation moved neither. */
async function findTrees(repo: Repo, operation: Operation, index: Index | undefined): Promise<UndoTrees | undefined> {
  const { staged, disk, saved, worktree = false } = operation
  const moved = staged.before !== staged.after
  const touchesFiles = worktree || disk !== undefined || saved !== undefined
  if (!moved && !touchesFiles) return undefined
  const writer = await openWriter(repo)
  const empty = emptyTree((kind, bytes) => writer.write(kind, bytes))
  await writer.flush()
  await repo.objects.packs.refresh()
  const now = index?.tree ?? staged.after ?? empty
  const target = moved ? (staged.before ?? empty) : now
  const from = disk?.after ?? (moved ? (staged.after ?? empty) : now)
  const clean = disk?.before ?? target
  const { tree: to, files } = saved ? await withFiles(repo, clean, saved, index) : { tree: clean, files: 0 }
  return { from, to, staged: target, touchesFiles, broughtBack: files }
}

/** A tree with the uncommitted files that an operation replaced or removed in it. */
async function withFiles(repo: Repo, tree: Id, saved: Id, known: Index | undefined): Promise<{ tree: Id; files: number }> {
  const edits: PathEdit[] = []
  for await (const { path, entry } of walkTree(repo.objects, saved)) {
    // A folder counts by itself only where it is empty.
    const last = edits.at(-1)
    if (last?.entry?.kind === 'directory' && isBelow(path, last.path)) edits.pop()
    edits.push({ path, entry: entryFromTree(entry) })
  }
  const base = decodeIndex(await indexFromTree(repo.objects, tree, known))
  const files = edits.filter(({ entry }) => entry?.kind !== 'directory').length
  return { tree: (await editIndex(repo, base, edits, 0)).tree, files }
}

async function bringFiles(
  repo: Repo,
  job: { index: Index | undefined; trees: UndoTrees; change: PlannedChange; force: boolean },
): Promise<UpdateResult> {
  const { index, trees, change, force } = job
  if (!trees.touchesFiles) {
    await recordChange(repo, change)
    return { index: await indexFromTree(repo.objects, trees.to, index), written: 0, ghosts: 0, removed: 0, saved: undefined }
  }
  const from = index?.tree === trees.from ? index : decodeIndex(await indexFromTree(repo.objects, trees.from, index))
  let recorded = false
  const record = async (saved: Id | undefined) => {
    await recordChange(repo, { ...change, saved, worktree: true })
    recorded = true
  }
  const update = await updateWorktree(repo, from, trees.to, {
    policy: force ? 'save' : 'refuse',
    staged: trees.staged,
    hint: 'commit it, put it aside with: dits stash, or undo even so with: dits undo --force (--redo brings it back)',
    begin: async (saved) => (saved ? record(saved) : undefined),
  })
  if (!recorded) await record(undefined)
  return update
}
