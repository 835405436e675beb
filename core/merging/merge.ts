import { carryStaged } from '../changing/carry-staged.ts'
import { readCurrentHead, shortRefName, type CurrentHead } from '../changing/head.ts'
import { DitsError } from '../errors.ts'
import { contentMergerOf } from '../ghosts/merge-content.ts'
import { isAncestor } from '../history/ancestry.ts'
import { mergeCommits } from '../history/merge-commits.ts'
import type { MergeResult } from '../history/merge-trees.ts'
import { decodeCommit, encodeCommit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import { withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { committerAfter } from './committer.ts'
import { enterResult, resumeInterrupted, type Entered, type Result, type Start } from './enter-result.ts'
import type { OpenConflict } from './merge-state.ts'
import { refuseDuringMerge } from './refuse.ts'
import { refuseStaged } from './refuse-staged.ts'
import { openWorkbench, type Workbench } from './workbench.ts'

/** What is to be merged, and what it is called. */
export interface MergeTarget {
  id: Id
  name: string
  kind: 'branch' | 'remote' | 'tag' | 'commit'
}

export interface MergeOptions {
  /** The message of the merge commit; by default it says what was merged. */
  message?: string | undefined
  /** Whether the branch may just move forward, must, or must not. */
  forward: 'may' | 'must' | 'never'
  /** Make the merge commit where nothing is in conflict; otherwise it waits for `dits commit`. */
  commit: boolean
  /** Only stage what the other side changed, for an ordinary commit. */
  squash?: boolean
  /** Merge even what has no commit in common. */
  unrelated?: boolean
}

export interface MergeReport {
  outcome: 'up-to-date' | 'fast-forward' | 'merged' | 'conflicts' | 'waiting' | 'staged'
  /** The commits that HEAD stood and stands on; absent before the first one. */
  before: Id | undefined
  after: Id | undefined
  conflicts: OpenConflict[]
  written: number
  removed: number
}

/**
 * Merges a commit into the one that HEAD stands on: nothing where it is in it
 * already, a move of the branch where nothing else happened on it, and
 * otherwise a commit of both, over all their best common ancestors. What
 * cannot be merged waits, with both versions at hand, to be resolved and
 * committed. Uncommitted changes stay, unless the merge touches their files.
 *
 * Throws `would-overwrite`, `staged-changes`, `not-fast-forward`, `unrelated-histories`,
 * `merge-in-progress`, `merge-interrupted`, `too-many-conflicts`.
 */
export async function mergeInto(repo: Repo, target: MergeTarget, options: MergeOptions): Promise<MergeReport> {
  return withLock(repo, async () => {
    const resumed = await resumeInterrupted(repo, 'merge', [target.id])
    if (resumed) return reportOf(resumed)
    const current = await readCurrentHead(repo)
    await refuseDuringMerge(repo, current.id)
    const start = { current, index: await readIndex(repo) }
    if (current.id && (await isAncestor(repo.objects, target.id, current.id))) return upToDate(current.id)
    const canForward = !current.id || (await isAncestor(repo.objects, current.id, target.id))
    if (canForward && options.forward !== 'never' && !options.squash) return reportOf(await forward(repo, start, target))
    if (options.forward === 'must') {
      throw new DitsError('not-fast-forward', `'${target.name}' has gone another way, so the branch cannot just move forward to it`, {
        hint: `merge it without --ff-only: dits merge ${target.name}`,
      })
    }
    return reportOf(await mergeTrue(repo, start, target, options))
  })
}

async function forward(repo: Repo, start: Start, target: MergeTarget): Promise<Entered> {
  const bench = openWorkbench(repo)
  const { tree } = decodeCommit(await repo.objects.read('commit', target.id))
  const result = { ...named(target), message: '', head: target.id, conflicts: [] }
  return enterResult(repo, start, await withStaged(repo, bench, start, tree, result))
}

async function mergeTrue(repo: Repo, start: Start, target: MergeTarget, options: MergeOptions): Promise<Entered> {
  const ours = start.current.id
  if (!ours) throw new DitsError('no-commits', 'there is no commit yet to merge into', { hint: 'leave out --no-ff' })
  const bench = openWorkbench(repo)
  const merged = await mergeCommits(bench.reader, bench.emit, {
    ours,
    theirs: target.id,
    mergeContent: contentMergerOf(repo),
    signal: repo.env.signal,
  })
  if (merged.bases.length === 0 && !options.unrelated) throw unrelated(target, repo.objects.shallow.size > 0)
  const message = options.message ?? defaultMessage(target, start.current)
  const { squash = false } = options
  const waits = merged.conflicts.length > 0 || (!options.commit && !squash)
  if (waits || squash) refuseStaged(start, 'a merge that has to wait for its commit')
  const head = waits || squash ? ours : await writeMerge(repo, bench, { ours, target, merged, message })
  const ends: Partial<Result> = squash ? { heads: [], endsWith: 'resolution' } : {}
  const result = { ...named(target), ...ends, message, head, conflicts: merged.conflicts, waits }
  return enterResult(repo, start, await withStaged(repo, bench, start, merged.tree, result))
}

/** Completes a result with the trees that the working tree and the index are brought to; everything is durable then. */
async function withStaged(
  repo: Repo,
  bench: Workbench,
  { current, index }: Start,
  to: Id,
  result: Omit<Result, 'disk' | 'staged'>,
): Promise<Result> {
  const tree = await carryStaged(bench, { from: current.commit?.tree, staged: index?.tree, to }, repo.env.signal)
  await bench.flush()
  return { ...result, disk: tree, staged: tree }
}

async function writeMerge(
  repo: Repo,
  bench: Workbench,
  { ours, target, merged, message }: { ours: Id; target: MergeTarget; merged: MergeResult; message: string },
): Promise<Id> {
  const parents = [ours, target.id]
  const person = await committerAfter(repo, bench.reader, parents)
  return bench.emit('commit', encodeCommit({ tree: merged.tree, parents, author: person, committer: person, message }))
}

function named(target: MergeTarget): Pick<Result, 'command' | 'request' | 'heads' | 'todo' | 'endsWith' | 'theirName'> {
  return { command: 'merge', request: [target.id], heads: [target.id], todo: [], endsWith: 'commit', theirName: target.name }
}

function unrelated({ name }: MergeTarget, isShallow: boolean): DitsError {
  if (isShallow) {
    return new DitsError('unrelated-histories', `'${name}' has no commit in common with the current branch in the part of the history that is here`, {
      hint: 'bring the rest with: dits fetch --unshallow',
    })
  }
  return new DitsError('unrelated-histories', `'${name}' has no commit in common with the current branch`, {
    hint: 'if it is meant to become a part of it all the same, say --allow-unrelated-histories',
  })
}

function defaultMessage({ name, kind }: MergeTarget, { branch }: CurrentHead): string {
  const what = { branch: 'branch', remote: 'remote-tracking branch', tag: 'tag', commit: 'commit' }[kind]
  const into = branch && !mainBranches.includes(shortRefName(branch)) ? ` into ${shortRefName(branch)}` : ''
  return `Merge ${what} '${name}'${into}`
}

/** Branches into which merging is so usual that the message need not say it. */
const mainBranches = ['main', 'master']

function reportOf({ state, written, removed }: Entered): MergeReport {
  const before = state.from.head
  const waiting = state.conflicts.length > 0 ? 'conflicts' : 'waiting'
  const made = state.head === before ? 'staged' : state.head === state.request[0] ? 'fast-forward' : 'merged'
  return { outcome: state.phase === 'opening' ? waiting : made, before, after: state.head, conflicts: state.conflicts, written, removed }
}

function upToDate(id: Id): MergeReport {
  return { outcome: 'up-to-date', before: id, after: id, conflicts: [], written: 0, removed: 0 }
}
