import type { Command } from '../command.ts'
import { pickJson, pickOptions, runPick, type PickArguments } from '../pick-command.ts'

export const command: Command<PickArguments> = {
  name: 'revert',
  group: 'branch',
  summary: 'Take back the changes of earlier commits by new ones',
  usage: ['revert [-n] [-m PARENT] COMMIT...', 'revert --continue | --skip | --abort'],
  positionals: '[commits..]',
  description: `History stays as it is: for each commit, a new one is made that takes its changes back. What
was changed again since is a conflict; resolve it as in a merge, then go on with --continue.
To take back the last command instead, there is 'dits undo'.

${pickJson}`,
  examples: [
    ['revert HEAD', 'takes back the last commit by a new one'],
    ['revert -m 1 HEAD', 'takes back a merge: what it brought into the branch'],
  ],
  options: (yargs) => pickOptions(yargs, 'revert'),
  run: (context, args) => runPick(context, 'revert', args),
}
