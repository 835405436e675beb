import { pathToText } from '../../core/bytes.ts'
import { hydratePaths } from '../../core/ghosts/hydrate.ts'
import type { Command } from '../command.ts'
import { formatAmount, formatSize, quotePath } from '../format.ts'
import { pathspecOf } from '../revisions.ts'

interface HydrateArguments {
  paths?: string[] | undefined
  'dry-run': boolean
}

export const command: Command<HydrateArguments> = {
  name: 'hydrate',
  group: 'share',
  summary: 'Bring the content of files that are only ghosts here',
  usage: ['hydrate [--dry-run] [PATH...]'],
  positionals: '[paths..]',
  description: `Turns ghosts, which have the name, size and time of a file but no content, into files.
Without PATH, all of them. What was changed here is left alone (exit code 1).
With --json: {files: [{path, size}], bytes, missingBytes, changed}.`,
  examples: [
    ['hydrate Level_3', 'brings everything below a folder'],
    ["hydrate --dry-run '*.mov'", 'says how many bytes all movies would take'],
  ],
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'files, folders and patterns' })
      .option('dry-run', { alias: 'n', type: 'boolean', default: false, describe: 'say what would come, and change nothing' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const dryRun = args['dry-run']
    const { files, bytes, missingBytes, changed } = await hydratePaths(repo, pathspecOf(context, repo, args.paths), { dryRun })
    if (context.json) {
      context.stdout.json({ files: files.map(({ path, size }) => ({ path: pathToText(path), size })), bytes, missingBytes, changed: changed.map(pathToText) })
      return changed.length > 0 ? 1 : 0
    }
    if (dryRun || context.verbose) for (const { path, size } of files) context.stdout.line(`${quotePath(path)}  ${formatSize(size)}`)
    if (changed.length > 0) context.warn(`left alone, because it was changed here: ${changed.slice(0, 5).map(quotePath).join(', ')}${changed.length > 5 ? ', ...' : ''}`)
    if (context.quiet) return changed.length > 0 ? 1 : 0
    const come = `${formatAmount(files.length, 'file')}, ${formatSize(bytes)}`
    if (files.length === 0) context.stdout.line(changed.length > 0 ? 'Nothing was hydrated.' : args.paths?.length ? 'No ghosts among these: they have their content.' : 'No ghosts here: every file has its content.')
    else if (dryRun) context.stdout.line(`${come}; at most ${formatSize(missingBytes)} would have to come.`)
    else context.stdout.line(`Hydrated ${come}.`)
    return changed.length > 0 ? 1 : 0
  },
}
