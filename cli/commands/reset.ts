import { readCurrentHead, readCommit } from '../../core/changing/head.ts'
import { resetTo } from '../../core/changing/reset.ts'
import { DitsError } from '../../core/errors.ts'
import type { Id } from '../../core/objects/id.ts'
import type { Repo } from '../../core/repo.ts'
import { restorePaths } from '../../core/staging/restore.ts'
import { pathToText } from '../../core/bytes.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount } from '../format.ts'
import { subjectLine } from '../printable.ts'
import { splitWords } from '../revision-words.ts'
import { findCommit, pathspecOf, shortId } from '../revisions.ts'

interface ResetArguments {
  targets?: string[] | undefined
  soft: boolean
  mixed: boolean
  hard: boolean
}

export const command: Command<ResetArguments> = {
  name: 'reset',
  group: 'change',
  summary: 'Move the branch to another commit, or unstage files',
  usage: ['reset [--soft|--mixed|--hard] [REV]', 'reset [REV] [--] PATH...'],
  positionals: '[targets..]',
  description: `--soft moves the branch only; --mixed (as without an option) also sets what is staged;
--hard also sets the files. Uncommitted files that --hard replaces come back with
'dits undo'. With paths, what is staged for them becomes what REV has.
With --json: {id, before, written, ghosts, removed, saved}, or with paths {paths}.`,
  options: (yargs) =>
    yargs
      .positional('targets', { type: 'string', array: true, describe: 'a version, then paths' })
      .option('soft', { type: 'boolean', default: false, describe: 'move the branch only' })
      .option('mixed', { type: 'boolean', default: false, describe: 'also set what is staged' })
      .option('hard', { type: 'boolean', default: false, describe: 'also set the files' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const { revisions, paths } = await splitWords(context, repo, args.targets ?? [], args)
    if (revisions.length > 1) throw new DitsError('bad-arguments', `'${revisions[1]}' is one version too many`, { hint: 'put -- before paths' })
    const id = revisions[0] === undefined ? (await readCurrentHead(repo)).id : await findCommit(repo, revisions[0])
    if (paths.length > 0) return unstage(context, repo, { id, paths, isPlain: !args.hard && !args.soft })
    if (!id) throw new DitsError('no-commits', 'there is no commit yet to reset to')
    show(context, await resetTo(repo, id, args.hard ? 'hard' : args.soft ? 'soft' : 'mixed'), await readCommit(repo, id))
  },
}

/** Sets what is staged for paths to what a commit has; to nothing before the first commit. */
async function unstage(context: Context, repo: Repo, job: { id: Id | undefined; paths: string[]; isPlain: boolean }): Promise<void> {
  if (!job.isPlain) {
    throw new DitsError('bad-arguments', 'with paths, only what is staged can be reset', { hint: 'for the files themselves: dits restore --source=REV FILE' })
  }
  const source = job.id ? { tree: (await readCommit(repo, job.id)).tree } : 'nothing'
  const { paths } = await restorePaths(repo, pathspecOf(context, repo, job.paths), { source, staged: true, worktree: false })
  if (context.json) context.stdout.json({ paths: paths.map(pathToText) })
  else if (!context.quiet) context.stdout.line(`Unstaged ${formatAmount(paths.length, 'path')}.`)
}

function show(context: Context, report: Awaited<ReturnType<typeof resetTo>>, commit: Awaited<ReturnType<typeof readCommit>>): void {
  if (context.json) context.stdout.json(report)
  else if (!context.quiet) {
    context.stdout.line(`HEAD is now at ${shortId(report.id)} ${subjectLine(commit.message)}`)
    if (report.saved) context.stdout.line('Uncommitted files were replaced; they come back with: dits undo')
  }
}
