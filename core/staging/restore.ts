import { pathToText, type BytePath } from '../bytes.ts'
import { changeWorktree } from '../changing/change-worktree.ts'
import { editIndex, emptyTree, entryFromTree, type PathEdit } from '../changing/edit-index.ts'
import { applyChange } from '../changing/operation.ts'
import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import { openWriter, withLock, type Repo } from '../repo.ts'
import type { Index } from '../worktree/index-file.ts'
import { emptyIndex, findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { indexEntries, isStaged, treeEntries } from './spec-entries.ts'
import { readIndex } from './stage.ts'

export interface RestoreOptions {
  /** Where to take the paths from: a tree, what is staged, or nothing at all, as before the first commit. */
  source: { tree: Id } | 'staged' | 'nothing'
  /** Set the index. */
  staged: boolean
  /** Set the working tree. */
  worktree: boolean
  /** Leave tracked paths that the source does not have where they are. */
  overlay?: boolean
}

export interface RestoreReport {
  /** Paths whose staged or disk content was set. */
  paths: BytePath[]
  written: number
  removed: number
  saved: boolean
}

/**
 * Sets paths in the index, the working tree or both to what a tree, or the
 * index, says of them. Tracked paths that the source does not have go. What is
 * replaced in the working tree is saved first, for undo. Throws `no-such-path`
 * for a name that neither the source nor the index knows.
 */
export async function restorePaths(repo: Repo, spec: Pathspec, options: RestoreOptions): Promise<RestoreReport> {
  return withLock(repo, async () => {
    const index = await readIndex(repo)
    const { edits, known } = await editsFrom(repo, index, spec, options)
    checkNamed(index, spec, known, options)
    const modified = options.worktree ? await modifiedIn(repo, index, spec) : []
    const paths = [...new Set([...edits.map((edit) => edit.path), ...modified])]
    if (paths.length === 0) return { paths, written: 0, removed: 0, saved: false }
    const wanted = await editIndex(repo, index, edits, index?.writtenMs ?? 0)
    const staged = { before: index?.tree, after: wanted.tree }
    if (!options.worktree) {
      await applyChange(repo, { index: { ...staged, bytes: wanted.bytes } })
      return { paths, written: 0, removed: 0, saved: false }
    }
    const change = options.staged || options.source === 'staged' ? { index: staged } : { disk: { before: index?.tree ?? (await writeEmptyTree(repo)), after: wanted.tree } }
    const update = await changeWorktree(repo, { from: index, target: wanted.tree, policy: 'save', also: new Set(modified), change })
    return { paths, written: update.written, removed: update.removed, saved: update.saved !== undefined }
  })
}

/** What the source says otherwise than the index: entries to put, and staged paths to take out; and which paths it has. */
async function editsFrom(
  repo: Repo,
  index: Index | undefined,
  spec: Pathspec,
  { source, overlay = false }: RestoreOptions,
): Promise<{ edits: PathEdit[]; known: Set<BytePath> }> {
  const edits: PathEdit[] = []
  const known = new Set<BytePath>()
  if (source === 'staged') return { edits, known }
  let folder: PathEdit | undefined
  for await (const { path, entry } of source === 'nothing' ? [] : treeEntries(repo.objects, source.tree, spec)) {
    known.add(path)
    // A folder counts by itself only where it is empty.
    if (folder && !path.startsWith(`${folder.path}/`)) edits.push(folder)
    folder = undefined
    const i = index?.find(path)
    if (index && i !== undefined && index.hasId(i, entry.id) && index.kindAt(i) === entry.kind) continue
    if (entry.kind === 'directory') folder = { path, entry: entryFromTree(entry) }
    else edits.push({ path, entry: entryFromTree(entry) })
  }
  if (folder) edits.push(folder)
  const staged = index ?? emptyIndex()
  for (const i of overlay ? [] : indexEntries(staged, spec)) {
    const path = staged.pathAt(i)
    if (!known.has(path)) edits.push({ path, entry: undefined })
  }
  return { edits, known }
}

async function modifiedIn(repo: Repo, index: Index | undefined, spec: Pathspec): Promise<BytePath[]> {
  const paths: BytePath[] = []
  for await (const { path, change } of findChanges(repo, index, spec, { untracked: 'none' })) {
    if (change === 'modified' || change === 'deleted' || change === 'type-changed') paths.push(path)
  }
  return paths
}

function checkNamed(index: Index | undefined, spec: Pathspec, known: ReadonlySet<BytePath>, { source }: RestoreOptions): void {
  for (const name of spec.names) {
    if (name.path === '' || isStaged(index, name) || [...known].some((path) => name.matches(path))) continue
    const shown = pathToText(name.path)
    if (name.isPattern) throw new DitsError('no-such-path', `'${shown}' matches no file that is tracked`, { hint: 'see: dits ls-files' })
    throw new DitsError('no-such-path', source === 'staged' ? `'${shown}' is not tracked` : `'${shown}' is neither in that version nor tracked`, { hint: 'see: dits ls-files' })
  }
}

async function writeEmptyTree(repo: Repo): Promise<Id> {
  const writer = await openWriter(repo)
  const tree = emptyTree((kind, bytes) => writer.write(kind, bytes))
  await writer.flush()
  await repo.objects.packs.refresh()
  return tree
}
