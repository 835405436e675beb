import { parentPath, rootPath, type BytePath } from '../bytes.ts'
import { applyChange } from '../changing/operation.ts'
import { withLock, type Repo } from '../repo.ts'
import type { Index } from '../worktree/index-file.ts'
import { Placer, removeLeftovers } from '../worktree/place.ts'
import { findChanges } from './changes.ts'
import type { Pathspec } from './pathspec.ts'
import { readIndex } from './stage.ts'
import { saveFiles } from './store-files.ts'

export interface CleanOptions {
  /** Remove empty untracked folders too, and those that become empty. */
  folders: boolean
  /** Remove also what ignore rules leave out. */
  ignored: boolean
  dryRun: boolean
}

/**
 * Removes untracked files. They are saved first, so that undo brings them back.
 * Answers what was removed, or with `dryRun` what would be.
 */
export async function cleanWorktree(repo: Repo, spec: Pathspec, options: CleanOptions): Promise<BytePath[]> {
  return withLock(repo, async () => {
    const index = await readIndex(repo)
    const files: BytePath[] = []
    const folders: BytePath[] = []
    for await (const { path, change, kind } of findChanges(repo, index, spec, { untracked: 'all', ignored: options.ignored, hash: false })) {
      if (change === 'untracked') (kind === 'directory' ? folders : files).push(path)
    }
    const removed = options.folders ? [...files, ...folders] : files
    if (options.dryRun) return removed
    removeLeftovers(repo.root)
    if (removed.length === 0) return removed
    const saved = await saveFiles(repo, files)
    await applyChange(repo, { saved, worktree: true })
    const placer = new Placer(repo.root)
    for (const path of files) placer.removeFile(path)
    if (options.folders) {
      for (const path of folders) removeWithParents(placer, index, path)
      placer.removeEmptiedFolders()
    }
    return removed
  })
}

/** Removes an empty folder, and those above it that hold nothing else and nothing tracked. */
function removeWithParents(placer: Placer, index: Index | undefined, folder: BytePath): void {
  for (let path = folder; path !== rootPath && index?.findFolder(path) === undefined; path = parentPath(path)) {
    if (index?.find(path) !== undefined || !placer.removeFolder(path)) return
  }
}
