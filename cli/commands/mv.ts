import { pathToText } from '../../core/bytes.ts'
import { DitsError } from '../../core/errors.ts'
import { movePaths } from '../../core/staging/move.ts'
import type { Command } from '../command.ts'
import { quotePath } from '../format.ts'
import { pathOf } from '../revisions.ts'

interface MvArguments {
  paths?: string[] | undefined
  force: boolean
}

export const command: Command<MvArguments> = {
  name: 'mv',
  group: 'change',
  summary: 'Move or rename files and folders',
  usage: ['mv [-f] SOURCE TARGET', 'mv [-f] SOURCE... FOLDER'],
  positionals: '[paths..]',
  description: `Moves tracked files and folders on disk and stages the move. It costs no content.
What you have moved by hand already is only staged.
With --json: {moved: [{from, to}]}.`,
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'what to move, and last where to' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'replace a file that is there; dits undo brings it back' }),

  async run(context, args) {
    const { paths = [] } = args
    const target = paths.at(-1)
    if (target === undefined || paths.length < 2) throw new DitsError('nothing-named', 'name what to move, and where to', { hint: 'dits mv SOURCE TARGET' })
    const repo = await context.openRepo()
    const sources = paths.slice(0, -1).map((name) => pathOf(context, repo, name))
    const moved = await movePaths(repo, sources, pathOf(context, repo, target), { force: args.force, targetIsFolder: target.endsWith('/') })
    if (context.json) context.stdout.json({ moved: moved.map(({ from, to }) => ({ from: pathToText(from), to: pathToText(to) })) })
    else if (context.verbose) for (const { from, to } of moved) context.stdout.line(`${quotePath(from)} -> ${quotePath(to)}`)
  },
}
