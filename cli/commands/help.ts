import type { Command } from '../command.ts'
import { verbOf } from '../find-verb.ts'
import { overviewText, verbHelpText } from '../help-text.ts'
import { listVerbs, loadCommand } from '../verbs.ts'
import { UsageError } from '../arguments.ts'
import { helpTopics } from '../help-topics.ts'

interface HelpArguments {
  verb?: string | undefined
}

export const command: Command<HelpArguments> = {
  name: 'help',
  group: 'maintain',
  summary: 'Explain dits or one of its commands',
  usage: ['help [VERB]', 'VERB --help', `help ${Object.keys(helpTopics).join('|')}`],
  positionals: '[verb]',
  options: (yargs) => yargs.positional('verb', { type: 'string', describe: 'the command or topic to explain' }),

  async run({ stdout, colors }, { verb }) {
    if (verb === undefined) {
      stdout.write(overviewText(await listVerbs(), colors))
      return
    }
    if (Object.hasOwn(helpTopics, verb)) {
      stdout.write(helpTopics[verb]!)
      return
    }
    const found = await loadCommand(verbOf(verb))
    if (!found) throw new UsageError(`there is no command or topic '${verb}'`, 'dits help lists all commands')
    stdout.write(await verbHelpText(found, stdout.columns, colors))
  },
}
