import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { comparePaths } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { isName, isReservedKey } from './key.ts'
import { withStoreErrors } from './store-error.ts'

/**
 * The keys below `root` that start with `prefix`, in byte order. Reads only
 * the folders that can hold such keys, one folder's names at a time. Files
 * whose names cannot be keys (what a desktop leaves behind) and folders that
 * vanish meanwhile are passed over. A link stands for what it leads to, as it
 * does for `get`; and what is neither file nor folder is a key, so that reading
 * it tells of the damage, which would pass for absence otherwise.
 */
export async function* listKeys(root: string, prefix: string): AsyncIterable<string> {
  yield* listFolder(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix)
}

/** `folder` is the part of the keys up to and with the last '/', '' at the top. */
async function* listFolder(root: string, folder: string, prefix: string): AsyncIterable<string> {
  for (const key of await readNames(root, folder)) {
    const isFolder = key.endsWith('/')
    if (!key.startsWith(prefix) && !(isFolder && prefix.startsWith(key))) continue
    if (isFolder) yield* listFolder(root, key, prefix)
    else yield key
  }
}

/** The keys of the files in a folder, and of the folders with a '/' at the end; sorted, so that what is in `a/` comes after `a-b`. */
async function readNames(root: string, folder: string): Promise<string[]> {
  const keys = []
  for (const entry of await readEntries(root, folder)) {
    if (!isName(entry.name)) continue
    const key = folder + entry.name + ((await leadsToFolder(root, folder, entry)) ? '/' : '')
    if (!isReservedKey(key)) keys.push(key)
  }
  return keys.sort(comparePaths)
}

async function leadsToFolder(root: string, folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  const key = folder + entry.name
  try {
    return (await withStoreErrors('list', key, stat(`${root}/${key}`))).isDirectory()
  } catch (error) {
    if (error instanceof Error && isErrno(error.cause, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

async function readEntries(root: string, folder: string): Promise<Dirent[]> {
  const reading = readdir(`${root}/${folder}`, { withFileTypes: true })
  try {
    return await withStoreErrors('list', folder, reading)
  } catch (error) {
    if (error instanceof Error && isErrno(error.cause, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}
