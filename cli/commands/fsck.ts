import { checkRepository, rebuildIndexes, type CheckReport } from '../../core/check/check.ts'
import type { Repo } from '../../core/repo.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { checkJson, printCheck } from '../check-text.ts'
import { formatAmount } from '../format.ts'

interface FsckArguments {
  full: boolean
  'rebuild-index': boolean
}

export const command: Command<FsckArguments> = {
  name: 'fsck',
  group: 'maintain',
  summary: 'Check that nothing is damaged or missing',
  usage: ['fsck [--full]', 'fsck --rebuild-index'],
  description: `Checks refs, the operation log, the index, every pack's index and length, and that all
that is referred to is there. --full reads and verifies every byte. Damage is named
with the files that it touches. Exit code 3 where something is wrong.
With --json: {packs, objects, bytes, ghosts, problems: [{code, message, object, chunks, files}]}.`,
  options: (yargs) =>
    yargs
      .option('full', { type: 'boolean', default: false, describe: 'read and verify everything' })
      .option('rebuild-index', { type: 'boolean', default: false, describe: "make lost or damaged packs' indexes again first" }),

  async run(context, args) {
    const repo = await context.openRepo({ mayBeUnfinished: true })
    const isComplete = !args['rebuild-index'] || (await rebuild(context, repo))
    const report = await checkRepository(repo, { full: args.full })
    show(context, report, args.full)
    const mayBeIndex = report.problems.some(({ code }) => code === 'object-missing' || code === 'index-damaged')
    if (mayBeIndex && !args['rebuild-index'] && !context.json) {
      context.stdout.line('What is missing may be in a pack whose index is lost or damaged. Try: dits fsck --rebuild-index')
    }
    return report.problems.length > 0 || !isComplete ? 3 : 0
  },
}

/** Answers whether every pack has an index then. */
async function rebuild(context: Context, repo: Repo): Promise<boolean> {
  const rebuilt = await rebuildIndexes(repo)
  for (const { pack, objects, skipped, problem } of rebuilt) {
    if (problem) context.stderr.line(`no index can be made again: ${problem.message}`)
    else context.stderr.line(`rebuilt the index of pack ${pack}: ${formatAmount(objects, 'object')}${skipped > 0 ? `, ${formatAmount(skipped, 'damaged place')} left out` : ''}`)
  }
  return rebuilt.every(({ problem }) => !problem)
}

function show(context: Context, report: CheckReport, full: boolean): void {
  if (context.json) return context.stdout.json(checkJson(report))
  if (report.ghosts > 0 && !context.quiet) context.stdout.line(`${formatAmount(report.ghosts, 'object')} of file content not here, as it may be in a partial repository; dits hydrate brings what is needed.`)
  printCheck(context, report, full ? undefined : 'dits fsck --full')
}
