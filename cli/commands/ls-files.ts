import { pathToText, type BytePath } from '../../core/bytes.ts'
import { findChanges } from '../../core/staging/changes.ts'
import { readIndex } from '../../core/staging/stage.ts'
import type { IndexEntry } from '../../core/worktree/index-file.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { listItem, quotePath } from '../format.ts'
import { pathspecOf } from '../revisions.ts'

interface LsFilesArguments {
  paths?: string[] | undefined
  stage: boolean
  others: boolean
  modified: boolean
  deleted: boolean
}

export const command: Command<LsFilesArguments> = {
  name: 'ls-files',
  group: 'examine',
  summary: 'List tracked files, or those that differ',
  usage: ['ls-files [--stage] [PATH...]', 'ls-files --others|--modified|--deleted [PATH...]'],
  positionals: '[paths..]',
  lists: true,
  description: `Without an option, what is staged. With --json: a line a file {path, kind, size, id, hash},
or {path} for --others, --modified and --deleted.`,
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'only these' })
      .option('stage', { alias: 's', type: 'boolean', default: false, describe: 'kind, id and size too' })
      .option('others', { alias: 'o', type: 'boolean', default: false, describe: 'untracked files' })
      .option('modified', { alias: 'm', type: 'boolean', default: false, describe: 'files that are not as staged' })
      .option('deleted', { alias: 'd', type: 'boolean', default: false, describe: 'files that are gone' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const spec = pathspecOf(context, repo, args.paths)
    const index = await readIndex(repo)
    if (!args.others && !args.modified && !args.deleted) {
      for (const entry of index?.entries() ?? []) if (spec.matches(entry.path)) showEntry(context, entry, args.stage)
      return
    }
    for await (const { path, change } of findChanges(repo, index, spec, { untracked: args.others ? 'all' : 'none' })) {
      const isWanted =
        (args.others && change === 'untracked') ||
        (args.deleted && change === 'deleted') ||
        (args.modified && (change === 'modified' || change === 'type-changed' || change === 'deleted'))
      if (isWanted) showPath(context, path)
    }
  },
}

function showEntry(context: Context, { path, kind, size, id, hash }: IndexEntry, stage: boolean): void {
  if (context.json) context.stdout.json({ path: pathToText(path), kind, size, id, hash })
  else {
    if (stage) context.stdout.write(`${kind.padEnd(10)} ${id} ${String(size).padStart(13)}\t`)
    context.stdout.write(context.nul ? listItem(path, true) : `${quotePath(path)}\n`)
  }
}

function showPath(context: Context, path: BytePath): void {
  if (context.json) context.stdout.json({ path: pathToText(path) })
  else context.stdout.write(context.nul ? listItem(path, true) : `${quotePath(path)}\n`)
}
