import { pathToText, rootPath } from '../../core/bytes.ts'
import { describeConflict } from '../../core/merging/describe-merge.ts'
import { howToFinish } from '../../core/merging/refuse.ts'
import { requireOpenMerge, resolveConflicts, type Choice, type ResolveReport } from '../../core/merging/resolve.ts'
import type { Repo } from '../../core/repo.ts'
import { parsePathspec } from '../../core/staging/pathspec.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount, formatSize, listItem, quotePath } from '../format.ts'
import { conflictToJson } from '../merge-text.ts'
import { pathspecOf } from '../revisions.ts'

interface ResolveArguments {
  paths?: string[] | undefined
  ours: boolean
  theirs: boolean
  both: boolean
  all: boolean
  list: boolean
}

export const command: Command<ResolveArguments> = {
  name: 'resolve',
  group: 'branch',
  summary: 'Settle files in conflict: take one side, or keep both',
  usage: ['resolve --ours | --theirs | --both FILE...', 'resolve --ours | --theirs | --both --all', 'resolve [--list]'],
  positionals: '[paths..]',
  lists: true,
  description: `Ours is the file at its path, theirs the one beside it (NAME.theirs-ID.EXT), each as it is now:
what you changed in them counts. --both keeps ours at its path and theirs beside it as
'NAME (theirs from BRANCH).EXT'. The result is staged; 'dits undo' opens the conflict again.

With --json: {resolved: [{path, kept}], left: [{path, reason, beside}], saved}; the list is
{conflicts: [{path, reason, beside}]}, and ends with 1 where there are some.`,
  examples: [
    ['resolve --theirs edit.prproj', 'takes their version'],
    ['resolve --ours --all', 'keeps ours of everything that is still in conflict'],
  ],
  options: (yargs) =>
    yargs
      .positional('paths', { type: 'string', array: true, describe: 'files in conflict; folders and patterns stand for those in them' })
      .option('ours', { type: 'boolean', default: false, describe: 'take our version' })
      .option('theirs', { type: 'boolean', default: false, describe: 'take their version' })
      .option('both', { type: 'boolean', default: false, describe: 'keep both beside each other' })
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'everything that is in conflict' })
      .option('list', { alias: 'l', type: 'boolean', default: false, describe: 'only show what is in conflict' }),

  async run(context, args) {
    const choices = (['ours', 'theirs', 'both'] as const).filter((choice) => args[choice])
    if (choices.length > 1) throw new UsageError(`--${choices[0]} and --${choices[1]} exclude each other`)
    const repo = await context.openRepo()
    const [choice] = choices
    if (choice === undefined && !args.list && (args.all || args.paths?.length)) throw new UsageError('say which side to take: --ours, --theirs or --both')
    if (choice === undefined || args.list) return list(context, repo)
    if (!args.all && !args.paths?.length) throw new UsageError('name the files, or say --all')
    const spec = args.all ? parsePathspec([], rootPath) : pathspecOf(context, repo, args.paths)
    show(context, await resolveConflicts(repo, spec, choice), choice)
  },
}

async function list(context: Context, repo: Repo): Promise<number> {
  const { conflicts, theirName } = await requireOpenMerge(repo)
  if (context.json) context.stdout.json({ conflicts: conflicts.map(conflictToJson) })
  else if (context.nul) for (const { path } of conflicts) context.stdout.write(listItem(path, true))
  else for (const conflict of conflicts) showConflict(context, describeConflict(conflict, theirName))
  return conflicts.length > 0 ? 1 : 0
}

function showConflict({ stdout, colors }: Context, conflict: ReturnType<typeof describeConflict>): void {
  const { path, text, beside, oursSize, theirsSize } = conflict
  stdout.line(`${colors.red(quotePath(path))}  ${text}${colors.dim(oursSize === undefined ? '' : `  ours ${formatSize(oursSize)}`)}`)
  if (beside !== undefined) stdout.line(`  theirs: ${quotePath(beside)}${colors.dim(theirsSize === undefined ? '' : `  ${formatSize(theirsSize)}`)}`)
}

function show(context: Context, { resolved, left, state, saved }: ResolveReport, choice: Choice): void {
  if (context.json) {
    const items = resolved.map(({ path, kept }) => ({ path: pathToText(path), kept: kept === undefined ? null : pathToText(kept) }))
    context.stdout.json({ resolved: items, left: left.map(conflictToJson), saved })
    return
  }
  if (context.quiet) return
  for (const { path, kept } of resolved) {
    const taken = { ours: 'ours', theirs: 'theirs', both: 'both' }[choice]
    context.stdout.line(`Took ${taken}: ${quotePath(path)}${kept === undefined ? '' : `, and theirs as ${quotePath(kept)}`}`)
  }
  if (saved) context.stdout.line('Files that were worked in were replaced; they come back with: dits undo')
  const isOver = state.endsWith === 'resolution' && state.todo.length === 0
  if (left.length > 0) context.stdout.line(`${formatAmount(left.length, 'file')} still in conflict: dits resolve --list`)
  else context.stdout.line(isOver ? 'All conflicts are resolved.' : `All conflicts are resolved; finish with: ${howToFinish(state)}`)
}
