import type { BytePath } from '../bytes.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import type { Versions } from './merge-walk.ts'

/**
 * Merges the content of a file that both sides changed, or answers `undefined`
 * where a person has to. `base` is missing where both sides added the file. The
 * content that the answer names has been written; of the answer, the name, the
 * executable bit and the time are not used.
 */
export type ContentMerger = (
  path: BytePath,
  base: TreeEntry | undefined,
  ours: TreeEntry,
  theirs: TreeEntry,
) => Promise<TreeEntry | undefined>

/**
 * Merges one file or symlink that both sides have. The executable bit merges
 * apart from the content: whoever changed it is heard. `undefined` where the
 * sides disagree and `mergeContent` does not help.
 */
export async function mergeFile(
  path: BytePath,
  versions: Versions & { ours: TreeEntry; theirs: TreeEntry },
  mergeContent: ContentMerger | undefined,
): Promise<TreeEntry | undefined> {
  const { base, ours, theirs } = versions
  if (isSymlink(ours) !== isSymlink(theirs)) return undefined
  const kind = mergeKind(base, ours, theirs)
  // Content that was a symlink's target is no version of a file's content.
  const baseContent = base && isSymlink(base) === isSymlink(ours) ? base : undefined
  if (ours.id === theirs.id || theirs.id === baseContent?.id) return { ...ours, kind }
  if (ours.id === baseContent?.id) return { ...theirs, kind }
  if (!mergeContent || isSymlink(ours)) return undefined
  const merged = await mergeContent(path, baseContent, ours, theirs)
  return merged && { name: ours.name, kind, content: merged.content, size: merged.size, id: merged.id, hash: merged.hash }
}

function isSymlink(entry: TreeEntry): boolean {
  return entry.kind === 'symlink'
}

/** Without a base that is a file, one side that made it executable is enough. */
function mergeKind(base: TreeEntry | undefined, ours: TreeEntry, theirs: TreeEntry): TreeEntry['kind'] {
  if (ours.kind === theirs.kind) return ours.kind
  if (!base || isSymlink(base)) return 'executable'
  return ours.kind === base.kind ? theirs.kind : ours.kind
}
