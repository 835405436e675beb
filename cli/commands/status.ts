import { pathToText, type BytePath } from '../../core/bytes.ts'
import { describeMerge } from '../../core/merging/describe-merge.ts'
import { shortRefName } from '../../core/changing/head.ts'
import type { Change } from '../../core/history/changes.ts'
import type { Operation } from '../../core/oplog.ts'
import { readUpstreamState, type UpstreamState } from '../../core/refs/upstream.ts'
import { emptyIndex } from '../../core/staging/changes.ts'
import { readIndex } from '../../core/staging/stage.ts'
import { readStatus, type StatusReport } from '../../core/staging/status.ts'
import type { WorkChange } from '../../core/worktree/status.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { listGhosts } from '../ghost-list.ts'
import { formatAmount, formatSize, quotePath } from '../format.ts'
import { pathspecOf, prefixOf, seenFrom, shortId } from '../revisions.ts'

interface StatusArguments {
  paths?: string[] | undefined
  short: boolean
  porcelain: boolean
  'untracked-files': string
  ghosts: boolean
}

export const command: Command<StatusArguments> = {
  name: 'status',
  group: 'change',
  summary: 'Show what has changed since the last commit',
  usage: ['status [OPTIONS] [PATH...]'],
  positionals: '[paths..]',
  lists: true,
  description: `Shows what is staged, what is changed but not staged, and what is not tracked.
Paths start in the folder where you are. --porcelain prints 'XY PATH' lines with paths
from the root, as git does, for programs; with -z they end with NUL, and a rename is
'R  NEW' NUL 'OLD'. With --json: {branch, head, upstream, staged, unstaged,
untracked, conflicts, merge, interrupted, ghosts: {files, bytes}}. --ghosts lists instead the files
whose content is not here; with --json, a line {path, size} for each.`,
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'only these' })
      .option('short', { alias: 's', type: 'boolean', default: false, describe: 'one line a file' })
      .option('porcelain', { type: 'boolean', default: false, describe: 'one line a file, for programs' })
      .option('untracked-files', { alias: 'u', type: 'string', choices: ['all', 'normal', 'no'], default: 'normal', describe: 'untracked files: each, by folder, or none' })
      .option('ghosts', { type: 'boolean', default: false, describe: 'list the files whose content is not here' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const untracked = args['untracked-files'] === 'no' ? 'none' : args['untracked-files'] === 'all' ? 'all' : 'folders'
    const spec = pathspecOf(context, repo, args.paths)
    const report = await readStatus(repo, spec, { untracked })
    if (args.ghosts) return listGhosts(context, (await readIndex(repo)) ?? emptyIndex(), { spec, prefix: prefixOf(context, repo) })
    for (const { path, kind } of report.skipped) {
      context.warn(`${quotePath(path)} is left out: ${kind === 'repository' ? 'it is a repository of its own' : kind === 'unreadable' ? 'it may not be read' : 'it is no file, link or folder'}`)
    }
    const { branch, id } = report.current
    const upstream = branch === undefined ? undefined : await readUpstreamState(repo, branch, id)
    const prefix = args.porcelain || context.nul ? ('' as BytePath) : prefixOf(context, repo)
    const view: View = { context, shown: (path) => quotePath(seenFrom(prefix, path)) }
    if (context.json) showJson(context, report, upstream)
    else if (args.short || args.porcelain || context.nul) showShort(view, report)
    else showLong(view, report, upstream)
  },
}

/** Where a person looks from: for them paths start in their folder, for programs at the root. */
interface View {
  context: Context
  shown: (path: BytePath) => string
}

const stagedLetters: Record<Change['kind'], string> = {
  added: 'A',
  deleted: 'D',
  modified: 'M',
  renamed: 'R',
  'type-changed': 'T',
  'mode-changed': 'M',
}

const stagedWords: Record<Change['kind'], string> = {
  added: 'new file:',
  deleted: 'deleted:',
  modified: 'modified:',
  renamed: 'renamed:',
  'type-changed': 'type changed:',
  'mode-changed': 'mode changed:',
}

