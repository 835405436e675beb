import { pathToText, type BytePath } from '../../core/bytes.ts'
import { DitsError } from '../../core/errors.ts'
import { readMergeState } from '../../core/merging/merge-state.ts'
import type { Repo } from '../../core/repo.ts'
import { emptyIndex, findChanges } from '../../core/staging/changes.ts'
import type { Pathspec } from '../../core/staging/pathspec.ts'
import { readIndex } from '../../core/staging/stage.ts'
import type { Index } from '../../core/worktree/index-file.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { listGhosts, type Listed } from '../ghost-list.ts'
import { printEntry } from '../entry-list.ts'
import { listItem } from '../format.ts'
import { pathspecOf, prefixOf, seenFrom } from '../revisions.ts'

interface LsFilesArguments {
  paths?: string[] | undefined
  cached: boolean
  others: boolean
  ignored: boolean
  modified: boolean
  deleted: boolean
  unmerged: boolean
  ghosts: boolean
  stage: boolean
  long: boolean
  hash: boolean
  'error-unmatch': boolean
}

export const command: Command<LsFilesArguments> = {
  name: 'ls-files',
  group: 'examine',
  summary: 'List tracked files, or those that are not tracked, changed or gone',
  usage: ['ls-files [OPTIONS] [PATH...]'],
  positionals: '[paths..]',
  lists: true,
  description: `Lists the files that are staged, below the folder that you are in. The options choose other
files; several together list all of these. What ignore rules leave out is not listed with
--others, but with --others --ignored it is listed as well.
With --json: a line a file {path, kind, size, content, id, hash} for staged ones, {path,
state: other|modified|deleted|unmerged, size} for the others; {path, size} for --ghosts.`,
  examples: [
    ['ls-files --others', 'what is not tracked yet'],
    ['ls-files --stage clips', 'what is staged of a folder, with ids'],
  ],
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'only these' })
      .option('cached', { alias: 'c', type: 'boolean', default: false, describe: 'staged files (where nothing else is chosen)' })
      .option('others', { alias: 'o', type: 'boolean', default: false, describe: 'files that are not tracked' })
      .option('ignored', { alias: 'i', type: 'boolean', default: false, describe: 'with --others, also what is ignored' })
      .option('modified', { alias: 'm', type: 'boolean', default: false, describe: 'tracked files that are changed or gone' })
      .option('deleted', { alias: 'd', type: 'boolean', default: false, describe: 'tracked files that are gone' })
      .option('unmerged', { alias: 'u', type: 'boolean', default: false, describe: 'files in conflict' })
      .option('ghosts', { alias: 'g', type: 'boolean', default: false, describe: 'tracked files whose content is not here' })
      .option('stage', { alias: 's', type: 'boolean', default: false, describe: 'staged files with mode and id' })
      .option('long', { alias: 'l', type: 'boolean', default: false, describe: 'staged files with mode, id and size' })
      .option('hash', { type: 'boolean', default: false, describe: "with --stage or -l, the file's BLAKE3 in place of the id" })
      .option('error-unmatch', { type: 'boolean', default: false, describe: 'fail where a path names no staged file' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const prefix = prefixOf(context, repo)
    const spec = pathspecOf(context, repo, args.paths?.length ? args.paths : prefix === '' ? [] : ['.'])
    const index = (await readIndex(repo)) ?? emptyIndex()
    if (args['error-unmatch']) checkMatched(index, spec)
    const { others, modified, deleted, unmerged, ghosts } = args
    if (args.cached || args.stage || args.long || !(others || modified || deleted || unmerged || ghosts)) {
      listStaged(context, index, { spec, prefix }, args)
    }
    if (others || modified || deleted) await listChanged(context, repo, index, { spec, prefix }, args)
    if (ghosts) listGhosts(context, index, { spec, prefix })
    if (unmerged) {
      const merge = await readMergeState(repo)
      for (const { path } of merge?.conflicts ?? []) if (spec.matches(path)) printState(context, seenFrom(prefix, path), 'unmerged', null)
    }
  },
}

function listStaged(context: Context, index: Index, { spec, prefix }: Listed, args: LsFilesArguments): void {
  const style = { nameOnly: !args.stage && !args.long, long: args.long, hash: args.hash }
  for (let i = 0; i < index.count; i++) {
    const path = index.pathAt(i)
    if (!spec.matches(path)) continue
    if (style.nameOnly && !context.json) context.stdout.write(listItem(seenFrom(prefix, path), context.nul))
    else printEntry(context, seenFrom(prefix, path), index.entry(i), style)
  }
}

async function listChanged(context: Context, repo: Repo, index: Index, { spec, prefix }: Listed, args: LsFilesArguments): Promise<void> {
  const { others, modified, deleted, ignored } = args
  for await (const item of findChanges(repo, index, spec, { untracked: others ? 'all' : 'none', ignored: others && ignored })) {
    const path = seenFrom(prefix, item.path)
    const size = item.stat && item.kind !== 'directory' ? item.stat.size : null
    if (item.change === 'untracked') printState(context, item.kind === 'directory' ? (`${path}/` as BytePath) : path, 'other', size)
    else if (item.change === 'deleted') {
      if (modified || deleted) printState(context, path, 'deleted', null)
    } else if (modified && item.change !== 'skipped') printState(context, path, 'modified', size)
  }
}

function printState(context: Context, path: BytePath, state: string, size: number | null): void {
  if (context.json) context.stdout.json({ path: pathToText(path), state, size })
  else context.stdout.write(listItem(path, context.nul))
}

function checkMatched(index: Index, spec: Pathspec): void {
  for (const path of spec.literals) {
    if (path !== '' && index.find(path) === undefined && index.findFolder(path) === undefined) {
      throw new DitsError('no-such-path', `'${pathToText(path)}' is not tracked`, { hint: 'see: dits status' })
    }
  }
}
