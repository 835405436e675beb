import type { Command } from '../command.ts'
import { hydrateFiles } from '../hydrate-files.ts'

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
    return hydrateFiles(context, await context.openRepo(), args.paths ?? [], { dryRun: args['dry-run'] })
  },
}
