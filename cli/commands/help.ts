import type { Command } from '../command.ts'
import { verbOf } from '../find-verb.ts'
import { overviewText, verbHelpText } from '../help-text.ts'
import { listVerbs, loadCommand } from '../verbs.ts'
import { UsageError } from '../arguments.ts'

interface HelpArguments {
  verb?: string | undefined
}

export const command: Command<HelpArguments> = {
  name: 'help',
  group: 'maintain',
  summary: 'Explain dits or one of its commands',
  usage: ['help [VERB]', 'VERB --help'],
  positionals: '[verb]',
  options: (yargs) => yargs.positional('verb', { type: 'string', describe: 'the command to explain' }),

  async run({ stdout, colors }, { verb }) {
    if (verb === undefined) {
      stdout.write(overviewText(await listVerbs(), colors))
      return
    }
    const found = await loadCommand(verbOf(verb))
    if (!found) throw new UsageError(`there is no command '${verb}'`, 'dits help lists all commands')
    stdout.write(await verbHelpText(found, stdout.columns, colors))
  },
}
