import { pathToText } from '../../core/bytes.ts'
import { DitsError } from '../../core/errors.ts'
import type { AskTips } from '../../core/ghosts/content-marks.ts'
import { dehydratePaths } from '../../core/ghosts/dehydrate.ts'
import type { Repo } from '../../core/repo.ts'
import { findRemote, requireRemote } from '../../protocol/remotes.ts'
import type { Command } from '../command.ts'
import { openRemote } from '../connect.ts'
import type { Context } from '../context.ts'
import { formatAmount, formatSize, quotePath } from '../format.ts'
import { pathspecOf } from '../revisions.ts'

interface DehydrateArguments {
  paths?: string[] | undefined
  all: boolean
  remote?: string | undefined
  'dry-run': boolean
}

export const command: Command<DehydrateArguments> = {
  name: 'dehydrate',
  group: 'share',
  summary: 'Give back the space of files whose content a remote has',
  usage: ['dehydrate [--dry-run] [--remote=NAME] PATH...', 'dehydrate [--dry-run] [--remote=NAME] --all'],
  positionals: '[paths..]',
  description: `Turns unmodified files into ghosts, which keep their names, sizes and times, and drops
their content and that of their older versions from the store. Only content that a remote
has ever goes: it is asked whether its branches still hold what was last fetched or pushed.
Other files are named, and nothing is changed. 'dits hydrate' brings the content back. What
was changed here is left alone.
With --json: {files: [{path, size}], bytes, storeBytes, changed}.`,
  examples: [
    ['dehydrate shots/010', 'gives back the space of a finished shot'],
    ['dehydrate --dry-run --all', 'says what all that could be given back takes'],
  ],
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'files, folders and patterns' })
      .option('all', { alias: 'A', type: 'boolean', default: false, describe: 'everything' })
      .option('remote', { type: 'string', describe: 'the remote that has to have the content; any, where none is named' })
      .option('dry-run', { alias: 'n', type: 'boolean', default: false, describe: 'say what would go, and change nothing' }),

  async run(context, args) {
    const { paths = [], remote, 'dry-run': dryRun } = args
    if (paths.length === 0 && !args.all) throw new DitsError('nothing-named', 'nothing was named to dehydrate', { hint: 'name files and folders, or everything with: dits dehydrate --all' })
    const repo = await context.openRepo()
    if (remote !== undefined) requireRemote(repo.config, remote)
    const { files, bytes, storeBytes, changed } = await dehydratePaths(repo, pathspecOf(context, repo, args.all ? [] : paths), { dryRun, remote, askTips: askRemotes(context, repo) })
    if (context.json) {
      context.stdout.json({ files: files.map(({ path, size }) => ({ path: pathToText(path), size })), bytes, storeBytes, changed: changed.map(pathToText) })
      return 0
    }
    if (dryRun || context.verbose) for (const { path, size } of files) context.stdout.line(`${quotePath(path)}  ${formatSize(size)}`)
    if (changed.length > 0) context.warn(`left alone, because it was changed here: ${changed.slice(0, 5).map(quotePath).join(', ')}${changed.length > 5 ? ', ...' : ''}`)
    if (context.quiet) return 0
    const goes = `${formatAmount(files.length, 'file')}, ${formatSize(bytes)}`
    if (dryRun) context.stdout.line(`${goes} in the working tree; ${formatSize(storeBytes)} in the store.`)
    else context.stdout.line(`Dehydrated ${goes}; ${formatSize(storeBytes)} less in the store.`)
    return 0
  },
}

/** Asks remotes where their branches are. One that cannot be reached does not count, and is named. */
function askRemotes(context: Context, repo: Repo): AskTips {
  return async (name) => {
    const remote = findRemote(repo.config, name)
    if (!remote) return undefined
    try {
      const session = await openRemote(context, remote.url, ['refs/heads/'])
      try {
        return [...(await session.refs()).refs.values()]
      } finally {
        await session.close()
      }
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof DitsError)) throw error
      context.warn(`what '${name}' has does not count, because it cannot be asked: ${error.message}`)
      return undefined
    }
  }
}
