import { buildParser, optionsOf, UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { bashScript, fishScript, zshScript, type CompletedVerb } from '../completion-scripts.ts'
import { listVerbs, loadCommand } from '../verbs.ts'

interface CompletionArguments {
  shell: string
}

const scripts: Readonly<Record<string, (verbs: readonly CompletedVerb[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

export const command: Command<CompletionArguments> = {
  name: 'completion',
  group: 'maintain',
  summary: 'Print a script that completes dits commands in your shell',
  usage: ['completion bash', 'completion zsh', 'completion fish'],
  positionals: '<shell>',
  examples: [
    ['completion bash > ~/.local/share/bash-completion/completions/dits', 'completes in every new bash'],
    ['completion zsh > ~/.zfunc/_dits', 'completes in zsh, where ~/.zfunc is in $fpath'],
    ['completion fish > ~/.config/fish/completions/dits.fish', 'completes in every new fish'],
  ],
  options: (yargs) => yargs.positional('shell', { type: 'string', demandOption: true, describe: 'bash, zsh or fish' }),

  async run({ stdout }, { shell }) {
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
    if (!script) throw new UsageError(`'${shell}' is not a shell that dits can complete in`, 'name one of: bash, zsh, fish')
    stdout.write(script(await describeVerbs()))
  },
}

/** Every verb with its options. Loads all commands, which only this one may do. */
async function describeVerbs(): Promise<CompletedVerb[]> {
  const verbs = (await listVerbs()).filter(({ hidden }) => !hidden)
  return Promise.all(
    verbs.map(async ({ name, summary }) => {
      const parser = await buildParser((await loadCommand(name))!, [])
      const { key, hiddenOptions } = optionsOf(parser)
      const options = Object.keys(key).filter((option) => key[option] && !hiddenOptions.includes(option))
      const positionals = (await loadCommand(name))!.positionals?.replace(/[<>[\].]/g, '').split(' ') ?? []
      return {
        name,
        summary,
        options: options
          .filter((option) => !positionals.includes(option))
          .map((option) => (option.length === 1 ? `-${option}` : `--${option}`))
          .sort(),
      }
    }),
  )
}
