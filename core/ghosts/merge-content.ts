import type { ContentMerger } from '../history/merge-file.ts'
import type { Repo } from '../repo.ts'
import { bringContent } from './hydrate-content.ts'

/** The merger of contents that the environment has, where it has one; what it is to read is brought first. */
export function contentMergerOf(repo: Repo): ContentMerger | undefined {
  const merge = repo.env.mergeContent?.(repo)
  if (!merge) return undefined
  return async (path, base, ours, theirs) => {
    await bringContent(repo, base ? [base, ours, theirs] : [ours, theirs])
    return merge(path, base, ours, theirs)
  }
}
