import { parentPath, rootPath, type BytePath } from '../bytes.ts'
import { recordChange } from '../changing/operation.ts'
import { withLock, type Repo } from '../repo.ts'
import type { Index } from '../worktree/index-file.ts'
import { Placer, removeLeftovers } from '../worktree/place.ts'
import { createStandingCheck } from '../worktree/standing-folder.ts'
import { findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { readIndex } from './stage.ts'
import { saveFiles } from './store-files.ts'

export interface CleanOptions {
  /** Go into folders in which nothing is tracked, and remove them too; a folder that is named is entered in any case. */
  folders: boolean
  /** Remove also what ignore rules leave out. */
  ignored: boolean
  dryRun: boolean
}

/**
 * Removes untracked files, and with `folders` untracked folders. They are saved
 * first, so that undo brings them back. Repositories of their own stay. Answers
 * what was removed, or with `dryRun` what would be. Throws the code of a file
 * that cannot be read; then nothing is removed.
 */
export async function cleanWorktree(repo: Repo, spec: Pathspec, options: CleanOptions): Promise<BytePath[]> {
  return withLock(repo, async () => {
    const index = await readIndex(repo)
    const { files, folders } = await findUntracked(repo, index, spec, options)
    const found = [...files, ...folders]
    if (options.dryRun) return found
    removeLeftovers(repo.root)
    if (found.length === 0) return found
    const saved = await saveFiles(repo, found)
    await recordChange(repo, { saved, worktree: true })
    const placer = new Placer(repo.root)
    for (const path of files) placer.removeFile(path)
    const isStoodIn = createStandingCheck(repo)
    for (const path of folders) removeWithParents(placer, path, (folder) => isTracked(index, folder) || isStoodIn(folder))
    if (entersFolders(spec, options)) placer.removeEmptiedFolders(isStoodIn)
    return found
  })
}

/** Removes an empty folder, and those above it that hold nothing else, up to one that stays. */
function removeWithParents(placer: Placer, folder: BytePath, stays: (folder: BytePath) => boolean): void {
  for (let path = folder; path !== rootPath && !stays(path); path = parentPath(path)) if (!placer.removeFolder(path)) return
}

function isTracked(index: Index | undefined, path: BytePath): boolean {
  return index?.findFolder(path) !== undefined || index?.find(path) !== undefined
}

/** Untracked files, and empty folders, each in path order. */
async function findUntracked(repo: Repo, index: Index | undefined, spec: Pathspec, options: CleanOptions): Promise<{ files: BytePath[]; folders: BytePath[] }> {
  const found: { files: BytePath[]; folders: BytePath[] } = { files: [], folders: [] }
  const enters = entersFolders(spec, options)
  for await (const { path, change, kind } of findChanges(repo, index, spec, { untracked: enters ? 'all' : 'folders', ignored: options.ignored, hash: false })) {
    if (change !== 'untracked') continue
    if (kind !== 'directory') found.files.push(path)
    else if (enters) found.folders.push(path)
  }
  return found
}

function entersFolders(spec: Pathspec, options: CleanOptions): boolean {
  return options.folders || (!spec.all && spec.literals.length > 0)
}