function showJson(context: Context, { current, merge, unfinished, staged, unstaged, untracked, ghosts }: StatusReport, upstream: UpstreamState | undefined): void {
  context.stdout.json({
    branch: current.branch ? shortRefName(current.branch) : null,
    head: current.id ?? null,
    upstream: upstream ? { name: shortRefName(upstream.name), ahead: upstream.counts?.ahead ?? null, behind: upstream.counts?.behind ?? null } : null,
    staged: staged.map(({ kind, path, from, before, after }) => ({
      kind,
      path: pathToText(path),
      ...(from === undefined ? {} : { from: pathToText(from) }),
      sizeBefore: before?.size ?? null,
      sizeAfter: after?.size ?? null,
    })),
    unstaged: unstaged.map(({ path, change, stat }) => ({ kind: change, path: pathToText(path), size: stat?.size ?? null })),
    untracked: untracked.map((item) => ({ path: shownPath(item), size: item.kind === 'directory' ? null : (item.stat?.size ?? null) })),
    conflicts: (merge?.conflicts ?? []).map(({ path, reason, beside }) => ({ path: pathToText(path), reason, beside: beside === undefined ? null : pathToText(beside) })),
    merge: merge ? { command: merge.command, from: merge.theirName, interrupted: merge.phase !== 'open' } : null,
    interrupted: unfinished?.command ?? null,
    ghosts,
  })
}

function showShort({ context, shown }: View, { merge, staged, unstaged, untracked }: StatusReport): void {
  const rows = new Map<string, { x: string; y: string; from?: string }>()
  const inConflict = new Set<string>(merge?.conflicts.map(({ path }) => path))
  for (const { kind, path, from } of staged) rows.set(path, { x: stagedLetters[kind], y: ' ', ...(from === undefined ? {} : { from }) })
  for (const { path, change } of unstaged) {
    const row = rows.get(path) ?? { x: ' ', y: ' ' }
    rows.set(path, { ...row, y: change === 'deleted' ? 'D' : change === 'type-changed' ? 'T' : 'M' })
  }
  for (const path of inConflict) rows.set(path, { x: 'U', y: 'U' })
  const print = (code: string, path: string, { from, isFolder = false }: { from?: string | undefined; isFolder?: boolean }) => {
    if (context.nul) context.stdout.write(Buffer.from(`${code} ${path}${isFolder ? '/' : ''}\0${from === undefined ? '' : `${from}\0`}`, 'latin1'))
    else context.stdout.line(`${code} ${from === undefined ? '' : `${shown(from as BytePath)} -> `}${shown(path as BytePath)}${isFolder ? '/' : ''}`)
  }
  for (const [path, { x, y, from }] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) print(x + y, path, { from })
  for (const { path, kind } of untracked) print('??', path, { isFolder: kind === 'directory' })
}

function showLong(view: View, report: StatusReport, upstream: UpstreamState | undefined): void {
  const { context: { stdout, colors }, shown } = view
  const { current, merge, staged, unstaged, untracked } = report
  stdout.line(current.branch ? `On branch ${shortRefName(current.branch)}` : `HEAD detached at ${current.id ? shortId(current.id) : 'nothing'}`)
  if (upstream) stdout.line(upstreamText(upstream, merge !== undefined))
  if (!current.id) stdout.line('\nNo commits yet')
  if (merge) showMerge(view, report)
  if (report.unfinished) showUnfinished(view, report.unfinished)
  if (staged.length > 0) {
    stdout.line('\nChanges to be committed:\n  (use "dits restore --staged FILE..." to unstage)')
    for (const { kind, path, from, before, after } of staged) {
      const isFolder = (after ?? before)?.kind === 'directory'
      const name = from === undefined ? `${shown(path)}${isFolder ? '/' : ''}` : `${shown(from)} -> ${shown(path)}`
      const word = isFolder && kind === 'added' ? 'new folder:' : stagedWords[kind]
      stdout.line(colors.green(`\t${word.padEnd(14)}${name}`) + (isFolder ? '' : colors.dim(sizes(before?.size, after?.size))))
    }
  }
  const conflicts = new Set<string>(merge?.conflicts.map(({ path }) => path))
  const open = unstaged.filter(({ path }) => !conflicts.has(path))
  if (open.length > 0) {
    stdout.line('\nChanges not staged for commit:\n  (use "dits add FILE..." to stage, "dits restore FILE..." to discard)')
    for (const { path, change, stat } of open) {
      stdout.line(colors.red(`\t${`${change.replace('-', ' ')}:`.padEnd(14)}${shown(path)}`) + colors.dim(stat ? `  ${formatSize(stat.size)}` : ''))
    }
  }
  if (untracked.length > 0) {
    stdout.line('\nUntracked files:\n  (use "dits add FILE..." to include in what will be committed)')
    for (const item of untracked) {
      stdout.line(colors.red(`\t${shown(item.path)}${item.kind === 'directory' ? '/' : ''}`) + colors.dim(item.kind === 'directory' || !item.stat ? '' : `  ${formatSize(item.stat.size)}`))
    }
  }
  stdout.line(`\n${summary(report)}`)
  const { files, bytes } = report.ghosts
  if (files > 0) stdout.line(`${formatAmount(files, 'file')} without content here (dits hydrate would bring up to ${formatSize(bytes)}).`)
}

