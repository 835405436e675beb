import { pathToText, type BytePath } from '../bytes.ts'
import { changeConfigLocked } from '../change-config.ts'
import { readCurrentHead } from '../changing/head.ts'
import { indexKey } from '../changing/operation.ts'
import { setInConfig } from '../config.ts'
import { DitsError } from '../errors.ts'
import { refuseDuringMerge } from '../merging/refuse.ts'
import type { Id } from '../objects/id.ts'
import { withLock, type Repo } from '../repo.ts'
import { withTransfer } from '../transfer-lock.ts'
import type { Pathspec } from '../staging/pathspec.ts'
import { readIndex } from '../staging/stage.ts'
import { readDiskClock } from '../worktree/disk.ts'
import type { Index } from '../worktree/index-file.ts'
import { StatPatch } from '../worktree/stat-patch.ts'
import { patternOfPath } from '../worktree/patterns.ts'
import { markNeeded, markOnRemote, remoteTips, type AskTips, type OnRemote } from './content-marks.ts'
import { dropContent, planDrop } from './drop-content.ts'
import { filterCharactersMax, formatFilter, matches, pathFilter, type ContentFilter } from './filter.ts'
import { settleFiles, type SettledFile } from './ghost-files.ts'
import { placeFiles, recordFiles } from './hydrate.ts'
import { filtersOf } from './partial.ts'

export interface DehydrateOptions {
  /** Say what would happen, and change nothing. */
  dryRun?: boolean
  /** The remote that has to have the content; any, where none is named. */
  remote?: string | undefined
  /** Asks a remote what it has now. Without it, what it was last seen to have counts. */
  askTips?: AskTips
}

export interface DehydrateReport {
  /** Files that became ghosts; with `dryRun` those that would. */
  files: { path: BytePath; size: number }[]
  /** Bytes of these files. */
  bytes: number
  /** Bytes of content that left the store. */
  storeBytes: number
  /** Files that somebody changed, or that are gone: they are left alone. */
  changed: BytePath[]
}

/**
 * Turns the unmodified files that `spec` names into ghosts, and drops from the
 * store the content of these files and of their other versions that a remote
 * has and nothing else here needs. Content that no remote has is never dropped.
 *
 * Order: the repository is marked as partial; the index says that the files
 * may be ghosts; each file is replaced by a rename; the index says what they
 * look like; then content goes, what stays of its packs being durable before.
 * A crash leaves files and ghosts, each whole and known for what it is, and
 * content that the same command drops when it is run again.
 *
 * The configuration of a repository that is open already is not read again: open
 * it anew before another command. Throws `not-on-remote`, naming the files,
 * before anything is changed; `no-such-path`, `merge-in-progress`,
 * `transfer-running`.
 */
export async function dehydratePaths(repo: Repo, spec: Pathspec, options: DehydrateOptions = {}): Promise<DehydrateReport> {
  // A transfer counts on what it found here: nothing may go while one runs.
  return withTransfer(repo, () => withLock(repo, () => dehydrateLocked(repo, spec, options)))
}

async function dehydrateLocked(repo: Repo, spec: Pathspec, options: DehydrateOptions): Promise<DehydrateReport> {
  await refuseDuringMerge(repo, (await readCurrentHead(repo)).id)
  const index = await readIndex(repo)
  const { hydrated, changed } = await settleFiles(repo, index, spec)
  const chosen = hydrated.filter(({ entry }) => !matches({ kind: 'none' }, entry.path, entry.size))
  const tips = await remoteTips(repo, options.remote, options.askTips)
  const onRemote = await markOnRemote(repo, tips, new Set(chosen.map(({ entry }) => entry.id)))
  await refuseUnsaved(chosen, onRemote)
  const report: DehydrateReport = { ...reportOf(chosen), storeBytes: 0, changed }
  if (!index || tips.length === 0) return report
  const plan = async (ghosts: readonly SettledFile[], now: Index) =>
    planDrop(repo, onRemote.marks, await markNeeded(repo, tips, { index: now, becomeGhosts: new Set(ghosts.map(({ i }) => i)), dropped: spec }))
  if (options.dryRun) return { ...report, storeBytes: (await plan(chosen, index)).bytes }
  await markPartial(repo, spec, options.remote)
  const { placed, left } = await replaceByGhosts(repo, index, chosen)
  const drop = await plan([], (await readIndex(repo))!)
  await dropContent(repo, drop)
  return { ...reportOf(placed), storeBytes: drop.bytes, changed: [...changed, ...left] }
}

