import { resolve } from 'node:path'
import { mkdir } from 'node:fs/promises'
import { initRepo } from '../../core/repo.ts'
import type { Command } from '../command.ts'
import { describeWorld } from '../open-repo.ts'

interface InitArguments {
  directory?: string | undefined
  'initial-branch': string
}

export const command: Command<InitArguments> = {
  name: 'init',
  group: 'start',
  summary: 'Put a folder under version control',
  usage: ['init [DIRECTORY]'],
  positionals: '[directory]',
  description: `Makes a .dits folder in DIRECTORY, or here. Nothing is stored before 'dits add'.
With --json: {root, branch}.`,
  examples: [['init', 'makes this folder a repository'], ['init film', 'makes the folder film, and a repository of it']],
  options: (yargs) =>
    yargs
      .positional('directory', { type: 'string', describe: 'the folder' })
      .option('initial-branch', { alias: 'b', type: 'string', default: 'main', describe: 'the name of the first branch' }),

  async run(context, args) {
    const root = resolve(context.cwd, args.directory ?? '.')
    await mkdir(root, { recursive: true })
    const repo = await initRepo(root, { branch: args['initial-branch'], env: await describeWorld(context) })
    if (context.json) context.stdout.json({ root: repo.root, branch: args['initial-branch'] })
    else if (!context.quiet) context.stdout.line(`Initialized an empty dits repository in ${repo.folder}`)
  },
}
