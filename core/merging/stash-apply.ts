import { pathToText } from '../bytes.ts'
import { editIndexWith, emptyTree, entryFromTree, type PathEdit } from '../changing/edit-index.ts'
import { readCurrentHead } from '../changing/head.ts'
import { applyChange } from '../changing/operation.ts'
import { DitsError } from '../errors.ts'
import { contentMergerOf } from '../ghosts/merge-content.ts'
import { changesBetween } from '../history/changes.ts'
import { mergeTrees, type Conflict } from '../history/merge-trees.ts'
import { decodeCommit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import { entryAtPath } from '../objects/tree.ts'
import { withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { decodeIndex } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import { foldersAbove } from '../worktree/path-order.ts'
import { enterResult, resumeInterrupted, type Entered, type Result } from './enter-result.ts'
import { readMergeState, type OpenConflict } from './merge-state.ts'
import { refuseDuringMerge } from './refuse.ts'
import { findStashEntry, listStash, readStashEntry, type StashEntry } from './stash-entry.ts'
import { openWorkbench, type Workbench } from './workbench.ts'

export interface ApplyStashOptions {
  /** Drop the entry where everything could be applied. */
  drop: boolean
  /** Stage again what was staged. */
  index: boolean
}

export interface ApplyStashReport {
  entry: StashEntry
  conflicts: OpenConflict[]
  dropped: boolean
  written: number
  removed: number
}

/**
 * Brings the changes of a stash entry back into the working tree, by merging
 * them with what is staged now. New files are staged, other changes are not,
 * unless `index` asks for it. What cannot be merged waits to be resolved, and
 * the entry stays.
 *
 * Throws `no-such-stash`, `would-overwrite` where uncommitted changes or
 * untracked files are in the way, `stash-index-conflict`, `merge-in-progress`,
 * `merge-interrupted`.
 */
export async function applyStash(repo: Repo, text: string | undefined, options: ApplyStashOptions): Promise<ApplyStashReport> {
  return withLock(repo, async () => {
    const resumed = await resumeApply(repo)
    if (resumed) return resumed
    const entry = await findStashEntry(repo, text)
    const current = await readCurrentHead(repo)
    await refuseDuringMerge(repo, current.id)
    const index = await readIndex(repo)
    const bench = openWorkbench(repo)
    const ours = index?.tree ?? current.commit?.tree ?? emptyTree(bench.emit)
    const trees = await mergeEntry(repo, bench, { entry, ours, withIndex: options.index })
    await bench.flush()
    const { conflicts, disk, staged } = trees
    const result: Result = {
      command: 'stash',
      request: [entry.id],
      heads: [entry.id],
      todo: [],
      endsWith: 'resolution',
      theirName: 'stash',
      message: '',
      conflicts,
      ...(current.id ? { head: current.id } : {}),
      disk,
      staged,
      ...(options.drop && conflicts.length === 0 ? { drops: entry.ref } : {}),
    }
    return reportOf(entry, await enterResult(repo, { current, index }, result))
  })
}

/** Forgets an entry; undo brings it back. Throws `no-such-stash`. */
export async function dropStash(repo: Repo, text: string | undefined): Promise<StashEntry> {
  return withLock(repo, async () => {
    const entry = await findStashEntry(repo, text)
    await applyChange(repo, { refs: [{ name: entry.ref, before: entry.id }] })
    return entry
  })
}

/** Forgets all entries, and answers them; undo brings them back. */
export async function clearStash(repo: Repo): Promise<StashEntry[]> {
  return withLock(repo, async () => {
    const entries = await listStash(repo)
    if (entries.length > 0) await applyChange(repo, { refs: entries.map(({ ref, id }) => ({ name: ref, before: id })) })
    return entries
  })
}

/** Goes on with the entry that was being applied, whatever is asked for: it may have been dropped already, so that others moved up. */
async function resumeApply(repo: Repo): Promise<ApplyStashReport | undefined> {
  const state = await readMergeState(repo)
  const [id] = state?.request ?? []
  const resumed = id && (await resumeInterrupted(repo, 'stash', [id]))
  return resumed && reportOf(await readStashEntry(repo, { ref: state?.drops ?? '', position: 0, id }), resumed)
}

interface MergedEntry {
  disk: Id
  staged: Id
  conflicts: Conflict[]
}

async function mergeEntry(
  repo: Repo,
  bench: Workbench,
  { entry, ours, withIndex }: { entry: StashEntry; ours: Id; withIndex: boolean },
): Promise<MergedEntry> {
  const base = decodeCommit(await bench.reader.read('commit', entry.base)).tree
  const mergeContent = contentMergerOf(repo)
  const merge = (theirs: Id) => mergeTrees(bench.reader, bench.emit, { base, ours, theirs, mergeContent, signal: repo.env.signal })
  const merged = await merge(entry.worktree)
  const restaged = withIndex ? await merge(entry.staged) : undefined
  if (restaged && restaged.conflicts.length > 0) {
    throw new DitsError('stash-index-conflict', 'what was staged cannot be staged again: it is in conflict with what is staged now', {
      hint: 'apply it without --index',
    })
  }
  return {
    disk: entry.untracked ? await withUntracked(bench, merged.tree, entry.untracked) : merged.tree,
    staged: restaged?.tree ?? (await withNewFiles(bench, ours, merged.tree)),
    conflicts: merged.conflicts,
  }
}

/** `ours` with the files that only `merged` has, which would not be tracked otherwise. */
async function withNewFiles(bench: Workbench, ours: Id, merged: Id): Promise<Id> {
  const edits: PathEdit[] = []
  for await (const { kind, path, after } of changesBetween(bench.reader, ours, merged, { renames: false })) {
    if (kind === 'added' && after) edits.push({ path, entry: entryFromTree(after) })
  }
  return edits.length === 0 ? ours : editTree(bench, ours, edits)
}

/** A tree with the untracked files of an entry in it. Throws `would-overwrite` where it has something else in their places. */
async function withUntracked(bench: Workbench, tree: Id, untracked: Id): Promise<Id> {
  const edits: PathEdit[] = []
  for await (const { path, after } of changesBetween(bench.reader, undefined, untracked, { renames: false })) {
    if (!after) continue
    const there = await entryAtPath(bench.reader, tree, path)
    for (const folder of foldersAbove(path)) {
      const onTheWay = await entryAtPath(bench.reader, tree, folder)
      if (onTheWay && onTheWay.kind !== 'directory') throw inTheWay(pathToText(folder))
    }
    if (!there) edits.push({ path, entry: entryFromTree(after) })
    else if (there.id !== after.id && !(there.kind === 'directory' && after.kind === 'directory')) throw inTheWay(pathToText(path))
  }
  return edits.length === 0 ? tree : editTree(bench, tree, edits)
}

async function editTree({ reader, emit }: Workbench, tree: Id, edits: PathEdit[]): Promise<Id> {
  return editIndexWith(emit, decodeIndex(await indexFromTree(reader, tree)), edits, 0).tree
}

function inTheWay(path: string): DitsError {
  return new DitsError('would-overwrite', `'${path}' is tracked by now, and was put aside as an untracked file`, {
    hint: `move what is tracked away with: dits mv '${path}' ANOTHER-NAME, and apply the entry again; or look at the entry with: dits stash show`,
  })
}

function reportOf(entry: StashEntry, { state, written, removed }: Entered): ApplyStashReport {
  return { entry, conflicts: state.conflicts, dropped: state.drops !== undefined, written, removed }
}
