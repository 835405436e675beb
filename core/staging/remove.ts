import { pathToText, type BytePath } from '../bytes.ts'
import { changeWorktree } from '../changing/change-worktree.ts'
import { editIndex } from '../changing/edit-index.ts'
import { readCurrentHead } from '../changing/head.ts'
import { applyChange } from '../changing/operation.ts'
import { DitsError } from '../errors.ts'
import { resolveByStaging } from '../merging/resolve-by-staging.ts'
import { diffTrees } from '../objects/tree-walk.ts'
import { withLock, type Repo } from '../repo.ts'
import type { Index } from '../worktree/index-file.ts'
import { emptyIndex, findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { indexEntries, isStaged } from './spec-entries.ts'
import { readIndex } from './stage.ts'

export interface RemoveOptions {
  /** Leave the files on disk, and only stop tracking them. */
  cached: boolean
  /** Remove also what is not committed as it is; it is saved for undo. */
  force: boolean
  /** Remove what is below folders. */
  recursive: boolean
  /** Answer what would be removed, and remove nothing. */
  dryRun?: boolean
}

/**
 * Stops tracking files and removes them from the working tree. Throws
 * `no-such-path`, `is-a-folder`, and `would-overwrite` where a file holds work
 * that is in no commit.
 */
export async function removePaths(repo: Repo, spec: Pathspec, options: RemoveOptions): Promise<BytePath[]> {
  return withLock(repo, async () => {
    const index = (await readIndex(repo)) ?? emptyIndex()
    checkNames(index, spec, options)
    const paths = [...indexEntries(index, spec)].map((i) => index.pathAt(i))
    const uncommitted = options.cached || options.force ? [] : await uncommittedOf(repo, index, spec)
    if (uncommitted.length > 0) throw wouldBeLost(uncommitted)
    if (options.dryRun) return paths
    const { bytes, tree } = await editIndex(repo, index, paths.map((path) => ({ path, entry: undefined })), index.writtenMs)
    const staged = { before: index.tree, after: tree }
    const merge = await resolveByStaging(repo, paths)
    if (options.cached) await applyChange(repo, { index: { ...staged, bytes }, merge })
    else await changeWorktree(repo, { from: index, target: tree, policy: 'save', change: { index: staged, merge } })
    return paths
  })
}

function checkNames(index: Index, { names }: Pathspec, options: RemoveOptions): void {
  for (const name of names) {
    const shown = pathToText(name.path)
    if (!isStaged(index, name)) {
      throw new DitsError('no-such-path', name.isPattern ? `'${shown}' matches no file that is tracked` : `'${shown}' is not tracked`, { hint: 'see: dits ls-files' })
    }
    if (options.recursive || name.isPattern || index.find(name.path) !== undefined) continue
    throw new DitsError('is-a-folder', name.path === '' ? 'this is a folder' : `'${shown}' is a folder`, { hint: 'remove all that is in it with: dits rm -r' })
  }
}

/** Files that are not as the last commit has them: changed on disk, or staged otherwise. */
async function uncommittedOf(repo: Repo, index: Index, spec: Pathspec): Promise<BytePath[]> {
  const uncommitted = new Set<BytePath>()
  for await (const { path, change } of findChanges(repo, index, spec, { untracked: 'none' })) {
    if (change === 'modified' || change === 'type-changed') uncommitted.add(path)
  }
  const { commit } = await readCurrentHead(repo)
  for await (const { path, after } of diffTrees(repo.objects, commit?.tree, index.tree)) {
    if (after && after.kind !== 'directory' && spec.matches(path)) uncommitted.add(path)
  }
  return [...uncommitted]
}

function wouldBeLost(paths: readonly BytePath[]): DitsError {
  const named = paths.slice(0, 5).map((path) => `'${pathToText(path)}'`).join(', ')
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : ''
  return new DitsError('would-overwrite', `work that is in no commit would be removed: ${named}${more}`, {
    hint: 'keep the files with --cached, or remove them even so with --force (dits undo brings them back)',
  })
}
