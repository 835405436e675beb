import { readdirSync } from 'node:fs'
import type { Command, VerbRow } from './command.ts'

/**
 * Which verbs there are: one for each file of cli/commands. While dits runs
 * from its sources this looks into the folder; the bundle replaces this whole
 * module by a table that was made when it was built (cli/build/verb-table.ts),
 * so that help and completion load no command.
 */
export async function listVerbs(): Promise<VerbRow[]> {
  const rows = await Promise.all(verbNames().map(async (name) => (await load(name)) as VerbRow))
  return rows.map(({ name, group, summary, hidden = false }) => ({ name, group, summary, hidden }))
}

/** The command of a verb, and nothing else; `undefined` where there is no such verb. */
export async function loadCommand(name: string): Promise<Command | undefined> {
  return verbNames().includes(name) ? await load(name) : undefined
}

function verbNames(): string[] {
  return readdirSync(new URL('commands', import.meta.url))
    .filter((file) => /^[a-z][a-z-]*\.ts$/.test(file))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()
}

async function load(name: string): Promise<Command> {
  return ((await import(`./commands/${name}.ts`)) as { command: Command }).command
}
