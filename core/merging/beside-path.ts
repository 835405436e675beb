import { baseName, joinPath, parentPath, pathFromText, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { entryAtPath } from '../objects/tree.ts'
import { foldersAbove } from '../worktree/path-order.ts'

/** Where names are looked for: a path counts as taken where this says so. */
export type IsTaken = (path: BytePath) => boolean | Promise<boolean>

/** The mark in the name of their version while a conflict is open: 'shot.theirs-1a2b3c4d.psd'. */
export function openMark(head: Id): BytePath {
  return `.theirs-${head.slice(0, 8)}` as BytePath
}

/** The mark in the name of their version where both are kept: 'shot (theirs from feature).psd'. */
export function keptMark(theirName: string): BytePath {
  // What no file system, or only some, take in a name.
  const name = theirName.replace(/[\0-\x1f\x7f<>:"/\\|?*]+/g, '-')
  return ` (theirs from ${cut(pathFromText(name), markedNameBytesMax)})` as BytePath
}

/** `path` with a mark in its name, in front of the extension, that is not taken; counts up where it is. */
export async function besidePath(path: BytePath, mark: BytePath, isTaken: IsTaken): Promise<BytePath> {
  for (let number = 1; ; number++) {
    const beside = joinPath(parentPath(path), markName(baseName(path), number === 1 ? mark : numbered(mark, number)))
    if (!(await isTaken(beside))) return beside
  }
}

/**
 * Where a file can lie that belongs to `path`: there, or, where the tree has a
 * file in place of one of the folders on the way, beside that file.
 */
export async function placeNear(reader: ObjectReader, tree: Id, path: BytePath): Promise<BytePath> {
  for (const folder of foldersAbove(path)) {
    const entry = await entryAtPath(reader, tree, folder)
    if (!entry) return path
    if (entry.kind !== 'directory') return joinPath(parentPath(folder), baseName(path))
  }
  return path
}

/** Bytes of a name that every file system takes. */
const nameBytesMax = 255
/** Bytes of a branch's name that go into a file's. */
const markedNameBytesMax = 100
/** More than that after the last dot is no extension. */
const extensionBytesMax = 16

function markName(name: BytePath, mark: BytePath): BytePath {
  const dot = name.lastIndexOf('.')
  const hasExtension = dot > 0 && name.length - dot <= extensionBytesMax
  const stem = hasExtension ? name.slice(0, dot) : name
  const extension = hasExtension ? name.slice(dot) : ''
  return (cut(stem, nameBytesMax - mark.length - extension.length) + mark + extension) as BytePath
}

/** At most so many bytes of a name, without tearing a character of UTF-8. */
function cut(name: string, bytesMax: number): string {
  let end = Math.max(1, bytesMax)
  if (name.length <= end) return name
  while (end > 1 && (name.charCodeAt(end) & 0xc0) === 0x80) end--
  return name.slice(0, end)
}

function numbered(mark: BytePath, number: number): BytePath {
  return (mark.endsWith(')') ? `${mark.slice(0, -1)} ${number})` : `${mark}-${number}`) as BytePath
}
