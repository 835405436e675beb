import { constants } from 'node:fs'
import { copyFile, lstat, open, readdir, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { blake3Text, createFolder, DitsError, findRepoRoot, isErrno, linkIfAbsent, syncFolder, withTransfer, type Repo } from '#core'

/**
 * Packs that several repositories of one machine hold together: further names
 * (hard links) of the same files, because packs never change, so that each
 * repository may remove its own names. A pack's name comes before its index's,
 * so that an index never stands without its pack.
 */

/**
 * Takes over the packs of another repository: as further names where both lie
 * on one file system, as copies otherwise. What they hold beyond what this
 * repository refers to goes with its next collection. Throws `not-a-repository`.
 */
export async function linkPacksOf(repo: Repo, source: string): Promise<void> {
  if (findRepoRoot(source) === undefined) throw new DitsError('not-a-repository', `'${source}' is not a dits repository`)
  await takePacks(repo, join(source, '.dits', 'packs'), true)
}

/** Takes over the packs that clones of the same remote on this machine have left in the folder for that. */
export async function takeSharedPacks(repo: Repo, sharedFolder: string, url: string): Promise<void> {
  await takePacks(repo, packsFolder(sharedFolder, url), false)
}

/**
 * Leaves this repository's packs for other clones of the same remote, and
 * removes those that no repository holds any more. Only where the folder is on
 * the same file system: copies would cost what they are to save.
 */
export async function leaveSharedPacks(repo: Repo, sharedFolder: string, url: string): Promise<void> {
  const to = packsFolder(sharedFolder, url)
  await createFolder(to)
  await linkAll(join(repo.folder, 'packs'), to, undefined)
  for (const name of await readdirIfThere(to)) {
    const file = join(to, name)
    const links = (await lstat(file)).nlink
    if (links === 1) await unlinkIfThere(file)
  }
}

function packsFolder(sharedFolder: string, url: string): string {
  return join(sharedFolder, blake3Text(Buffer.from(url)).slice(0, 32))
}

async function takePacks(repo: Repo, from: string, mayCopy: boolean): Promise<void> {
  await withTransfer(repo, async () => {
    const temporary = join(repo.folder, 'tmp')
    const to = join(repo.folder, 'packs')
    await createFolder(to)
    await createFolder(temporary)
    await linkAll(from, to, mayCopy ? temporary : undefined)
    await repo.objects.refresh()
  })
}

/** Gives every pack of one folder a name in another; copies them by way of a temporary folder where that cannot be, if there is one. */
async function linkAll(from: string, to: string, temporary: string | undefined): Promise<void> {
  for (const index of (await readdirIfThere(from)).filter((name) => name.endsWith('.idx'))) {
    // Whoever owns them may remove what was listed: what is still needed comes over the network then.
    for (const name of [index.replace(/\.idx$/, '.pack'), index]) if (!(await takeOver(join(from, name), to, name, temporary))) break
  }
  await syncFolder(to)
}

/** Whether the file is in place now. */
async function takeOver(file: string, folder: string, name: string, temporary: string | undefined): Promise<boolean> {
  try {
    // What is there already is the same pack.
    await linkIfAbsent(file, join(folder, name))
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    if (!isErrno(error, 'EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS')) throw error
  }
  return temporary === undefined ? false : copyDurably(file, join(temporary, name), join(folder, name))
}

async function copyDurably(file: string, temporary: string, target: string): Promise<boolean> {
  try {
    await copyFile(file, temporary, constants.COPYFILE_FICLONE)
    const handle = await open(temporary, 'r+')
    await handle.sync().finally(() => handle.close())
    await rename(temporary, target)
    return true
  } catch (error) {
    await rm(temporary, { force: true })
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}

async function readdirIfThere(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

async function unlinkIfThere(file: string): Promise<void> {
  try {
    await unlink(file)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}
