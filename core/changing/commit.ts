import { pathToText } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { changeShallow } from '../history/shallow.ts'
import { decodeCommit, encodeCommit, type Commit, type Person } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import { committerAfter } from '../merging/committer.ts'
import { readLiveMerge, type MergeMove, type MergeState } from '../merging/merge-state.ts'
import { checkCommittable } from '../merging/refuse.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import { everyPath } from '../staging/pathspec.ts'
import { readIndex, stagePaths } from '../staging/stage.ts'
import { emptyTree } from './edit-index.ts'
import { headMove, readCurrentHead, readCommit, type CurrentHead } from './head.ts'
import { applyChange, type Change } from './operation.ts'

export interface CommitOptions {
  message?: string | undefined
  /** Replaces the commit that HEAD stands on; its message stays where none is given. */
  amend?: boolean
  /** Allows a commit that changes nothing. */
  allowEmpty?: boolean
  /** Stages changes of tracked files first, as a part of the same operation. */
  all?: boolean
  author?: Person | undefined
}

export interface CommitReport {
  id: Id
  commit: Commit
  /** The branch that moved; `undefined` where HEAD is detached. */
  branch: string | undefined
  /** The tree before, for saying what changed. */
  before: Id | undefined
}

/**
 * Records what is staged as a new commit and moves the branch (or the detached
 * HEAD) to it. The commit is durable before the branch moves.
 *
 * Throws `nothing-to-commit`, `unresolved-conflicts`, `empty-message`, and with
 * `all` what `addPaths` throws, and of a file that cannot be read its code;
 * nothing is staged then.
 */
export async function commitStaged(repo: Repo, options: CommitOptions): Promise<CommitReport> {
  return withLock(repo, async () => {
    const staged = options.all ? await stageTracked(repo) : undefined
    const { current, merge } = await checkCommit(repo, options, staged)
    const message = tidyMessage(options.message ?? (options.amend ? current.commit?.message : merge?.message))
    const writer = await openWriter(repo)
    const tree = (staged ? staged.after : (await readIndex(repo))?.tree) ?? emptyTree((kind, bytes) => writer.write(kind, bytes))
    // Where the parents were left behind, the commit that replaces this one has them all the same.
    const isCut = options.amend === true && repo.objects.shallow.has(current.id!)
    const known = parentsOf(current, options.amend === true, merge?.command === 'merge' ? merge.heads : [])
    const parents = isCut ? decodeCommit(await repo.objects.read('commit', current.id!)).parents : known
    const before = options.amend ? await treeOf(repo, known[0]) : current.commit?.tree
    const committer = await committerAfter(repo, repo.objects, known)
    const author = options.author ?? (options.amend ? current.commit!.author : (merge?.author ?? committer))
    const commit: Commit = { tree, parents, author, committer, message }
    const id = writer.write('commit', encodeCommit(commit))
    await writer.flush()
    if (isCut) await changeShallow(repo.store, { add: [id] })
    await applyChange(repo, { ...headMove(current, id), index: staged, merge: merge ? moveOfCommit(merge, id) : {} })
    return { id, commit, branch: current.branch, before }
  })
}

/** Stages changes of tracked files, as far as that needs no operation of its own: settling conflicts does. Answers what is left to do. */
async function stageTracked(repo: Repo): Promise<Change['index']> {
  const { report, change } = await stagePaths(repo, everyPath, { trackedOnly: true })
  const [first] = report.failures
  if (first) throw new DitsError(first.code, `'${pathToText(first.path)}' ${first.message}`, { hint: 'nothing was committed; try again' })
  if (!change?.merge) return change?.index
  await applyChange(repo, change)
  return undefined
}

/**
 * Looks whether there is anything to commit, before anybody is asked for a
 * message; with `staged` as the index where that is about to be. Throws `nothing-to-commit`, `nothing-to-amend`,
 * `unresolved-conflicts`, `merge-interrupted` and `merge-in-progress`.
 */
export async function checkCommit(repo: Repo, options: Pick<CommitOptions, 'amend' | 'allowEmpty'>, staged?: Change['index']): Promise<{ current: CurrentHead; merge: MergeState | undefined }> {
  const current = await readCurrentHead(repo)
  const merge = await readLiveMerge(repo, current.id)
  if (merge) checkCommittable(merge, options)
  if (options.amend && !current.commit) throw new DitsError('nothing-to-amend', 'there is no commit to amend yet')
  const mayBeSame = options.amend === true || options.allowEmpty === true || merge?.command === 'merge'
  const tree = staged ? staged.after : (await readIndex(repo))?.tree
  const isSame = current.commit ? tree === current.commit.tree : tree === undefined || (await isEmptyTree(repo, tree))
  if (mayBeSame || !isSame) return { current, merge }
  throw new DitsError('nothing-to-commit', 'nothing is staged that is not committed already', {
    hint: 'stage changes with: dits add FILE…; or see: dits status',
  })
}

/** What a commit means for a merge in progress: it ends, or where more commits are to be picked, waits for `--continue`. */
function moveOfCommit(merge: MergeState, id: Id): MergeMove {
  if (merge.todo.length === 0) return { before: merge }
  const { author, ...rest } = merge
  return { before: merge, after: { ...rest, head: id, heads: [], message: '' } }
}

function parentsOf(current: CurrentHead, amend: boolean, merged: readonly Id[]): Id[] {
  if (amend) return current.commit!.parents
  return current.id ? [current.id, ...merged.filter((id) => id !== current.id)] : [...merged]
}

async function treeOf(repo: Repo, commit: Id | undefined): Promise<Id | undefined> {
  return commit ? (await readCommit(repo, commit)).tree : undefined
}

async function isEmptyTree(repo: Repo, tree: Id): Promise<boolean> {
  if (!(await repo.objects.has(tree))) return true
  const bytes = await repo.objects.read('tree', tree)
  return bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0
}

/** Without trailing blanks and surrounding empty lines. Throws `empty-message`. */
function tidyMessage(message: string | undefined): string {
  const lines = (message ?? '').split('\n').map((line) => line.trimEnd())
  while (lines[0] === '') lines.shift()
  while (lines.at(-1) === '') lines.pop()
  if (lines.length > 0) return lines.join('\n')
  throw new DitsError('empty-message', 'a commit needs a message', { hint: 'run: dits commit -m "what changed and why"' })
}
