import { emptyTree } from '../changing/edit-index.ts'
import { readCurrentHead } from '../changing/head.ts'
import { DitsError } from '../errors.ts'
import { contentMergerOf } from '../ghosts/merge-content.ts'
import { mergeTrees, type MergeResult } from '../history/merge-trees.ts'
import { decodeCommit, encodeCommit, type Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { withLock, type Repo } from '../repo.ts'
import { readIndex } from '../staging/stage.ts'
import { carryStaged } from '../changing/carry-staged.ts'
import { requireMerge } from './abort.ts'
import { committerAfter } from './committer.ts'
import { enterResult, resumeInterrupted, type Result, type Start } from './enter-result.ts'
import { readMergeState, type MergeState, type OpenConflict, type PickOptions } from './merge-state.ts'
import { checkCommittable, refuseDuringMerge } from './refuse.ts'
import { refuseStaged } from './refuse-staged.ts'
import { openWorkbench, type Workbench } from './workbench.ts'

export type PickCommand = 'cherry-pick' | 'revert'

export interface PickReport {
  /** The commits that HEAD stood and stands on. */
  before: Id
  after: Id
  /** The commits that were made, each from another. */
  made: { id: Id; from: Id; message: string }[]
  /** Commits whose change is here already. */
  skipped: Id[]
  /** Where it stopped: the commit whose change could not be merged. */
  stopped: { from: Id; conflicts: OpenConflict[] } | undefined
  /** Commits that are still to come. */
  todo: Id[]
  written: number
  removed: number
}

/**
 * Makes the changes of commits again on top of the one that HEAD stands on, a
 * commit for each, or takes them back (`revert`). They are made one from
 * another in the store, and the working tree goes to the last in one step, so
 * that undo takes them back in one step. It stops at the first whose change
 * cannot be merged: that waits, with both versions at hand, for `dits commit`
 * or `continuePicks`. A commit whose change is here already is passed over.
 *
 * Throws `would-overwrite`, `staged-changes`, `is-a-merge` and `no-such-parent`
 * (a merge commit needs `mainline`, which parent to compare with),
 * `no-commits`, `merge-in-progress`, `merge-interrupted`.
 */
export async function pickCommits(repo: Repo, command: PickCommand, commits: readonly Id[], options: PickOptions): Promise<PickReport> {
  return withLock(repo, async () => {
    const resumed = await resumeInterrupted(repo, command, commits)
    if (resumed) return describe(resumed.state, { made: [], skipped: [] }, resumed)
    const current = await readCurrentHead(repo)
    await refuseDuringMerge(repo, current.id)
    if (!current.id || !current.commit) throw new DitsError('no-commits', `there is no commit yet to ${command} on`, { hint: 'run: dits commit' })
    const start = { current, index: await readIndex(repo) }
    const bench = openWorkbench(repo)
    const tree = options.noCommit ? (start.index?.tree ?? current.commit.tree) : current.commit.tree
    const run = await runPicks(repo, bench, { command, commits, options, head: current.id, tree })
    if (run.stopped && !options.noCommit) refuseStaged(start, `the ${command} that has to wait for it`)
    const carried = options.noCommit ? run.tree : await carryStaged(bench, { from: current.commit.tree, staged: start.index?.tree, to: run.tree }, repo.env.signal)
    return putPicks(repo, start, bench, { ...run, tree: carried, command, request: [...commits], options })
  })
}

/**
 * Goes on with the commits that are left: commits the one whose conflicts are
 * resolved (or, with `skip`, leaves it out), and picks the others.
 *
 * Throws `no-merge-in-progress`, `unresolved-conflicts`, and what `pickCommits` throws.
 */
export async function continuePicks(repo: Repo, command: PickCommand, { skip }: { skip: boolean }): Promise<PickReport> {
  return withLock(repo, async () => {
    const interrupted = await readMergeState(repo)
    const resumed = interrupted && (await resumeInterrupted(repo, command, interrupted.request))
    if (resumed) return describe(resumed.state, { made: [], skipped: [] }, resumed)
    const current = await readCurrentHead(repo)
    const previous = await requireMerge(repo, command, current.id)
    if (!skip) checkCommittable(previous, {})
    const start = { current, index: await readIndex(repo), previous }
    const bench = openWorkbench(repo)
    const resolved = await commitResolved(repo, bench, start, skip)
    const options = previous.pick ?? {}
    const run = await runPicks(repo, bench, { command, commits: previous.todo, options, ...resolved })
    const made = [...resolved.made, ...run.made]
    const skipped = [...resolved.skipped, ...run.skipped]
    return putPicks(repo, start, bench, { ...run, made, skipped, command, request: previous.request, options })
  })
}

/** Commits that were made, up to the first that could not be. */
export interface Run {
  head: Id
  tree: Id
  made: PickReport['made']
  skipped: Id[]
  stopped: { from: Id; source: Commit; merged: MergeResult } | undefined
  todo: Id[]
}

/** Whose changes are to be made again, and on top of what. */
export interface Picks {
  command: PickCommand
  commits: readonly Id[]
  options: PickOptions
  /** Where it begins: the commit, and the tree that is on top of it. */
  head: Id
  tree: Id
}

/** Makes commits one from another, up to the first that cannot be; nothing refers to them yet. Throws `is-a-merge`, `no-such-parent`. */
export async function runPicks(repo: Repo, bench: Workbench, picks: Picks): Promise<Run> {
  const { command, commits, options } = picks
  const run: Run = { head: picks.head, tree: picks.tree, made: [], skipped: [], stopped: undefined, todo: [] }
  for (const [i, from] of commits.entries()) {
    const source = decodeCommit(await bench.reader.read('commit', from))
    const sides = await sidesOf(bench, { command, from, source, mainline: options.mainline })
    const mergeContent = contentMergerOf(repo)
    const merged = await mergeTrees(bench.reader, bench.emit, { ...sides, ours: run.tree, mergeContent, signal: repo.env.signal })
    if (merged.conflicts.length > 0) return { ...run, tree: merged.tree, stopped: { from, source, merged }, todo: commits.slice(i + 1) }
    if (merged.tree === run.tree) run.skipped.push(from)
    else if (!options.noCommit) {
      const message = messageOf(command, from, source, options)
      run.head = await writePick(repo, bench, { command, source, message, parent: run.head, tree: merged.tree })
      run.made.push({ id: run.head, from, message })
    }
    run.tree = merged.tree
  }
  return run
}

/** The trees between which a commit's change lies, in the direction that is wanted. */
async function sidesOf(
  { reader, emit }: Workbench,
  { command, from, source, mainline }: { command: PickCommand; from: Id; source: Commit; mainline: number | undefined },
): Promise<{ base: Id; theirs: Id }> {
  const before = await parentTree(reader, { from, source, mainline })
  const parent = before ?? emptyTree(emit)
  return command === 'revert' ? { base: source.tree, theirs: parent } : { base: parent, theirs: source.tree }
}

async function parentTree(
  reader: ObjectReader,
  { from, source, mainline }: { from: Id; source: Commit; mainline: number | undefined },
): Promise<Id | undefined> {
  const { parents } = source
  const shown = from.slice(0, 10)
  if (reader.shallow?.has(from)) {
    throw new DitsError('no-such-parent', `what came before '${shown}' was left behind, so its change cannot be told`, {
      hint: 'bring the history with: dits fetch --unshallow',
    })
  }
  if (parents.length > 1 && mainline === undefined) {
    throw new DitsError('is-a-merge', `'${shown}' is a merge: which of its parents is its change to be compared with?`, {
      hint: 'say it with -m 1 (the branch that was merged into) or -m 2 (the one that was merged)',
    })
  }
  const parent = parents[(mainline ?? 1) - 1]
  if (parent === undefined && (parents.length > 0 || mainline !== undefined)) {
    throw new DitsError('no-such-parent', `'${shown}' has ${parents.length} parents, and no number ${mainline}`, { hint: 'see: dits show' })
  }
  return parent === undefined ? undefined : decodeCommit(await reader.read('commit', parent)).tree
}

async function writePick(
  repo: Repo,
  bench: Workbench,
  { command, source, message, parent, tree }: { command: PickCommand; source: Commit; message: string; parent: Id; tree: Id },
): Promise<Id> {
  const committer = await committerAfter(repo, bench.reader, [parent])
  const author = command === 'cherry-pick' ? source.author : committer
  return bench.emit('commit', encodeCommit({ tree, parents: [parent], author, committer, message }))
}

/** The commit of what was resolved, where it changes anything; with `skip`, what was there before it. */
async function commitResolved(
  repo: Repo,
  bench: Workbench,
  { current, index, previous }: Start & { previous: MergeState },
  skip: boolean,
): Promise<{ head: Id; tree: Id } & Pick<PickReport, 'made' | 'skipped'>> {
  const { heads, pick = {}, message, author } = previous
  const before = { head: current.id!, tree: current.commit!.tree, made: [], skipped: [] }
  if (skip) return before
  const tree = index?.tree ?? before.tree
  const [from] = heads
  if (pick.noCommit || from === undefined) return { ...before, tree }
  if (tree === before.tree) return { ...before, skipped: [from] }
  const committer = await committerAfter(repo, bench.reader, [before.head])
  const commit = { tree, parents: [before.head], author: author ?? committer, committer, message }
  const id = bench.emit('commit', encodeCommit(commit))
  return { head: id, tree, made: [{ id, from, message }], skipped: [] }
}

async function putPicks(
  repo: Repo,
  start: Start,
  bench: Workbench,
  run: Run & { command: PickCommand; request: Id[]; options: PickOptions },
): Promise<PickReport> {
  await bench.flush()
  const { stopped, command, options } = run
  const result: Result = {
    command,
    request: run.request,
    heads: stopped ? [stopped.from] : [],
    todo: run.todo,
    pick: options,
    endsWith: options.noCommit ? 'resolution' : 'commit',
    theirName: stopped ? stopped.from.slice(0, 10) : '',
    message: stopped ? messageOf(command, stopped.from, stopped.source, options) : '',
    ...(stopped && command === 'cherry-pick' ? { author: stopped.source.author } : {}),
    conflicts: stopped?.merged.conflicts ?? [],
    head: run.head,
    disk: run.tree,
    staged: run.tree,
  }
  const entered = await enterResult(repo, start, result)
  return describe(entered.state, run, entered)
}

function describe(state: MergeState, run: Pick<Run, 'made' | 'skipped'>, { written, removed }: { written: number; removed: number }): PickReport {
  const [from] = state.heads
  return {
    before: state.from.head!,
    after: state.head!,
    made: run.made,
    skipped: run.skipped,
    stopped: from === undefined ? undefined : { from, conflicts: state.conflicts },
    todo: state.todo,
    written,
    removed,
  }
}

function messageOf(command: PickCommand, from: Id, { message }: Commit, options: PickOptions): string {
  if (command === 'revert') return `Revert "${message.split('\n')[0]}"\n\nThis reverts commit ${from}.`
  return options.noteOrigin ? `${message}\n\n(cherry picked from commit ${from})` : message
}