/** Where it ends half-way, the index says of every file that it may be a ghost, and the next look at it settles that. */
async function replaceByGhosts(repo: Repo, index: Index, files: readonly SettledFile[]): Promise<{ placed: SettledFile[]; left: BytePath[] }> {
  if (files.length === 0) return { placed: [], left: [] }
  const patch = new StatPatch(index)
  for (const { i } of files) patch.setGhost(i, true)
  await repo.store.put(indexKey, patch.finish({ writtenMs: readDiskClock(repo.folder) }))
  const result = await placeFiles(repo, files, true)
  await recordFiles(repo, index, result.placed, true)
  return result
}

async function refuseUnsaved(files: readonly SettledFile[], onRemote: OnRemote): Promise<void> {
  const unsaved = new Set<Id>()
  for (const { entry } of files) if (!(await onRemote.has(entry.id))) unsaved.add(entry.id)
  const refused = files.filter(({ entry }) => unsaved.has(entry.id)).map(({ entry }) => entry.path)
  if (refused.length === 0) return
  const names = refused.slice(0, 10).map((path) => `'${pathToText(path)}'`)
  const more = refused.length > names.length ? ` and ${refused.length - names.length} more` : ''
  throw new DitsError('not-on-remote', `no remote is known to have the content of ${names.join(', ')}${more}`, {
    hint: 'commit and push first: dits push; or see what is there now: dits fetch; nothing was changed',
  })
}

/**
 * Says in the configuration that content may be missing, and that of these
 * paths it is not wanted at once, so that their next versions come as ghosts,
 * too. A filter by size stays as it is, and one that has room for no more
 * patterns.
 */
async function markPartial(repo: Repo, spec: Pathspec, remote: string | undefined): Promise<void> {
  const known = filtersOf(repo.config).find((one) => remote === undefined || one.remote === remote)
  const name = remote ?? known?.remote ?? (await anyRemote(repo))
  const filter = filterWithout(known?.filter ?? pathFilter(['*']), spec)
  await changeConfigLocked(repo, (text, source) => setInConfig(text, `remote.${name}.filter`, formatFilter(filter), source))
}

/** The filter that wants no more of what a pathspec names, as far as it can say so. */
function filterWithout(filter: ContentFilter, spec: Pathspec): ContentFilter {
  if (spec.all) return { kind: 'none' }
  if (filter.kind !== 'path') return filter
  const lines = filter.patterns.map(({ line }) => line)
  const added = spec.names.map(({ path, isPattern }) => `!${isPattern ? path : patternOfPath(path)}`)
  const changed = pathFilter([...lines, ...added.filter((line) => !lines.includes(line))])
  return formatFilter(changed).length <= filterCharactersMax ? changed : filter
}

/** The first remote that there is something of. */
async function anyRemote(repo: Repo): Promise<string> {
  for await (const { name } of repo.refs.list('refs/remotes/')) return name.split('/')[2]!
  return 'origin'
}

function reportOf(files: readonly SettledFile[]): Pick<DehydrateReport, 'files' | 'bytes'> {
  const shown = files.map(({ entry: { path, size } }) => ({ path, size }))
  return { files: shown, bytes: shown.reduce((sum, { size }) => sum + size, 0) }
}
