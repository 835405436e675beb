import { pathToText } from '../../core/bytes.ts'
import { addPaths, type AddReport } from '../../core/staging/stage.ts'
import { DitsError } from '../../core/errors.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount, formatCount, formatSize, quotePath } from '../format.ts'
import { pathspecOf } from '../revisions.ts'

interface AddArguments {
  paths?: string[] | undefined
  all: boolean
  update: boolean
  force: boolean
  'dry-run': boolean
}

export const command: Command<AddArguments> = {
  name: 'add',
  group: 'change',
  summary: 'Stage files and folders for the next commit',
  usage: ['add [OPTIONS] PATH...', 'add --all'],
  positionals: '[paths..]',
  description: `Stores the content of new and changed files and stages them, and stages what was
removed. A folder stands for everything below it; '*.mov' for what matches, in
any folder. Content that the repository has already costs nothing.
With --json: {added, modified, removed, bytes, newBytes, storedBytes, ignored, failures}.`,
  examples: [['add .', 'stages everything here'], ["add '*.psd'", 'stages all Photoshop files']],
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'files, folders and patterns' })
      .option('all', { alias: 'A', type: 'boolean', default: false, describe: 'everything in the repository' })
      .option('update', { alias: 'u', type: 'boolean', default: false, describe: 'only files that are tracked already' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'also what ignore rules leave out' })
      .option('dry-run', { alias: 'n', type: 'boolean', default: false, describe: 'say what would be staged, and store nothing' }),

  async run(context, args) {
    const { paths = [] } = args
    if (paths.length === 0 && !args.all && !args.update) {
      throw new DitsError('nothing-named', 'nothing was named to add', { hint: 'stage everything here with: dits add .' })
    }
    const repo = await context.openRepo()
    const report = await addPaths(repo, pathspecOf(context, repo, paths), {
      trackedOnly: args.update,
      force: args.force,
      dryRun: args['dry-run'],
    })
    show(context, report, args['dry-run'])
    return report.failures.length + report.ignored.length > 0 ? 1 : 0
  },
}

function show(context: Context, report: AddReport, dryRun: boolean): void {
  const { added, modified, removed, failures, stored } = report
  if (context.json) {
    context.stdout.json({
      added: added.map(pathToText),
      modified: modified.map(pathToText),
      removed: removed.map(pathToText),
      bytes: report.bytes,
      newBytes: stored.rawBytes,
      storedBytes: stored.storedBytes,
      ignored: report.ignored.map(({ path }) => pathToText(path)),
      failures: failures.map(({ path, code, message }) => ({ path: pathToText(path), code, message })),
    })
    return
  }
  if (report.ignored.length > 0) {
    const named = report.ignored.slice(0, 5).map(({ path, by }) => `${quotePath(path)} (by ${by})`)
    context.warn(`ignored and left out: ${named.join(', ')}${report.ignored.length > 5 ? ', ...' : ''}; to add even so: --force`)
  }
  for (const { path, message } of failures) context.stderr.line(`dits: ${quotePath(path)} ${message}: it was not staged`)
  if (context.verbose || dryRun) {
    for (const path of [...added, ...modified]) context.stdout.line(`add ${quotePath(path)}`)
    for (const path of removed) context.stdout.line(`remove ${quotePath(path)}`)
  }
  const count = added.length + modified.length + removed.length
  if (context.quiet || dryRun) return
  if (count === 0) context.stdout.line('Nothing to add: everything here is staged as it is.')
  else {
    const parts = [partOf(added.length, 'new'), partOf(modified.length, 'changed'), partOf(removed.length, 'removed')].filter((part) => part !== '')
    context.stdout.line(`Staged ${formatAmount(count, 'file')} (${parts.join(', ')}), ${formatSize(report.bytes)}; ${formatSize(stored.storedBytes)} new in the store.`)
  }
}

function partOf(count: number, what: string): string {
  return count === 0 ? '' : `${formatCount(count)} ${what}`
}
