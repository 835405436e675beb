import type { BytePath } from '../bytes.ts'

/**
 * Path order: the one order in which the index lists its entries, a tree is
 * walked and the disk is scanned. Names compare byte by byte, folder by
 * folder; in other words, whole paths compare byte by byte with '/' below
 * every other byte. A folder comes right before its content, and what is
 * below a folder lies together: `a`, `a/x`, `a-b`.
 */
export function comparePathOrder(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return x === slash ? -1 : y === slash ? 1 : x - y
  }
  return a.length - b.length
}

/** True where `path` lies below `folder` (at any depth); everything but the root lies below the root. */
export function isBelow(path: string, folder: string): boolean {
  if (folder === '') return path !== ''
  return path.length > folder.length && path.charCodeAt(folder.length) === slash && path.startsWith(folder)
}

/** The folders that lead to `path`, outermost first, without the root: `a/b/c` gives `a`, `a/b`. */
export function foldersAbove(path: BytePath): BytePath[] {
  const folders: BytePath[] = []
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    folders.push(path.slice(0, at) as BytePath)
  }
  return folders
}

const slash = 47
