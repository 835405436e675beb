import { pathToText } from '../bytes.ts'
import { editIndexWith, emptyTree, entryFromTree, type PathEdit } from '../changing/edit-index.ts'
import { readCurrentHead, shortRefName, type CurrentHead } from '../changing/head.ts'
import { makeChange, recordChange } from '../changing/operation.ts'
import { updateWorktree } from '../changing/update-worktree.ts'
import { DitsError } from '../errors.ts'
import { refuseChangedGhosts } from '../ghosts/refuse-changed.ts'
import { changesBetween } from '../history/changes.ts'
import type { IngestedFile } from '../ingest/file-ingester.ts'
import { encodeCommit, type Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import { listStashRefs, nextStashName } from '../refs/stash-refs.ts'
import { withLock, type Repo } from '../repo.ts'
import { emptyIndex, findChanges } from '../staging/changes.ts'
import type { Pathspec } from '../staging/pathspec.ts'
import { jobsOf, readIndex } from '../staging/stage.ts'
import { storeFiles } from '../staging/store-files.ts'
import { readDiskClock } from '../worktree/disk.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { indexFromTree } from '../worktree/index-tree.ts'
import type { WorkChange } from '../worktree/status.ts'
import { committerAfter } from './committer.ts'
import { refuseDuringMerge } from './refuse.ts'
import { openWorkbench, type Workbench } from './workbench.ts'

export interface StashOptions {
  /** What it is; by default the commit that HEAD stands on. */
  message?: string | undefined
  /** Only these paths; everything where it names none. */
  spec: Pathspec
  /** Put untracked files aside, too. */
  untracked: boolean
  /** Leave what is staged where it is. */
  keepIndex: boolean
}

export interface StashReport {
  ref: string
  id: Id
  message: string
  /** Tracked files whose content was put aside, and untracked ones. */
  files: number
  untracked: number
}

/**
 * Puts uncommitted changes aside: stores them as an entry of the stash, and
 * brings the index and the working tree back to the commit that HEAD stands
 * on. `undefined` where there is nothing to put aside. Order: the content and
 * the commits are durable; then the ref, so that from here on nothing can be
 * lost; only then the working tree, and the index. After a crash the entry is
 * there, and `dits stash pop` or `dits undo` bring back what had gone.
 *
 * Throws `no-commits`, `merge-in-progress`, `would-overwrite` where a file
 * changed meanwhile, and the codes of files that cannot be read.
 */
export async function pushStash(repo: Repo, options: StashOptions): Promise<StashReport | undefined> {
  return withLock(repo, async () => {
    const current = await readCurrentHead(repo)
    await refuseDuringMerge(repo, current.id)
    if (!current.id || !current.commit) throw new DitsError('no-commits', 'there is no commit yet to go back to', { hint: 'run: dits commit' })
    const writtenMs = readDiskClock(repo.folder)
    const index = (await readIndex(repo)) ?? emptyIndex()
    const bench = openWorkbench(repo)
    const work = await storeWork(repo, bench, index, options)
    const edits = await stagedEdits(bench, { head: current.commit.tree, staged: index.tree, spec: options.spec })
    if (work.tracked.length + work.untracked.length + edits.length === 0) return undefined
    const trees = await makeTrees(bench, { repo, index, head: current.commit.tree, staged: edits, work, options, writtenMs })
    const message = titleOf(current, options.message)
    const id = await writeEntry(repo, bench, { head: current.id, trees, message })
    await bench.flush()
    const ref = nextStashName(await listStashRefs(repo.refs))
    const staged = { before: index.tree, after: trees.target }
    const disk = trees.onDisk.tree ? { before: trees.onDisk.tree, after: trees.target } : undefined
    const update = await updateWorktree(repo, trees.onDisk, trees.target, {
      policy: 'refuse',
      // Only once nothing is in the way, or a refusal would leave an entry behind.
      begin: async () => {
        await recordChange(repo, { refs: [{ name: ref, after: id }], index: staged, worktree: true, disk })
        await repo.refs.move(ref, undefined, id)
      },
    })
    await makeChange(repo, { index: { ...staged, bytes: update.index } })
    return { ref, id, message, files: new Set([...work.tracked, ...edits].map(({ path }) => path)).size, untracked: work.untracked.length }
  })
}

/** What the working tree has that the index has not, stored. */
interface Work {
  tracked: PathEdit[]
  untracked: PathEdit[]
}

async function storeWork(repo: Repo, bench: Workbench, index: Index, options: StashOptions): Promise<Work> {
  const changes: WorkChange[] = []
  const untracked = options.untracked ? 'all' : 'none'
  for await (const change of findChanges(repo, index, options.spec, { untracked, hash: false })) {
    if (change.change !== 'skipped') changes.push(change)
  }
  await refuseChangedGhosts(repo, changes)
  const { files, failures } = await storeFiles(repo, jobsOf(repo, changes))
  const [first] = failures
  if (first) throw new DitsError(first.code, `'${pathToText(first.path)}' ${first.message}`, { hint: 'nothing was put aside; try again' })
  const stored = new Map(files.map((file) => [file.path, file]))
  const work: Work = { tracked: [], untracked: [] }
  for (const { path, change, kind } of changes) {
    const file = stored.get(path)
    if (change === 'deleted') work.tracked.push({ path, entry: undefined })
    else if (change === 'untracked') work.untracked.push({ path, entry: kind === 'directory' ? emptyFolder(bench) : file })
    else if (file && !isSame(index, file)) work.tracked.push({ path, entry: file })
  }
  return work
}

/** Whether a file that had to be read turned out to be what is staged. */
function isSame(index: Index, { path, kind, hash }: IngestedFile): boolean {
  const entry = index.get(path)
  return entry?.hash === hash && entry.kind === kind
}

function emptyFolder({ emit }: Workbench): NonNullable<PathEdit['entry']> {
  const id = emptyTree(emit)
  return { kind: 'directory', content: 'tree', size: 0, id, hash: id }
}

/** What is staged against HEAD at the paths, as edits of HEAD's tree, each with what HEAD has. */
interface StagedEdit extends PathEdit {
  before: PathEdit['entry']
}

async function stagedEdits({ reader }: Workbench, trees: { head: Id; staged: Id | undefined; spec: Pathspec }): Promise<StagedEdit[]> {
  const edits: StagedEdit[] = []
  for await (const { path, before, after } of changesBetween(reader, trees.head, trees.staged, { renames: false })) {
    if (trees.spec.matches(path)) edits.push({ path, before: before && entryFromTree(before), entry: after && entryFromTree(after) })
  }
  return edits
}

interface StashTrees {
  /** What is on disk at the paths and staged elsewhere, with the stat data of what was read. */
  onDisk: Index
  /** What the index and the working tree become. */
  target: Id
  staged: Id
  worktree: Id
  untracked: Id | undefined
}

async function makeTrees(
  { reader, emit }: Workbench,
  job: { repo: Repo; index: Index; head: Id; staged: StagedEdit[]; work: Work; options: StashOptions; writtenMs: number },
): Promise<StashTrees> {
  const { index, head, staged, work, options, writtenMs } = job
  const edit = (base: Index | undefined, edits: PathEdit[]) => editIndexWith(emit, base, edits, writtenMs)
  const isAll = options.spec.all
  const whole = edit(index, [])
  const stagedIndex = isAll ? whole : edit(decodeIndex(await indexFromTree(reader, head, index)), staged)
  const onDisk = edit(index, [...work.tracked, ...work.untracked])
  const unstaged = () => (isAll ? head : edit(index, staged.map(({ path, before }) => ({ path, entry: before }))).tree)
  return {
    onDisk: decodeIndex(onDisk.bytes),
    target: options.keepIndex ? whole.tree : unstaged(),
    staged: stagedIndex.tree,
    worktree: edit(decodeIndex(stagedIndex.bytes), work.tracked).tree,
    untracked: work.untracked.length > 0 ? edit(undefined, work.untracked).tree : undefined,
  }
}

function titleOf({ branch, id, commit }: CurrentHead, message: string | undefined): string {
  const place = branch ? shortRefName(branch) : '(no branch)'
  return message ? `On ${place}: ${message}` : `WIP on ${place}: ${id!.slice(0, 10)} ${commit!.message.split('\n')[0]}`
}

/** Writes the commits of an entry, as git has them (FORMAT.md, "Stash"). */
async function writeEntry(repo: Repo, { reader, emit }: Workbench, entry: { head: Id; trees: StashTrees; message: string }): Promise<Id> {
  const { head, trees, message } = entry
  const person = await committerAfter(repo, reader, [head])
  const write = (commit: Pick<Commit, 'tree' | 'parents' | 'message'>) => emit('commit', encodeCommit({ ...commit, author: person, committer: person }))
  const rest = message.replace(/^(WIP on|On) /, '')
  const staged = write({ tree: trees.staged, parents: [head], message: `index on ${rest}` })
  const untracked = trees.untracked && write({ tree: trees.untracked, parents: [], message: `untracked files on ${rest}` })
  return write({ tree: trees.worktree, parents: [head, staged, ...(untracked ? [untracked] : [])], message })
}
