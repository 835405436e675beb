import { pathToText, type BytePath } from '../bytes.ts'
import { editIndex, entryFromTree, type PathEdit } from '../changing/edit-index.ts'
import { applyChange, makeChange, recordChange, type PlannedChange } from '../changing/operation.ts'
import { updateWorktree } from '../changing/update-worktree.ts'
import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import { walkTree } from '../objects/tree-walk.ts'
import { withLock, type Repo } from '../repo.ts'
import { lookAt } from '../worktree/disk.ts'
import { isFolderMode } from '../worktree/file-stat.ts'
import type { Index } from '../worktree/index-file.ts'
import { emptyIndex, findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { readIndex } from './stage.ts'
import { saveFiles } from './store-files.ts'

export interface RestoreOptions {
  /** The tree to take the paths from; without it, what is staged. */
  source: Id | undefined
  /** Set the index. */
  staged: boolean
  /** Set the working tree. */
  worktree: boolean
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
 * replaced in the working tree is saved first, for undo. Throws `no-such-path`.
 */
export async function restorePaths(repo: Repo, spec: Pathspec, options: RestoreOptions): Promise<RestoreReport> {
  return withLock(repo, async () => {
    const index = await readIndex(repo)
    const edits = options.source ? await editsFrom(repo, index, options.source, spec) : []
    const modified = options.worktree ? await modifiedIn(repo, index, spec) : []
    checkNamed(index, spec, edits, options.source ? 'in that version' : 'tracked')
    const report: RestoreReport = { paths: [...new Set([...edits.map((edit) => edit.path), ...modified])], written: 0, removed: 0, saved: false }
    if (report.paths.length === 0) return report
    const wanted = await editIndex(repo, index, edits, index?.writtenMs ?? 0)
    if (!options.worktree) {
      await applyChange(repo, { index: { bytes: wanted.bytes, before: index?.tree, after: wanted.tree } })
      return report
    }
    // Without the index, undo has only what is saved here to go by: so everything that is replaced is.
    const replaced = options.staged || !options.source ? undefined : await saveFiles(repo, report.paths.filter((path) => isFileOnDisk(repo, path)))
    const setsIndex = options.staged || !options.source
    const change: PlannedChange = { ...(setsIndex ? { index: { before: index?.tree, after: wanted.tree } } : {}), worktree: true }
    const update = await updateWorktree(repo, index, wanted.tree, {
      policy: 'save',
      also: new Set(modified),
      begin: (saved) => recordChange(repo, { ...change, saved: replaced ?? saved }),
    })
    if (setsIndex) await makeChange(repo, { index: { before: index?.tree, after: wanted.tree, bytes: update.index } })
    return { ...report, written: update.written, removed: update.removed, saved: (replaced ?? update.saved) !== undefined }
  })
}

/** What `source` says of the paths: entries to put, and staged paths to take out. */
async function editsFrom(repo: Repo, index: Index | undefined, source: Id, spec: Pathspec): Promise<PathEdit[]> {
  const edits: PathEdit[] = []
  const there = new Set<BytePath>()
  for await (const { path, entry } of walkTree(repo.objects, source)) {
    if (!spec.matches(path)) continue
    there.add(path)
    if (entry.kind === 'directory') continue
    const i = index?.find(path)
    if (index && i !== undefined && index.hasId(i, entry.id) && index.kindAt(i) === entry.kind) continue
    edits.push({ path, entry: entryFromTree(entry) })
  }
  for (const { path } of (index ?? emptyIndex()).entries()) {
    if (spec.matches(path) && !there.has(path)) edits.push({ path, entry: undefined })
  }
  return edits
}

async function modifiedIn(repo: Repo, index: Index | undefined, spec: Pathspec): Promise<BytePath[]> {
  const paths: BytePath[] = []
  for await (const { path, change } of findChanges(repo, index, spec, { untracked: 'none' })) {
    if (change === 'modified' || change === 'deleted' || change === 'type-changed') paths.push(path)
  }
  return paths
}

function checkNamed(index: Index | undefined, spec: Pathspec, edits: readonly PathEdit[], place: string): void {
  for (const name of spec.literals) {
    const known = name === '' || (index && (index.find(name) !== undefined || index.findFolder(name) !== undefined))
    if (!known && !edits.some(({ path }) => path === name || path.startsWith(`${name}/`))) {
      throw new DitsError('no-such-path', `'${pathToText(name)}' is not ${place}`, { hint: 'see: dits ls-files' })
    }
  }
}

function isFileOnDisk(repo: Repo, path: BytePath): boolean {
  const stat = lookAt(repo.rootBytes, path)
  return stat !== undefined && !isFolderMode(stat.mode)
}
