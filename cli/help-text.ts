import { buildParser } from './arguments.ts'
import type { Colors } from './colors.ts'
import { verbGroups, type Command, type VerbGroup, type VerbRow } from './command.ts'
import { formatTable } from './format.ts'

/** The overview of all verbs, by group, as `dits help` prints it. */
export function overviewText(verbs: readonly VerbRow[], colors: Colors): string {
  const shown = verbs.filter(({ hidden }) => !hidden)
  const widest = Math.max(...shown.map(({ name }) => name.length))
  const groups = (Object.keys(verbGroups) as VerbGroup[]).map((group) => {
    const rows = shown.filter((row) => row.group === group)
    const lines = formatTable(rows.map(({ name, summary }) => [name.padEnd(widest), summary]), ['left', 'left'])
    return rows.length === 0 ? '' : `${colors.bold(verbGroups[group])}\n${lines.map((line) => `  ${line}\n`).join('')}\n`
  })
  return `Version control for media, the way Git is for text

Usage: dits [-C DIR] [--json] [-q | --quiet] [-v | --verbose] [--no-color] VERB [ARGUMENTS]

${groups.join('')}'dits help VERB' explains one of them, 'dits VERB --help' does too; 'dits help ignore' and
'dits help attributes' explain the files that set rules for others.
`
}

/** The help of one verb: usage, description, options, examples. */
export async function verbHelpText(command: Command, columns: number, colors: Colors): Promise<string> {
  const parser = (await buildParser(command, [])).wrap(Math.min(columns, 100))
  const options = (await parser.getHelp()).trim()
  const examples = (command.examples ?? []).map(([call, meaning]) => `  dits ${call}\n      ${meaning}\n`)
  return [
    `dits ${command.name}: ${command.summary}\n`,
    `${colors.bold('Usage:')}\n${command.usage.map((line) => `  dits ${line}\n`).join('')}`,
    ...(command.description ? [`${command.description.trim()}\n`] : []),
    `${options}\n`,
    ...(examples.length > 0 ? [`${colors.bold('Examples:')}\n${examples.join('')}`] : []),
  ].join('\n')
}

/** What stands below the message where a command was called wrongly. */
export function usageText(command: Command): string {
  return command.usage.map((line, index) => `${index === 0 ? 'usage:' : '   or:'} dits ${line}\n`).join('')
}
