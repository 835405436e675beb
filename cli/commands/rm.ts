import { pathToText } from '../../core/bytes.ts'
import { DitsError } from '../../core/errors.ts'
import { removePaths } from '../../core/staging/remove.ts'
import type { Command } from '../command.ts'
import { listItem, quotePath } from '../format.ts'
import { pathspecOf } from '../revisions.ts'

interface RmArguments {
  paths?: string[] | undefined
  cached: boolean
  force: boolean
  recursive: boolean
}

export const command: Command<RmArguments> = {
  name: 'rm',
  group: 'change',
  summary: 'Remove files, and stop tracking them',
  usage: ['rm [OPTIONS] PATH...'],
  positionals: '[paths..]',
  lists: true,
  description: `Removes tracked files from the working tree and stages their removal.
With --json: {removed}.`,
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'files, folders (with -r) and patterns' })
      .option('cached', { type: 'boolean', default: false, describe: 'leave the files on disk' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'also what is not committed; dits undo brings it back' })
      .option('recursive', { alias: 'r', type: 'boolean', default: false, describe: 'all that is below a folder' }),

  async run(context, args) {
    const { paths = [] } = args
    if (paths.length === 0) throw new DitsError('nothing-named', 'nothing was named to remove')
    const repo = await context.openRepo()
    const removed = await removePaths(repo, pathspecOf(context, repo, paths), args)
    if (context.json) context.stdout.json({ removed: removed.map(pathToText) })
    else if (!context.quiet) {
      for (const path of removed) context.stdout.write(context.nul ? listItem(path, true) : `rm ${quotePath(path)}\n`)
    }
  },
}
