import type { BytePath } from '../bytes.ts'
import { indexKey } from '../changing/operation.ts'
import type { CheckoutJob } from '../checkout/file-writer.ts'
import { writeFiles } from '../checkout/write-files.ts'
import { withLock, type Repo } from '../repo.ts'
import type { Pathspec } from '../staging/pathspec.ts'
import { readIndex } from '../staging/stage.ts'
import { readLaterClock } from '../worktree/disk.ts'
import type { Index, IndexEntry } from '../worktree/index-file.ts'
import { StatPatch } from '../worktree/stat-patch.ts'
import { settleFiles, type SettledFile } from './ghost-files.ts'
import { contentIsHere } from './hydrate-content.ts'
import { bringFiles } from './plan-content.ts'

export interface HydrateReport {
  /** Ghosts that became files; with `dryRun` those that would. */
  files: { path: BytePath; size: number }[]
  /** Bytes of these files. */
  bytes: number
  /** Of these, the bytes of files whose content had to come. */
  missingBytes: number
  /** Files that somebody changed, or that are gone: they are left alone. */
  changed: BytePath[]
}

/**
 * Turns the ghosts that `spec` names into files. Order: their content is
 * brought first, without holding the repository's lock, and is durable in the
 * store; then each file is replaced by a rename; then the index says so. A
 * crash leaves ghosts or whole files, which the next command tells apart by
 * their content. What a person changed is left alone.
 *
 * Throws `no-such-path`, `content-unavailable`, and what the source throws.
 */
export async function hydratePaths(repo: Repo, spec: Pathspec, { dryRun = false }: { dryRun?: boolean } = {}): Promise<HydrateReport> {
  const found = await settleFiles(repo, await readIndex(repo), spec)
  const missing: IndexEntry[] = []
  for (const { entry } of found.ghosts) if (!(await contentIsHere(repo.objects, entry))) missing.push(entry)
  const report = { files: found.ghosts.map(({ entry }) => shown(entry)), bytes: sumOf(found.ghosts.map(({ entry }) => entry)), missingBytes: sumOf(missing), changed: found.changed }
  if (dryRun || found.ghosts.length === 0) return report
  await bringFiles(repo, missing)
  return withLock(repo, async () => {
    const index = await readIndex(repo)
    const { ghosts, changed } = await settleFiles(repo, index, spec)
    const here: SettledFile[] = []
    for (const ghost of ghosts) if (await contentIsHere(repo.objects, ghost.entry)) here.push(ghost)
    const { placed, left } = await placeFiles(repo, here, false)
    if (index && placed.length > 0) await recordFiles(repo, index, placed, false)
    const entries = placed.map(({ entry }) => entry)
    return { ...report, files: entries.map(shown), bytes: sumOf(entries), changed: [...changed, ...left] }
  })
}

/**
 * Replaces files as they were seen by files with their content, or by ghosts.
 * Answers those that were, as they look now, and those that somebody changed
 * since they were seen.
 */
export async function placeFiles(repo: Repo, files: readonly SettledFile[], asGhosts: boolean): Promise<{ placed: SettledFile[]; left: BytePath[] }> {
  const byPath = new Map(files.map((file) => [file.entry.path, file]))
  const jobs = files.map(({ entry, stat }): CheckoutJob => ({ ...jobOf(entry), replaces: stat, ...(asGhosts && { isGhost: true }) }))
  const placed: SettledFile[] = []
  const left: BytePath[] = []
  for await (const { path, stat, isLeft } of writeFiles(repo, jobs)) {
    if (isLeft) left.push(path)
    else placed.push({ ...byPath.get(path)!, stat })
  }
  return { placed, left }
}

/** Puts an index in place in which these files, with what they look like now, are ghosts or are not. */
export async function recordFiles(repo: Repo, index: Index, files: readonly SettledFile[], areGhosts: boolean): Promise<void> {
  const patch = new StatPatch(index)
  for (const { i, stat } of files) patch.set(i, stat, areGhosts)
  // As after a checkout: the clock of after the last write.
  await repo.store.put(indexKey, patch.finish({ writtenMs: await readLaterClock(repo.folder) }))
}

function jobOf({ path, kind, content, size, id, mtimeNs }: IndexEntry): CheckoutJob {
  if (kind === 'directory') throw new Error('a folder is no checkout job')
  return { path, kind, content, size, id, ...(mtimeNs === undefined ? {} : { mtimeNs }) }
}

function shown({ path, size }: IndexEntry): { path: BytePath; size: number } {
  return { path, size }
}

function sumOf(entries: readonly IndexEntry[]): number {
  return entries.reduce((sum, { size }) => sum + size, 0)
}
