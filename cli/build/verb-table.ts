import { readdirSync } from 'node:fs'
import type { Command } from '../command.ts'

const commandFolder = new URL('../commands/', import.meta.url)

/**
 * The source of the module that stands in for cli/verbs.ts in the bundle: the
 * rows of all commands written out, and one import for each that happens only
 * when its verb is asked for.
 */
export async function verbTableSource(): Promise<string> {
  const rows = []
  for (const file of readdirSync(commandFolder).filter((name) => /^[a-z][a-z-]*\.ts$/.test(name)).sort()) {
    const { command } = (await import(new URL(file, commandFolder).href)) as { command: Command }
    const { name, group, summary, hidden = false } = command
    if (`${name}.ts` !== file) throw new Error(`cli/commands/${file} exports the command '${name}'; name the file after it`)
    rows.push({ name, group, summary, hidden })
  }
  const loaders = rows.map(({ name }) => `  ${JSON.stringify(name)}: () => import('./commands/${name}.ts'),`)
  return `const rows = ${JSON.stringify(rows)}
const loaders = {
${loaders.join('\n')}
}
export async function listVerbs() {
  return rows
}
export async function loadCommand(name) {
  return Object.hasOwn(loaders, name) ? (await loaders[name]()).command : undefined
}
`
}
