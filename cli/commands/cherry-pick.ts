import type { Command } from '../command.ts'
import { pickJson, pickOptions, runPick, type PickArguments } from '../pick-command.ts'

export const command: Command<PickArguments> = {
  name: 'cherry-pick',
  group: 'branch',
  summary: 'Make the changes of other commits again here',
  usage: ['cherry-pick [-x] [-n] [-m PARENT] COMMIT...', 'cherry-pick --continue | --skip | --abort'],
  positionals: '[commits..]',
  description: `Each commit is made again on top of the current one, with its message and author. Of several,
it stops at the first whose change cannot be merged; resolve that as in a merge, then go on
with --continue. A commit whose change is here already is passed over.

${pickJson}`,
  examples: [
    ['cherry-pick grading~2', 'takes over one commit of another branch'],
    ['cherry-pick main..grading', 'takes over all that the branch has beyond main'],
  ],
  options: (yargs) => pickOptions(yargs, 'cherry-pick').option('x', { type: 'boolean', default: false, describe: 'say in the message which commit was picked' }),
  run: (context, args) => runPick(context, 'cherry-pick', args),
}