function upstreamText({ name, counts }: UpstreamState, isMerging: boolean): string {
  const theirs = `'${shortRefName(name)}'`
  if (!counts) return `Your branch follows ${theirs}, which is not there, as far as is known here.`
  const { ahead, behind } = counts
  if (ahead === 0 && behind === 0) return `Your branch is up to date with ${theirs}.`
  if (behind === 0) return `Your branch is ${formatAmount(ahead, 'commit')} ahead of ${theirs} (use "dits push").`
  if (ahead === 0) return `Your branch is ${formatAmount(behind, 'commit')} behind ${theirs} (use "dits pull").`
  const advice = isMerging ? '' : ' (use "dits pull")'
  return `Your branch is ${formatAmount(ahead, 'commit')} ahead of ${theirs}, and ${formatAmount(behind, 'commit')} behind${advice}.`
}

function showMerge({ context: { stdout, colors }, shown }: View, { merge }: StatusReport): void {
  if (!merge) return
  const { headline, advice, conflicts } = describeMerge(merge)
  stdout.line(`\n${headline[0]!.toUpperCase()}${headline.slice(1)}.`)
  for (const { command, meaning } of advice) stdout.line(`  (use "${command}" ${meaning})`)
  for (const { path, text, beside, oursSize, theirsSize } of conflicts) {
    stdout.line(colors.red(`\t${shown(path)}`) + `  ${text}` + colors.dim(oursSize === undefined ? '' : `  ours ${formatSize(oursSize)}`))
    if (beside !== undefined) stdout.line(`\t  theirs: ${shown(beside)}` + colors.dim(theirsSize === undefined ? '' : `  ${formatSize(theirsSize)}`))
  }
}

/** A stash that is made again would put aside what is left of its first half. */
function showUnfinished({ context: { stdout } }: View, { command, refs }: Operation): void {
  const isStash = refs.some(({ name }) => name.startsWith('refs/stash/'))
  stdout.line(`\nThis was interrupted half-way: ${command}`)
  stdout.line(isStash ? '  (use "dits undo" to go back)' : '  (run it again to go on, or use "dits undo" to go back)')
}

function summary({ current, merge, staged, unstaged, untracked, tracked }: StatusReport): string {
  const conflicts = merge?.conflicts.length ?? 0
  if (conflicts > 0) return `${formatAmount(conflicts, 'file')} in conflict: resolve, then commit.`
  if (staged.length > 0) return `${formatAmount(staged.length, 'file')} staged.`
  if (unstaged.length > 0) return 'nothing added to commit (use "dits add", or "dits commit -a")'
  if (untracked.length > 0) return 'nothing added to commit but untracked files present (use "dits add" to track)'
  if (!current.id && tracked === 0) return 'nothing to commit (copy files here and use "dits add" to track them)'
  return 'nothing to commit, working tree clean'
}

function sizes(before: number | undefined, after: number | undefined): string {
  if (before === undefined) return after === undefined ? '' : `  ${formatSize(after)}`
  if (after === undefined || before === after) return `  ${formatSize(before)}`
  return `  ${formatSize(before)} -> ${formatSize(after)}`
}

function shownPath({ path, kind }: WorkChange): string {
  return kind === 'directory' ? `${pathToText(path)}/` : pathToText(path)
}
