import { pathToText } from '../../core/bytes.ts'
import { readCommit, readCurrentHead } from '../../core/changing/head.ts'
import { isPartial } from '../../core/ghosts/partial.ts'
import { DitsError } from '../../core/errors.ts'
import { costOfFolder, costOfVersions, measureStore, type FolderCost, type StoreSize, type VersionCost } from '../../core/usage.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount, formatSize, formatTable, quotePath } from '../format.ts'
import { subjectLine } from '../printable.ts'
import { findCommit, pathOf, shortId } from '../revisions.ts'

interface DuArguments {
  path?: string | undefined
  rev: string
  folders: boolean
}

export const command: Command<DuArguments> = {
  name: 'du',
  group: 'examine',
  summary: 'Show what versions and folders really cost in the store',
  usage: ['du [--rev=REV]', 'du --folders [PATH]'],
  positionals: '[path]',
  description: `Without a path: for each version the size of its files, what it added to the store, and
how much of that is structure: the lists and folders that describe the content. With a
path or --folders: for each entry of the folder its size, what it takes alone, and what
no entry above it in the list shares. With --json: a line a version {id, message,
plainBytes, contentBytes, structureBytes} and at the end {store: {packs, objects,
packBytes, indexBytes, otherBytes}}; or a line an entry {path, kind, plainBytes,
aloneBytes, ownBytes}.`,
  examples: [
    ['du', 'what each version added'],
    ['du --folders', 'which folders cost most'],
    ['du --rev=v1.0 clips', 'what a folder of a version costs, file by file'],
  ],
  options: (yargs) =>
    yargs
      .positional('path', { type: 'string', describe: 'a folder or file' })
      .option('rev', { type: 'string', default: 'HEAD', describe: 'the version, and those before it' })
      .option('folders', { type: 'boolean', default: false, describe: 'by folder instead of by version' }),

  async run(context, args) {
    const repo = await context.openRepo()
    if (isPartial(repo)) context.warn('content that is not here is not counted: the repository is partial')
    if (!args.folders && args.path === undefined) {
      const isEmpty = args.rev === 'HEAD' && (await readCurrentHead(repo)).id === undefined
      const costs = isEmpty ? [] : await costOfVersions(repo, await findCommit(repo, args.rev))
      return showVersions(context, costs, await measureStore(repo))
    }
    const start = await findCommit(repo, args.rev)
    const path = pathOf(context, repo, args.path ?? '.')
    const rows = await costOfFolder(repo, (await readCommit(repo, start)).tree, path)
    if (rows.length === 0) throw new DitsError('no-such-path', `'${pathToText(path)}' is not in '${args.rev}'`, { hint: 'see: dits ls-tree -r' })
    showFolders(context, rows)
  },
}

function showVersions(context: Context, costs: readonly VersionCost[], store: StoreSize): void {
  if (context.json) {
    for (const { id, commit, plainBytes, contentBytes, structureBytes } of costs) {
      context.stdout.json({ id, message: commit.message, plainBytes, contentBytes, structureBytes })
    }
    context.stdout.json({ store })
    return
  }
  const rows = costs.map(({ id, commit, plainBytes, contentBytes, structureBytes }) => [
    shortId(id),
    formatSize(plainBytes),
    formatSize(contentBytes + structureBytes),
    formatSize(structureBytes),
    subjectLine(commit.message),
  ])
  const total = costs.reduce((sum, cost) => sum + cost.contentBytes + cost.structureBytes, 0)
  const copies = costs.reduce((sum, cost) => sum + cost.plainBytes, 0)
  const header = ['version', 'size', 'added', 'structure', 'message']
  const lines = costs.length === 0 ? [] : formatTable([header, ...rows], ['left', 'right', 'right', 'right', 'left'])
  for (const line of lines) context.stdout.line(line)
  const { packBytes, indexBytes, otherBytes, objects } = store
  context.stdout.line(`${formatAmount(costs.length, 'version')}: ${formatSize(total)} in the store; as plain copies ${formatSize(copies)}.`)
  context.stdout.line(`The whole store: ${formatSize(packBytes + indexBytes + otherBytes)}, ${formatAmount(objects, 'object')}.`)
}

function showFolders(context: Context, rows: readonly FolderCost[]): void {
  const bytesOf = (cost: FolderCost['own']) => cost.contentBytes + cost.structureBytes
  if (context.json) {
    for (const { path, kind, plainBytes, alone, own } of rows) {
      context.stdout.json({ path: pathToText(path), kind, plainBytes, aloneBytes: bytesOf(alone), ownBytes: bytesOf(own) })
    }
    return
  }
  const [whole, ...entries] = rows
  const lines = entries.map(({ path, kind, plainBytes, alone, own }) => [
    formatSize(plainBytes),
    formatSize(bytesOf(alone)),
    formatSize(bytesOf(own)),
    `${quotePath(path)}${kind === 'directory' ? '/' : ''}`,
  ])
  const sum = whole ? [[formatSize(whole.plainBytes), formatSize(bytesOf(whole.alone)), formatSize(bytesOf(whole.own)), whole.path === '' ? 'total' : quotePath(whole.path)]] : []
  for (const line of formatTable([['size', 'stored', 'not shared', 'path'], ...lines, ...sum], ['right', 'right', 'right', 'left'])) context.stdout.line(line)
}
