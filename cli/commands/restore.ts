import { pathToText } from '../../core/bytes.ts'
import { readCommit, readCurrentHead } from '../../core/changing/head.ts'
import { DitsError } from '../../core/errors.ts'
import { restorePaths } from '../../core/staging/restore.ts'
import type { Command } from '../command.ts'
import { formatAmount } from '../format.ts'
import { findCommit, pathspecOf } from '../revisions.ts'

interface RestoreArguments {
  paths?: string[] | undefined
  source?: string | undefined
  staged: boolean
  worktree: boolean
}

export const command: Command<RestoreArguments> = {
  name: 'restore',
  group: 'change',
  summary: 'Take files back from what is staged, or from a version',
  usage: ['restore [--source=REV] [--staged] [--worktree] PATH...'],
  positionals: '[paths..]',
  description: `Without options, files in the working tree become what is staged. With --staged, what
is staged becomes what the last commit has. What is replaced in the working tree is
kept for 'dits undo'. With --json: {paths, written, removed, saved}.`,
  examples: [
    ['restore scene.blend', 'throws away changes that are not staged'],
    ['restore --source=HEAD~3 audio', 'the folder as it was three commits ago'],
    ['restore --staged .', 'unstages everything here'],
  ],
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'files, folders and patterns' })
      .option('source', { alias: 's', type: 'string', describe: 'the version to take them from' })
      .option('staged', { alias: 'S', type: 'boolean', default: false, describe: 'set what is staged' })
      .option('worktree', { alias: 'W', type: 'boolean', default: false, describe: 'set the files, also with --staged' }),

  async run(context, args) {
    const { paths = [] } = args
    if (paths.length === 0) throw new DitsError('nothing-named', 'nothing was named to restore', { hint: 'restore everything here with: dits restore .' })
    const repo = await context.openRepo()
    const commit = args.source ? await readCommit(repo, await findCommit(repo, args.source)) : args.staged ? (await readCurrentHead(repo)).commit : undefined
    if (args.staged && args.worktree && !commit) throw new DitsError('no-commits', 'there is no commit yet to restore from', { hint: 'unstage with: dits restore --staged' })
    const report = await restorePaths(repo, pathspecOf(context, repo, paths), {
      // Before the first commit, unstaging leaves nothing staged.
      source: commit ? { tree: commit.tree } : args.staged ? 'nothing' : 'staged',
      staged: args.staged,
      worktree: args.worktree || !args.staged,
    })
    if (context.json) context.stdout.json({ ...report, paths: report.paths.map(pathToText) })
    else if (!context.quiet && report.paths.length === 0) context.stdout.line('Nothing to restore: everything named is as it should be.')
    else if (!context.quiet) {
      context.stdout.line(`Restored ${formatAmount(report.paths.length, 'path')}.${report.saved ? ' What was replaced comes back with: dits undo' : ''}`)
    }
  },
}
