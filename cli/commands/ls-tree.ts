import { joinPath, pathToText, rootPath, type BytePath } from '../../core/bytes.ts'
import { decodeCommit } from '../../core/objects/commit.ts'
import type { Id } from '../../core/objects/id.ts'
import type { TreeEntry } from '../../core/objects/tree-entry.ts'
import { walkTree } from '../../core/objects/tree-walk.ts'
import { readTree } from '../../core/objects/tree.ts'
import { DitsError } from '../../core/errors.ts'
import type { Repo } from '../../core/repo.ts'
import { parsePathspec, type Pathspec } from '../../core/staging/pathspec.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { listItem, quotePath } from '../format.ts'
import { pathFromArgument } from '../raw-arguments.ts'
import { findCommit, findRevision } from '../revisions.ts'

interface LsTreeArguments {
  revision?: string | undefined
  paths?: string[] | undefined
  recursive: boolean
  long: boolean
  'name-only': boolean
}

export const command: Command<LsTreeArguments> = {
  name: 'ls-tree',
  group: 'examine',
  summary: 'List the files of a version',
  usage: ['ls-tree [-r] [-l] REV[:FOLDER] [PATH...]'],
  positionals: '[revision] [paths..]',
  lists: true,
  description: `A line an entry: kind, id, size with -l, and name. With -r everything below.
With --json: a line an entry {path, kind, size, id, hash}.`,
  examples: [['ls-tree -r -l HEAD', 'every file of the last commit with its size']],
  options: (yargs) =>
    yargs
      .positional('revision', { type: 'string', describe: 'a version, or a folder in one; HEAD where it is left out' })
      .positional('paths', { type: 'string', array: true, describe: 'only these' })
      .option('recursive', { alias: 'r', type: 'boolean', default: false, describe: 'everything below, without folders' })
      .option('long', { alias: 'l', type: 'boolean', default: false, describe: 'sizes too' })
      .option('name-only', { type: 'boolean', default: false, describe: 'names only' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const tree = await treeOf(repo, args.revision ?? 'HEAD')
    const spec = parsePathspec((args.paths ?? []).map(pathFromArgument), rootPath)
    for await (const { path, entry } of args.recursive || !spec.all ? allBelow(repo, tree, spec) : oneLevel(repo, tree)) show(context, args, path, entry)
  },
}

async function treeOf(repo: Repo, text: string): Promise<Id> {
  const { id, kind } = await findRevision(repo, text)
  if (kind === 'tree') return id
  if (kind !== 'commit' && kind !== 'tag') throw new DitsError('wrong-kind', `'${text}' is no version and no folder`)
  return decodeCommit(await repo.objects.read('commit', await findCommit(repo, text))).tree
}

async function* oneLevel(repo: Repo, tree: Id): AsyncGenerator<{ path: BytePath; entry: TreeEntry }> {
  for await (const entries of readTree(repo.objects, tree)) for (const entry of entries) yield { path: joinPath(rootPath, entry.name), entry }
}

async function* allBelow(repo: Repo, tree: Id, spec: Pathspec): AsyncGenerator<{ path: BytePath; entry: TreeEntry }> {
  for await (const { path, entry } of walkTree(repo.objects, tree)) {
    // A folder that holds something is shown by what it holds.
    if (entry.kind === 'directory' && entry.size > 0) continue
    if (spec.matches(path)) yield { path, entry }
  }
}

function show(context: Context, args: LsTreeArguments, path: BytePath, entry: TreeEntry): void {
  const { kind, size, id, hash } = entry
  if (context.json) context.stdout.json({ path: pathToText(path), kind, size, id, hash })
  else if (args['name-only']) context.stdout.write(context.nul ? listItem(path, true) : `${quotePath(path)}\n`)
  else {
    const columns = `${kind.padEnd(10)} ${id}${args.long ? String(size).padStart(14) : ''}\t`
    context.stdout.write(columns)
    context.stdout.write(context.nul ? listItem(path, true) : `${quotePath(path)}\n`)
  }
}
