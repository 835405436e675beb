import { pathToText, type BytePath } from '../bytes.ts'
import { editIndexWith, type PathEdit } from '../changing/edit-index.ts'
import { readCurrentHead } from '../changing/head.ts'
import { makeChange, recordChange } from '../changing/operation.ts'
import { updateWorktree } from '../changing/update-worktree.ts'
import { DitsError } from '../errors.ts'
import type { IngestedFile } from '../ingest/file-ingester.ts'
import type { SizedJob } from '../ingest/ingest.ts'
import { walkTree } from '../objects/tree-walk.ts'
import { withLock, type Repo } from '../repo.ts'
import { emptyIndex } from '../staging/changes.ts'
import type { Pathspec } from '../staging/pathspec.ts'
import { readIndex } from '../staging/stage.ts'
import { storeFiles } from '../staging/store-files.ts'
import { checkUnchanged } from '../worktree/content-hash.ts'
import { lookAt } from '../worktree/disk.ts'
import type { Index, IndexEntry } from '../worktree/index-file.ts'
import { Placer } from '../worktree/place.ts'
import { isBesideEdited } from './beside-files.ts'
import { besidePath, keptMark, placeNear } from './beside-path.ts'
import { readLiveMerge, type ConflictSide, type MergeState, type OpenConflict } from './merge-state.ts'
import { interrupted } from './refuse.ts'
import { conflictsWithout, moveOfResolution } from './resolve-by-staging.ts'
import { openWorkbench, type Workbench } from './workbench.ts'

/** Whose version stays: ours, theirs, or both beside each other. */
export type Choice = 'ours' | 'theirs' | 'both'

export interface ResolveReport {
  /** What was resolved, and where the other version went where both were kept. */
  resolved: { path: BytePath; kept: BytePath | undefined }[]
  /** Conflicts that are left. */
  left: OpenConflict[]
  state: MergeState
  /** True where work in files that were replaced was saved; undo brings it back. */
  saved: boolean
}

/**
 * Resolves conflicts by taking one side, or both: what lies at our path and in
 * the file beside it now, with whatever was done in them since. The result is
 * staged. Undo opens the conflicts again.
 *
 * Throws `no-merge-in-progress`, `merge-interrupted`, `not-in-conflict` for a
 * name without a conflict, and the codes of files that cannot be read.
 */
export async function resolveConflicts(repo: Repo, spec: Pathspec, choice: Choice): Promise<ResolveReport> {
  return withLock(repo, async () => {
    const state = await requireOpenMerge(repo)
    const chosen = chosenConflicts(state, spec)
    const index = (await readIndex(repo)) ?? emptyIndex()
    const worked = await storeWork(repo, index, chosen)
    const bench = openWorkbench(repo)
    const plan = await planEdits(repo, bench, { state, index, chosen, choice, worked })
    const { tree } = editIndexWith(bench.emit, index, plan.edits, index.writtenMs)
    await bench.flush()
    const staged = { before: index.tree, after: tree }
    const merge = moveOfResolution(state, chosen)
    const update = await updateWorktree(repo, index, tree, {
      policy: 'save-tracked',
      also: plan.also,
      begin: (saved) => recordChange(repo, { index: staged, saved, worktree: true, merge }),
    })
    removeTaken(repo, chosen, worked, choice)
    await makeChange(repo, { index: { ...staged, bytes: update.index }, merge })
    const left = conflictsWithout(state, chosen)
    return { resolved: plan.resolved, left, state, saved: update.saved !== undefined }
  })
}

/** The merge that waits for a person. Throws `no-merge-in-progress` and `merge-interrupted`. */
export async function requireOpenMerge(repo: Repo): Promise<MergeState> {
  const state = await readLiveMerge(repo, (await readCurrentHead(repo)).id)
  if (!state) throw new DitsError('no-merge-in-progress', 'no merge is in progress', { hint: 'see: dits status' })
  if (state.phase !== 'open') throw interrupted(state)
  return state
}

function chosenConflicts(state: MergeState, spec: Pathspec): OpenConflict[] {
  const names = ({ path, beside, theirs }: OpenConflict) => [path, beside, theirs?.path].filter((name) => name !== undefined)
  for (const literal of spec.literals) {
    const isNamed = (name: BytePath) => literal === '' || name === literal || name.startsWith(`${literal}/`)
    if (!state.conflicts.some((conflict) => names(conflict).some(isNamed))) {
      throw new DitsError('not-in-conflict', `'${pathToText(literal)}' is not in conflict`, { hint: 'see: dits resolve --list' })
    }
  }
  return state.conflicts.filter((conflict) => names(conflict).some((name) => spec.matches(name)))
}

/** What a person made of the two files since the conflict began, by path. */
type Worked = ReadonlyMap<BytePath, IngestedFile>

