import { pathToText } from '../../core/bytes.ts'
import { checkRepository, rebuildIndexes, type CheckReport } from '../../core/check/check.ts'
import type { Repo } from '../../core/repo.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount, formatCount, formatSize, quotePath } from '../format.ts'
import { shortId } from '../revisions.ts'

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
    const repo = await context.openRepo()
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

function show(context: Context, { packs, objects, bytes, ghosts, problems }: CheckReport, full: boolean): void {
  if (context.json) {
    const shown = problems.map((problem) => ({
      code: problem.code,
      message: problem.message,
      object: problem.object ?? null,
      chunks: problem.chunks ?? null,
      files: problem.files.map(({ path, commit }) => ({ path: pathToText(path), commit: commit ?? null })),
    }))
    context.stdout.json({ packs, objects, bytes, ghosts, problems: shown })
    return
  }
  if (ghosts > 0 && !context.quiet) context.stdout.line(`${formatAmount(ghosts, 'object')} of file content not here, as it may be in a partial repository; dits hydrate brings what is needed.`)
  for (const { code, message, files } of problems) {
    context.stdout.line(`${context.colors.red(code)}: ${message}`)
    for (const { path, commit } of files) context.stdout.line(`  touches ${quotePath(path)}${commit ? ` (in ${shortId(commit)})` : ''}`)
  }
  if (problems.length > 0) context.stdout.line(`${formatAmount(problems.length, 'problem')} found. What is not named above is sound.`)
  else if (!context.quiet) {
    const checked = full ? 'every byte verified' : 'links and lengths verified; dits fsck --full reads every byte'
    context.stdout.line(`No problems: ${formatCount(objects)} objects, ${formatSize(bytes)} in ${formatAmount(packs, 'pack')} (${checked}).`)
  }
}
