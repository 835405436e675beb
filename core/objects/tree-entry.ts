import type { BytePath } from '../bytes.ts'
import type { Id } from './id.ts'

export type EntryKind = 'file' | 'executable' | 'symlink' | 'directory'

/** What `id` names: a chunk (the whole content), a manifest, or a directory's root tree node. */
export type EntryContent = 'chunk' | 'manifest' | 'tree'

/** One name in a directory, as a tree records it. */
export interface TreeEntry {
  name: BytePath
  kind: EntryKind
  content: EntryContent
  /** Bytes of the file or link target; the sum of all below for a directory. */
  size: number
  id: Id
  /** The plain BLAKE3 of the whole file; equal to `id` for a chunk, and by convention for a directory. */
  hash: Id
  /** Nanoseconds since 1970, only where the repository records times. */
  mtimeNs?: bigint
}

/** True where two entries stand for the same thing, whatever their names. */
export function sameEntry(a: Omit<TreeEntry, 'name'> | undefined, b: Omit<TreeEntry, 'name'> | undefined): boolean {
  if (!a || !b) return a === b
  return a.id === b.id && a.kind === b.kind && a.mtimeNs === b.mtimeNs
}
