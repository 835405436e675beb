import { readCurrentHead, readCommit } from '../../core/changing/head.ts'
import { resetTo } from '../../core/changing/reset.ts'
import { DitsError } from '../../core/errors.ts'
import { restorePaths } from '../../core/staging/restore.ts'
import { pathToText } from '../../core/bytes.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount } from '../format.ts'
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
  usage: ['reset [--soft|--mixed|--hard] [REV]', 'reset [REV] -- PATH...'],
  positionals: '[targets..]',
  description: `--soft moves the branch only; --mixed (as without an option) also sets what is staged;
--hard also sets the files. Uncommitted files that --hard replaces come back with
'dits undo'. With paths, what is staged for them becomes what REV has.
With --json: {id, before, written, removed, saved}, or with paths {paths}.`,
  options: (yargs) =>
    yargs
      .positional('targets', { type: 'string', array: true, describe: 'a version; after --, paths' })
      .option('soft', { type: 'boolean', default: false, describe: 'move the branch only' })
      .option('mixed', { type: 'boolean', default: false, describe: 'also set what is staged' })
      .option('hard', { type: 'boolean', default: false, describe: 'also set the files' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const given = args.dashes ? (args.targets ?? []).slice(0, (args.targets?.length ?? 0) - args.afterDashes.length) : (args.targets ?? [])
    if (given.length > 1) throw new DitsError('bad-arguments', `'${given[1]}' is one version too many`, { hint: 'put -- before paths' })
    const id = given[0] === undefined ? (await readCurrentHead(repo)).id : await findCommit(repo, given[0])
    if (!id) throw new DitsError('no-commits', 'there is no commit yet to reset to')
    if (args.afterDashes.length > 0) {
      const { paths } = await restorePaths(repo, pathspecOf(context, repo, args.afterDashes), {
        source: { tree: (await readCommit(repo, id)).tree },
        staged: true,
        worktree: false,
      })
      if (context.json) context.stdout.json({ paths: paths.map(pathToText) })
      else if (!context.quiet) context.stdout.line(`Unstaged ${formatAmount(paths.length, 'path')}.`)
      return
    }
    show(context, await resetTo(repo, id, args.hard ? 'hard' : args.soft ? 'soft' : 'mixed'), await readCommit(repo, id))
  },
}

function show(context: Context, report: Awaited<ReturnType<typeof resetTo>>, commit: Awaited<ReturnType<typeof readCommit>>): void {
  if (context.json) context.stdout.json(report)
  else if (!context.quiet) {
    context.stdout.line(`HEAD is now at ${shortId(report.id)} ${commit.message.split('\n')[0] ?? ''}`)
    if (report.saved) context.stdout.line('Uncommitted files were replaced; they come back with: dits undo')
  }
}
