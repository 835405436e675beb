import { joinPath, rootPath, type BytePath } from '../../core/bytes.ts'
import { DitsError } from '../../core/errors.ts'
import type { TreeEntry } from '../../core/objects/tree-entry.ts'
import { walkTree } from '../../core/objects/tree-walk.ts'
import { entryAtPath, readTree } from '../../core/objects/tree.ts'
import type { Repo } from '../../core/repo.ts'
import { resolvePath } from '../../core/staging/pathspec.ts'
import type { Command } from '../command.ts'
import { printEntry, type EntryListStyle } from '../entry-list.ts'
import { findEntry } from '../revision-words.ts'
import { nameInTree, prefixOf, seenFrom } from '../revisions.ts'

interface LsTreeArguments {
  tree?: string | undefined
  paths?: string[] | undefined
  recursive: boolean
  trees: boolean
  dirs: boolean
  long: boolean
  'name-only': boolean
  hash: boolean
}

export const command: Command<LsTreeArguments> = {
  name: 'ls-tree',
  group: 'examine',
  summary: 'List what is in a folder of a version',
  usage: ['ls-tree [-r] [-l] [--name-only] [REV[:PATH]] [PATH...]'],
  positionals: '[tree] [paths..]',
  lists: true,
  description: `Each line is MODE KIND ID and, after a tab, the name, as in git; KIND is chunk, manifest or
tree, which is what ID names. A PATH that ends with / stands for what is in that folder.
Without REV, the last commit is listed. Paths count from the folder that is listed.
With --json: a line an entry {path, kind, size, content, id, hash}.`,
  examples: [
    ['ls-tree -r --name-only v1.0', 'all files of a version'],
    ['ls-tree -l HEAD:clips', 'one folder, with sizes'],
  ],
  options: (yargs) =>
    yargs
      .positional('tree', { type: 'string', describe: 'the version or folder; HEAD where none is given' })
      .positional('paths', { type: 'string', array: true, describe: 'only these' })
      .option('recursive', { alias: 'r', type: 'boolean', default: false, describe: 'go into folders' })
      .option('trees', { alias: 't', type: 'boolean', default: false, describe: 'with -r, list the folders too' })
      .option('dirs', { alias: 'd', type: 'boolean', default: false, describe: 'only folders' })
      .option('long', { alias: 'l', type: 'boolean', default: false, describe: 'with sizes in bytes' })
      .option('name-only', { alias: 'name-status', type: 'boolean', default: false, describe: 'only the names' })
      .option('hash', { type: 'boolean', default: false, describe: "the file's BLAKE3, as b3sum prints it, in place of the id" }),

  async run(context, args) {
    const { tree = 'HEAD', paths = [] } = args
    const repo = await context.openRepo()
    const root = await findEntry(context, repo, tree)
    if (root.kind !== 'directory') throw new DitsError('not-a-folder', `'${tree}' is a ${root.kind}, not a folder`, { hint: `see: dits show ${tree}` })
    const style: EntryListStyle = { nameOnly: args['name-only'], long: args.long, hash: args.hash }
    // As in git: standing in a folder, one lists that folder, unless the version names one itself.
    const prefix = tree.includes(':') ? rootPath : prefixOf(context, repo)
    const named = paths.length === 0 && prefix !== '' ? ['./'] : paths
    const print = (path: BytePath, entry: TreeEntry): void => {
      const isFolder = entry.kind === 'directory'
      if (args.dirs ? !isFolder : isFolder && args.recursive && !args.trees) return
      printEntry(context, seenFrom(prefix, path), entry, style)
    }
    if (named.length === 0) return list(repo, root, rootPath, args.recursive, print)
    for (const name of named) await listNamed(repo, root, { name, prefix, recursive: args.recursive }, print)
  },
}

type Print = (path: BytePath, entry: TreeEntry) => void

/** A path that is named: the entry itself, or what is in it where the name ends with '/' or the listing goes into folders. */
async function listNamed(repo: Repo, root: TreeEntry, options: { name: string; prefix: BytePath; recursive: boolean }, print: Print): Promise<void> {
  const { name, prefix, recursive } = options
  const path = resolvePath(nameInTree(repo, name), prefix)
  const entry = await entryAtPath(repo.objects, root.id, path)
  if (!entry) return
  const isInside = entry.kind === 'directory' && (recursive || /(^|\/)\.{0,2}$/.test(name))
  if (isInside) return list(repo, entry, path, recursive, print)
  print(path, entry)
}

async function list(repo: Repo, folder: TreeEntry, at: BytePath, recursive: boolean, print: Print): Promise<void> {
  if (recursive) {
    for await (const { path, entry } of walkTree(repo.objects, folder.id, at)) print(path, entry)
    return
  }
  for await (const batch of readTree(repo.objects, folder.id)) for (const entry of batch) print(joinPath(at, entry.name), entry)
}
