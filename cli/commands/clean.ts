import { pathToText } from '../../core/bytes.ts'
import { DitsError } from '../../core/errors.ts'
import { cleanWorktree } from '../../core/staging/clean.ts'
import type { Command } from '../command.ts'
import { listItem, quotePath } from '../format.ts'
import { pathspecOf } from '../revisions.ts'

interface CleanArguments {
  paths?: string[] | undefined
  force: boolean
  d: boolean
  x: boolean
  'dry-run': boolean
}

export const command: Command<CleanArguments> = {
  name: 'clean',
  group: 'change',
  summary: 'Remove files that are not tracked',
  usage: ['clean -n|-f [-d] [-x] [PATH...]'],
  positionals: '[paths..]',
  lists: true,
  description: `Removes untracked files; 'dits undo' brings them back. With --json: {removed}.`,
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'only these' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'do it' })
      .option('dry-run', { alias: 'n', type: 'boolean', default: false, describe: 'say what would be removed' })
      .option('d', { type: 'boolean', default: false, describe: 'also folders that are empty then' })
      .option('x', { type: 'boolean', default: false, describe: 'also what ignore rules leave out' }),

  async run(context, args) {
    const dryRun = args['dry-run']
    if (!dryRun && !args.force) throw new DitsError('force-needed', 'clean removes files', { hint: 'see which with: dits clean -n; then do it with: dits clean -f' })
    const repo = await context.openRepo()
    const removed = await cleanWorktree(repo, pathspecOf(context, repo, args.paths), { folders: args.d, ignored: args.x, dryRun })
    if (context.json) context.stdout.json({ removed: removed.map(pathToText) })
    else if (!context.quiet) {
      for (const path of removed) context.stdout.write(context.nul ? listItem(path, true) : `${dryRun ? 'Would remove' : 'Removing'} ${quotePath(path)}\n`)
    }
  },
}
