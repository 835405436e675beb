import type { BytePath } from '../bytes.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { EntryKind, TreeEntry } from '../objects/tree-entry.ts'

/** One thing in an archive. */
export interface ArchiveEntry {
  /** Its name in the archive, with the prefix; a directory's without the slash at its end. */
  path: BytePath
  kind: EntryKind
  /** Bytes of the file's content, or of the link's target; of no meaning for a directory. */
  size: number
  /** Nanoseconds since 1970. */
  mtimeNs: bigint
}

/** Where what is archived is read from. */
export interface ArchiveSource {
  reader: ObjectReader
  /** Streams the verified content of a file or link. */
  content: { stream(entry: TreeEntry): AsyncIterable<Uint8Array> }
}

export interface ArchiveOptions {
  format: 'tar' | 'zip'
  /** Stands before every name, as it is: with a slash at its end it makes a folder. */
  prefix: BytePath
  /** The time of everything for which no time was recorded, in milliseconds since 1970. */
  timeMs: number
  /** A line that says what the archive holds: the commit's id. ASCII. */
  comment?: string | undefined
  signal?: AbortSignal | undefined
  /** Called after each piece of content, with its bytes and the path of the file. */
  onBytes?: ((bytes: number, path: BytePath) => void) | undefined
}

/** An entry of the archive, and of the tree. */
export interface ArchivedEntry {
  entry: ArchiveEntry
  tree: TreeEntry | undefined
}

const modes = { file: 0o644, executable: 0o755, symlink: 0o777, directory: 0o755 } as const satisfies Record<EntryKind, number>

/** The permissions that an archive records: what a usual umask leaves of a new file's. */
export function modeOf(kind: EntryKind): number {
  return modes[kind]
}

/** True where a byte string is valid UTF-8. */
export function isUtf8Name(name: string): boolean {
  const bytes = Buffer.from(name, 'latin1')
  return bytes.equals(Buffer.from(bytes.toString('utf8'), 'utf8'))
}

/** True where a byte string has bytes above 127. */
export function hasHighBytes(name: string): boolean {
  return /[\x80-\xff]/.test(name)
}
