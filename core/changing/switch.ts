import { refuseDuringMerge } from '../merging/refuse.ts'
import { readMergeState } from '../merging/merge-state.ts'
import { openWorkbench } from '../merging/workbench.ts'
import type { Id } from '../objects/id.ts'
import type { Head } from '../refs/refs.ts'
import { withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { modifiedPaths } from '../staging/changes.ts'
import { carryStaged } from './carry-staged.ts'
import { changeWorktree } from './change-worktree.ts'
import { readCommit, readCurrentHead } from './head.ts'
import type { PlannedChange } from './operation.ts'

export interface SwitchReport {
  before: { head: Head; id: Id | undefined }
  after: { head: Head; id: Id }
  written: number
  /** Files that were written without content. */
  ghosts: number
  removed: number
  /** True where uncommitted files were replaced; undo brings them back. */
  saved: boolean
}

const hint = 'commit it, put it aside with: dits stash, or go on without it with --force (dits undo brings it back)'

/**
 * Goes to a commit: HEAD to `head`, the index and the working tree to the
 * commit's tree. Uncommitted changes stay where the commit does not touch the
 * same files; otherwise it throws `would-overwrite` and changes nothing. With
 * `force` they are saved for undo, and everything becomes as in the commit.
 */
export async function switchTo(repo: Repo, target: { id: Id; head: Head; create?: boolean }, options: { force: boolean }): Promise<SwitchReport> {
  return withLock(repo, async () => {
    const current = await readCurrentHead(repo)
    const merge = await readMergeState(repo)
    if (!options.force) await refuseDuringMerge(repo, current.id)
    const index = await readIndex(repo)
    const wanted = (await readCommit(repo, target.id)).tree
    const bench = openWorkbench(repo)
    const trees = { from: current.commit?.tree, staged: index?.tree, to: wanted }
    const tree = options.force ? wanted : await carryStaged(bench, trees, repo.env.signal)
    await bench.flush()
    const also = options.force ? await modifiedPaths(repo, index) : new Set<never>()
    const change: PlannedChange = {
      ...(target.create && 'branch' in target.head ? { refs: [{ name: target.head.branch, after: target.id }] } : {}),
      index: { before: index?.tree, after: tree },
      head: { before: current.head, after: target.head },
      merge: merge && (merge.phase === 'open' ? { before: merge } : {}),
    }
    const update = await changeWorktree(repo, { from: index, target: tree, policy: options.force ? 'save' : 'refuse', hint, also, change })
    return {
      before: { head: current.head, id: current.id },
      after: { head: target.head, id: target.id },
      written: update.written,
      ghosts: update.ghosts,
      removed: update.removed,
      saved: update.saved !== undefined,
    }
  })
}

/**
 * True where the last operation made this branch and was going there, but was
 * cut off before HEAD moved: making it again has only to go there.
 */
export async function wasCutOff(repo: Repo, branch: string): Promise<boolean> {
  const last = await repo.oplog.latest()
  const { before, after } = last?.head ?? {}
  if (!last || !before || !after || !('branch' in after) || after.branch !== branch) return false
  const made = last.refs.find((move) => move.name === branch && move.before === undefined)
  return made?.after !== undefined && made.after === (await repo.refs.read(branch)) && sameHead(before, await repo.refs.readHead())
}

function sameHead(a: Head, b: Head): boolean {
  return 'branch' in a ? 'branch' in b && a.branch === b.branch : 'id' in b && a.id === b.id
}
