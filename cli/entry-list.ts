import { pathToText, type BytePath } from '../core/bytes.ts'
import type { TreeEntry } from '../core/objects/tree-entry.ts'
import type { Context } from './context.ts'
import { listItem } from './format.ts'

/** How `ls-tree` and `ls-files` list what is in a version. */

const modes = { file: '100644', executable: '100755', symlink: '120000', directory: '040000' } as const

export interface EntryListStyle {
  /** The path alone. */
  nameOnly: boolean
  /** With the size in bytes. */
  long: boolean
  /** The whole-file hash, as b3sum prints it, in place of the object's id. */
  hash: boolean
}

/** Prints one entry: 'MODE KIND ID PATH' as git's ls-tree, or the path alone. */
export function printEntry(context: Context, path: BytePath, entry: Omit<TreeEntry, 'name'>, style: EntryListStyle): void {
  const { stdout, nul } = context
  if (context.json) return stdout.json(entryToJson(path, entry))
  if (!style.nameOnly) {
    const size = style.long ? ` ${(entry.kind === 'directory' ? '-' : String(entry.size)).padStart(12)}` : ''
    stdout.write(`${modes[entry.kind]} ${entry.content.padEnd(8)} ${style.hash ? entry.hash : entry.id}${size}\t`)
  }
  stdout.write(listItem(path, nul))
}

function entryToJson(path: BytePath, { kind, content, size, id, hash }: Omit<TreeEntry, 'name'>): object {
  return { path: pathToText(path), kind, size, content, id, hash }
}