async function storeWork(repo: Repo, index: Index, conflicts: readonly OpenConflict[]): Promise<Worked> {
  const jobs: SizedJob[] = []
  const add = (path: BytePath) => {
    const stat = lookAt(repo.rootBytes, path)
    if (stat && !stat.isDirectory()) jobs.push({ path, size: stat.size })
  }
  for (const conflict of conflicts) {
    const ours = index.get(conflict.path)
    const isOursEdited = ours ? (await checkUnchanged(repo.root, ours)) === 'different' : lookAt(repo.rootBytes, conflict.path) !== undefined
    if (isOursEdited) add(conflict.path)
    if (conflict.beside !== undefined && (await isBesideEdited(repo, conflict))) add(conflict.beside)
  }
  const { files, failures } = await storeFiles(repo, jobs)
  const [first] = failures
  if (first) throw new DitsError(first.code, `'${pathToText(first.path)}' ${first.message}`, { hint: 'nothing was resolved; try again' })
  return new Map(files.map((file) => [file.path, file]))
}

interface Plan {
  edits: PathEdit[]
  /** Paths that must be written although the index does not change: ours, where the file was removed. */
  also: Set<BytePath>
  resolved: ResolveReport['resolved']
}

async function planEdits(
  repo: Repo,
  bench: Workbench,
  job: { state: MergeState; index: Index; chosen: readonly OpenConflict[]; choice: Choice; worked: Worked },
): Promise<Plan> {
  const { index, chosen, choice, worked } = job
  const plan: Plan = { edits: [], also: new Set(), resolved: [] }
  const taken = new Set<BytePath>()
  const isTaken = (path: BytePath) =>
    taken.has(path) || lookAt(repo.rootBytes, path) !== undefined || index.find(path) !== undefined || index.findFolder(path) !== undefined
  for (const conflict of chosen) {
    const hasOurs = conflict.ours !== undefined
    const editedOurs = worked.get(conflict.path)
    if (choice !== 'theirs' && editedOurs) plan.edits.push({ path: conflict.path, entry: editedOurs })
    else if (choice !== 'theirs' && !lookAt(repo.rootBytes, conflict.path)) plan.also.add(conflict.path)
    const kept = choice === 'ours' ? undefined : await placeOfTheirs(bench, job, conflict, isTaken)
    if (kept !== undefined) taken.add(kept)
    if (choice === 'theirs' && hasOurs && kept !== conflict.path) plan.edits.push({ path: conflict.path, entry: undefined })
    if (kept !== undefined) plan.edits.push(...(await entriesOfTheirs(repo, conflict, worked, kept)))
    plan.resolved.push({ path: conflict.path, kept: choice === 'both' && hasOurs ? kept : undefined })
  }
  return plan
}

/** Where their version goes, if there is one: where they moved it, in place of ours, or beside ours. */
async function placeOfTheirs(
  { reader }: Workbench,
  { state, index, choice, worked }: { state: MergeState; index: Index; choice: Choice; worked: Worked },
  { path, reason, ours, theirs }: OpenConflict,
  isTaken: (path: BytePath) => boolean,
): Promise<BytePath | undefined> {
  if (!theirs) return undefined
  if (reason === 'renamed-twice' && !isTaken(theirs.path)) return theirs.path
  if (choice === 'theirs') return path
  const near = index.tree === undefined ? path : await placeNear(reader, index.tree, path)
  const isFree = !ours && !worked.has(path) && near === path
  return isFree ? path : besidePath(near, keptMark(state.theirName), isTaken)
}

async function entriesOfTheirs(repo: Repo, { beside, theirs }: OpenConflict, worked: Worked, target: BytePath): Promise<PathEdit[]> {
  const edited = beside === undefined ? undefined : worked.get(beside)
  if (edited) return [{ path: target, entry: withoutStat(edited) }]
  if (theirs?.kind !== 'directory') return [{ path: target, entry: entryOf(theirs!) }]
  const edits: PathEdit[] = []
  for await (const { path, entry } of walkTree(repo.objects, theirs.id, target)) {
    const { name: _, ...fields } = entry
    if (entry.kind !== 'directory' || (await isEmptyFolder(repo, entry.id))) edits.push({ path, entry: fields })
  }
  return edits.length > 0 ? edits : [{ path: target, entry: entryOf(theirs) }]
}

async function isEmptyFolder(repo: Repo, tree: ConflictSide['id']): Promise<boolean> {
  for await (const _ of walkTree(repo.objects, tree)) return false
  return true
}

function entryOf({ path: _, ...entry }: ConflictSide): Omit<IndexEntry, 'path'> {
  return entry
}

/** The content of one file, for another. */
function withoutStat({ path: _, stat: __, ...entry }: IngestedFile): Omit<IndexEntry, 'path'> {
  return entry
}

/** The files beside whose work was taken over are not needed any more: what was in them lies in its new place. */
function removeTaken(repo: Repo, conflicts: readonly OpenConflict[], worked: Worked, choice: Choice): void {
  if (choice === 'ours') return
  const placer = new Placer(repo.root)
  for (const { beside } of conflicts) if (beside !== undefined && worked.has(beside)) placer.removeFile(beside)
  placer.removeEmptiedFolders()
}
