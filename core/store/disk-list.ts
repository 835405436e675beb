import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { comparePaths } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { isName, isReservedKey } from './key.ts'
import { withStoreErrors } from './store-error.ts'

/**
 * The keys below `root` that start with `prefix`, in byte order. Reads only
 * the folders that can hold such keys, one folder's names at a time. Files
 * whose names cannot be keys (what a desktop leaves behind) and folders that
 * vanish meanwhile are passed over.
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
    if (!entry.isDirectory() && !entry.isFile()) continue
    const key = folder + entry.name + (entry.isDirectory() ? '/' : '')
    if (isName(entry.name) && !isReservedKey(key)) keys.push(key)
  }
  return keys.sort(comparePaths)
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
