import { copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { constants } from 'node:fs'
import { join } from 'node:path'
import { DitsError, findRepoRoot, isErrno, withTransfer, type Repo } from '#core'

/**
 * Takes over the packs of a repository on the same machine: as further names of
 * the same files where both lie on one file system, as copies otherwise. Packs
 * never change, so each repository may remove its own names. A pack comes
 * before its index. What the packs hold beyond what the clone refers to goes
 * with its next collection. Throws `not-a-repository`.
 */
export async function linkPacks(repo: Repo, source: string): Promise<void> {
  if (findRepoRoot(source) === undefined) throw new DitsError('not-a-repository', `'${source}' is not a dits repository`)
  await withTransfer(repo, async () => {
    const from = join(source, '.dits', 'packs')
    const to = join(repo.folder, 'packs')
    await mkdir(to, { recursive: true })
    await mkdir(join(repo.folder, 'tmp'), { recursive: true })
    const names = (await readdirIfThere(from)).filter((name) => name.endsWith('.idx'))
    for (const index of names) {
      const pack = index.replace(/\.idx$/, '.pack')
      // A collection over there may remove what was listed: what is still needed is fetched then.
      if (await takeOver(join(from, pack), to, pack, repo)) await takeOver(join(from, index), to, index, repo)
    }
    await syncFolder(to)
    await repo.objects.packs.refresh()
  })
}

/** Whether the file is in place now. */
async function takeOver(file: string, folder: string, name: string, repo: Repo): Promise<boolean> {
  try {
    await link(file, join(folder, name))
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return true
    if (isErrno(error, 'ENOENT')) return false
    if (!isErrno(error, 'EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS')) throw error
  }
  return copyDurably(file, join(repo.folder, 'tmp', name), join(folder, name))
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

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}
