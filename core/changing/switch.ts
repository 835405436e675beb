import { pathToText } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { readMergeState } from '../merging/merge-state.ts'
import { sameEntry, type TreeEntry } from '../objects/tree-entry.ts'
import { diffTrees } from '../objects/tree-walk.ts'
import { entryAtPath } from '../objects/tree.ts'
import type { Id } from '../objects/id.ts'
import type { Head } from '../refs/refs.ts'
import { withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { modifiedPaths } from '../staging/changes.ts'
import { editIndex, entryFromTree, type PathEdit } from './edit-index.ts'
import { readCommit, readCurrentHead } from './head.ts'
import { applyChange } from './operation.ts'
import { updateWorktree } from './update-worktree.ts'
import { decodeIndex } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'

export interface SwitchReport {
  before: { head: Head; id: Id | undefined }
  after: { head: Head; id: Id }
  written: number
  removed: number
  /** True where uncommitted files were replaced; undo brings them back. */
  saved: boolean
}

/**
 * Goes to a commit: HEAD to `head`, the index and the working tree to the
 * commit's tree. Uncommitted changes stay where the commit does not touch the
 * same files; otherwise it throws `would-overwrite` and changes nothing. With
 * `force` they are saved for undo, and everything becomes as in the commit.
 */
export async function switchTo(repo: Repo, target: { id: Id; head: Head; create?: boolean }, options: { force: boolean }): Promise<SwitchReport> {
  return withLock(repo, async () => {
    const current = await readCurrentHead(repo)
    if (!options.force) await refuseDuringMerge(repo)
    const index = await readIndex(repo)
    const wanted = (await readCommit(repo, target.id)).tree
    const tree = options.force ? wanted : await carryStaged(repo, { from: current.commit?.tree, staged: index?.tree, to: wanted })
    const also = options.force ? await modifiedPaths(repo, index) : new Set<never>()
    const update = await updateWorktree(repo, index, tree, { policy: options.force ? 'save' : 'refuse', also })
    await applyChange(repo, {
      ...(target.create && 'branch' in target.head ? { refs: [{ name: target.head.branch, after: target.id }] } : {}),
      index: { bytes: update.index, before: index?.tree, after: tree },
      head: { before: current.head, after: target.head },
      saved: update.saved,
      worktree: true,
    })
    return {
      before: { head: current.head, id: current.id },
      after: { head: target.head, id: target.id },
      written: update.written,
      removed: update.removed,
      saved: update.saved !== undefined,
    }
  })
}

/** Throws `merge-in-progress` where a merge waits for its conflicts to be resolved. */
export async function refuseDuringMerge(repo: Repo): Promise<void> {
  const merge = await readMergeState(repo)
  if (!merge) return
  throw new DitsError('merge-in-progress', `a ${merge.command} is in progress`, {
    hint: `finish it with: dits commit; or give it up with: dits ${merge.command} --abort`,
  })
}

/** The tree `to` with what is staged against `from` on top. Throws `would-overwrite` where both change the same path. */
async function carryStaged(repo: Repo, trees: { from: Id | undefined; staged: Id | undefined; to: Id }): Promise<Id> {
  const { from, staged, to } = trees
  if (staged === undefined || staged === from || staged === to) return to
  const edits: PathEdit[] = []
  for await (const { path, after } of diffTrees(repo.objects, from, staged)) {
    if (after?.kind === 'directory') continue
    const before = from === undefined ? undefined : await entryAtPath(repo.objects, from, path)
    const there = await entryAtPath(repo.objects, to, path)
    if (!sameContent(before, there) && !sameContent(after, there)) {
      throw new DitsError('would-overwrite', `'${pathToText(path)}' is staged, and also differs in the version to go to`, {
        hint: 'commit it, put it aside with: dits stash, or go on without it with --force (dits undo brings it back)',
      })
    }
    edits.push({ path, entry: after ? entryFromTree(after) : undefined })
  }
  const base = decodeIndex(await indexFromTree(repo.objects, to))
  return (await editIndex(repo, base, edits, 0)).tree
}

function sameContent(a: TreeEntry | undefined, b: TreeEntry | undefined): boolean {
  return sameEntry(a, b) || (a?.kind === 'directory' && b?.kind === 'directory')
}
