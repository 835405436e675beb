import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { changeConfig } from '../../core/change-config.ts'
import { parseConfig, setInConfig, unsetInConfig } from '../../core/config.ts'
import { DitsError, hasCode, isErrno } from '../../core/errors.ts'
import type { Repo } from '../../core/repo.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'

interface ConfigArguments {
  key?: string | undefined
  value?: string | undefined
  global: boolean
  list: boolean
  unset: boolean
  get: boolean
}

export const command: Command<ConfigArguments> = {
  name: 'config',
  group: 'maintain',
  summary: 'Show or change settings',
  usage: ['config KEY [VALUE]', 'config --list', 'config --unset KEY'],
  positionals: '[key] [value]',
  lists: true,
  description: `Settings of this repository lie in .dits/config, which goes before yours for all
repositories (--global) in ~/.config/dits/config. With --json: {key, value, source} a line;
with -z a key, a line end and its value, as git has it.
Keys: user.name, user.email; core.mtimes (record modification times); core.timeonly
(compare size and time only); gc.grace (days), gc.undo (days); store.shared (a folder in
which clones of one remote share what they have fetched; set it with --global).`,
  examples: [['config user.name "Ada"', 'who commits here'], ['config --list', 'everything that is set']],
  options: (yargs) =>
    yargs
      .positional('key', { type: 'string', describe: 'section.name' })
      .positional('value', { type: 'string', describe: 'what to set it to' })
      .option('global', { type: 'boolean', default: false, describe: 'your settings for all repositories' })
      .option('list', { alias: 'l', type: 'boolean', default: false, describe: 'show all settings' })
      .option('get', { type: 'boolean', default: false, describe: 'show one setting' })
      .option('unset', { type: 'boolean', default: false, describe: 'remove a setting' }),

  async run(context, args) {
    const { key, value } = args
    if (args.list || key === undefined) return show(context, args.global)
    if (!args.unset && value === undefined) return show(context, args.global, key)
    const change = (text: string, source: string) => (args.unset ? unsetInConfig(text, key, source) : setInConfig(text, key, value!, source))
    if (args.global) return changeGlobal(context, change)
    const repo = await openRepoIfThere(context)
    if (!repo) throw new DitsError('not-a-repository', `'${context.cwd}' is not in a dits repository`, { hint: 'for a setting of all your repositories, add --global' })
    await changeConfig(repo, change)
  },
}

/** Outside of a repository there are still the person's own settings. */
async function openRepoIfThere(context: Context): Promise<Repo | undefined> {
  try {
    return await context.openRepo()
  } catch (error) {
    if (hasCode(error, 'not-a-repository')) return undefined
    throw error
  }
}

async function show(context: Context, global: boolean, key?: string): Promise<number> {
  const file = context.environment.configFile
  const own = async () => parseConfig(await readText(file), file)
  const config = global ? await own() : ((await openRepoIfThere(context))?.config ?? (await own()))
  const settings = config.settings().filter((setting) => key === undefined || setting.key === key)
  for (const { key: name, value, source } of settings) {
    if (context.json) context.stdout.json({ key: name, value, source })
    else if (context.nul) context.stdout.write(`${key === undefined ? `${name}\n` : ''}${value}\0`)
    else context.stdout.line(key === undefined ? `${name} = ${value}` : value)
  }
  return key !== undefined && settings.length === 0 ? 1 : 0
}

async function changeGlobal(context: Context, change: (text: string, source: string) => string): Promise<void> {
  const file = context.environment.configFile
  await mkdir(dirname(file), { recursive: true })
  const temporary = `${file}.new`
  try {
    await writeFile(temporary, change(await readText(file), file))
    await rename(temporary, file)
  } catch (cause) {
    if (!isErrno(cause, 'EACCES', 'EROFS', 'ENOSPC')) throw cause
    throw new DitsError('store-io', `'${file}' cannot be written`, { hint: cause.message, cause })
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return ''
    throw error
  }
}
