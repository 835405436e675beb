import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFs, type BytePath } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { fineTickMs } from './file-stat.ts'

/** The repository's own folder in the root of a working tree. */
export const repositoryName = '.dits'

/** How names of files start that dits is still writing. They are never tracked. */
export const temporaryPrefix = '.dits-tmp-'

/** What to hand to node:fs for a path in a working tree; `root` is the bytes of the tree's folder. */
export function diskPath(root: BytePath, path: BytePath): string | Buffer {
  return pathToFs(path === '' ? root : `${root}/${path}`)
}

/** What lies at a path, without following a symlink there; `undefined` where nothing does, or a file is in place of a folder on the way. */
export function lookAt(root: BytePath, path: BytePath): Stats | undefined {
  try {
    return lstatSync(diskPath(root, path), { throwIfNoEntry: false })
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

/**
 * The names in a folder in byte order; `undefined` where there is no such
 * folder any more. Errors of the system, such as EACCES, are thrown as they are.
 */
export function readNames(root: BytePath, folder: BytePath): string[] | undefined {
  try {
    return readdirSync(diskPath(root, folder), { encoding: 'latin1' }).sort()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** The names in a folder with which of them are folders, in no order; none where the folder is gone or may not be read. */
export function readKinds(root: BytePath, folder: BytePath): { name: BytePath; isFolder: boolean }[] {
  try {
    const found = readdirSync(diskPath(root, folder), { encoding: 'latin1', withFileTypes: true })
    return found.map((entry) => ({ name: entry.name as BytePath, isFolder: entry.isDirectory() }))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return []
    throw error
  }
}

/** True for names that belong to dits: its repository, in any case of letters, and files that it is still writing. */
export function isPrivateName(name: string): boolean {
  return name.startsWith('.') && (name.startsWith(temporaryPrefix) || isRepositoryName(name))
}

export function isRepositoryName(name: string): boolean {
  return name.length === repositoryName.length && name.toLowerCase() === repositoryName
}

/**
 * What time it is by the file system that holds `folder`, in milliseconds
 * since 1970: what a file that is written now gets as its modification time.
 * Stat data has to be judged by this clock; the machine's differs on network
 * drives, and is ahead by up to a tick everywhere.
 */
export function readDiskClock(folder: string): number {
  return probe(folder, (file) => lstatSync(file).mtimeMs)
}

/**
 * The same, once what was written before is older than that by more than a fine
 * tick, so that its stat data will prove something. For who has just written
 * files that are costly to look at: all zeros of a ghost are read otherwise.
 */
export async function readLaterClock(folder: string): Promise<number> {
  await setTimeout(fineTickMs + 5)
  return readDiskClock(folder)
}

/**
 * Whether names that differ only in case are the same on the file system that
 * holds `folder`. Where nothing may be written there, by what the system's file
 * systems usually do.
 */
export function detectFoldsCase(folder: string): boolean {
  try {
    return probe(folder, (_, upperCase) => lstatSync(upperCase, { throwIfNoEntry: false }) !== undefined)
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT')) throw error
    return process.platform === 'darwin' || process.platform === 'win32'
  }
}

/** Looks at a file that was just made, with a name in lower case. */
function probe<T>(folder: string, look: (file: string, upperCase: string) => T): T {
  const place = mkdtempSync(join(folder, temporaryPrefix))
  try {
    const file = join(place, 'probe')
    writeFileSync(file, '')
    return look(file, join(place, 'PROBE'))
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}
