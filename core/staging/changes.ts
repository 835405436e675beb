import type { BytePath } from '../bytes.ts'
import { isPartial } from '../ghosts/partial.ts'
import { besidePaths } from '../merging/beside-files.ts'
import { readMergeState } from '../merging/merge-state.ts'
import type { Repo } from '../repo.ts'
import { compareWorktree, type CompareOptions, type WorkChange } from '../worktree/status.ts'
import { baseRules, versionControlRules, type IgnoreRules } from '../worktree/ignore.ts'
import { detectFoldsCase } from '../worktree/disk.ts'
import { IndexBuilder } from '../worktree/index-builder.ts'
import { decodeIndex, type Index } from '../worktree/index-file.ts'
import { everyPath, startingFolders, startingPoints, type Pathspec } from './pathspec.ts'

/** What the user and the system ignore everywhere, and these paths; the ignore files of the working tree come on top. */
export function ignoreRules(repo: Repo, paths: Iterable<BytePath> = []): IgnoreRules {
  return baseRules({ userText: repo.env.userIgnore, paths, foldsCase: detectFoldsCase(repo.folder) })
}

/** Whether files are compared by size and modification time alone. */
export function comparesTimeOnly(repo: Repo): boolean {
  return repo.config.getBool('core.timeonly') ?? false
}

/** An index without entries. */
export function emptyIndex(): Index {
  return decodeIndex(new IndexBuilder().finish({ writtenMs: 0 }))
}

export interface FindOptions extends Omit<CompareOptions, 'rules' | 'under' | 'signal'> {
  /** Also what ignore rules leave out, but for the folders of other version control. */
  ignored?: boolean
}

/**
 * Differences between the working tree and an index, of the paths that `spec`
 * names, in path order. Their versions of files in conflict, which a merge in
 * progress put beside ours, are passed over.
 */
export async function* findChanges(repo: Repo, index: Index | undefined, spec: Pathspec, options: FindOptions = {}): AsyncGenerator<WorkChange> {
  const { ignored = false, ...rest } = options
  const beside = besidePaths(await readMergeState(repo))
  const compared = {
    timeOnly: comparesTimeOnly(repo),
    ...(isPartial(repo) ? { ghosts: true } : {}),
    ...rest,
    rules: ignored ? versionControlRules(detectFoldsCase(repo.folder)) : ignoreRules(repo, beside),
    ...(repo.env.signal ? { signal: repo.env.signal } : {}),
  }
  // Where untracked folders are told whole, walking from above would tell them where what is in them was named.
  const starts = compared.untracked === 'all' || compared.untracked === 'none' ? startingFolders(spec) : startingPoints(spec)
  for (const under of starts) {
    const batches = compareWorktree(repo.root, index ?? emptyIndex(), { ...compared, ...(under === '' ? {} : { under }) })
    for await (const batch of batches) for (const change of batch) {
      if (spec.matches(change.path) && !beside.has(change.path)) yield change
    }
  }
}

/** Tracked files whose content or kind on disk is not what is staged, and those that are gone. */
export async function modifiedPaths(repo: Repo, index: Index | undefined): Promise<Set<BytePath>> {
  const paths = new Set<BytePath>()
  for await (const { path, change } of findChanges(repo, index, everyPath, { untracked: 'none' })) {
    if (change === 'modified' || change === 'deleted' || change === 'type-changed') paths.add(path)
  }
  return paths
}
