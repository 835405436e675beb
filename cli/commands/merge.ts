import { readCurrentHead } from '../../core/changing/head.ts'
import { commitStaged } from '../../core/changing/commit.ts'
import { requireMerge } from '../../core/merging/abort.ts'
import { mergeInto, type MergeTarget } from '../../core/merging/merge.ts'
import { previousBranch } from '../../core/refs/earlier-values.ts'
import { isRefName } from '../../core/refs/refs.ts'
import type { Repo } from '../../core/repo.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { showMergeResult } from '../merge-result.ts'
import { runAbort } from '../merge-text.ts'
import { subjectLine } from '../printable.ts'
import { findCommit, shortId } from '../revisions.ts'

interface MergeArguments {
  target?: string | undefined
  message?: string[] | undefined
  ff: boolean
  'ff-only': boolean
  commit: boolean
  squash: boolean
  'allow-unrelated-histories': boolean
  abort: boolean
  continue: boolean
}

export const command: Command<MergeArguments> = {
  name: 'merge',
  group: 'branch',
  summary: 'Bring the changes of another branch into this one',
  usage: ['merge [OPTIONS] BRANCH', 'merge --continue', 'merge --abort'],
  positionals: '[target]',
  description: `Where nothing was committed here meanwhile, the branch just moves forward. Otherwise both
are merged, file by file; moved files and folders are followed. A file that both sides
changed is a conflict: ours stays where it is, theirs is put beside it as
'NAME.theirs-ID.EXT', so that both can be opened. Settle it with 'dits resolve', or edit
the file and 'dits add' it; then 'dits commit'. Uncommitted changes stay, unless the merge
touches their files: then nothing is done. 'dits undo' takes a merge back.

With --json: {outcome: up-to-date|fast-forward|merged|conflicts|waiting|staged, before,
after, branch, conflicts: [{path, reason, beside}], written, removed}; with --abort {aborted, head,
written, removed, saved}. Ends with 1 where there are conflicts.`,
  examples: [
    ['merge grading', "merges the branch 'grading' into the current one"],
    ['merge --abort', 'gives a merge with conflicts up'],
  ],
  options: (yargs) =>
    yargs
      .positional('target', { type: 'string', describe: 'a branch, tag or commit' })
      .option('message', { alias: 'm', type: 'string', array: true, nargs: 1, describe: 'the message of the merge commit' })
      .option('ff', { type: 'boolean', default: true, describe: 'just move forward where that is enough; --no-ff makes a commit always' })
      .option('ff-only', { type: 'boolean', default: false, describe: 'move forward, or do nothing' })
      .option('commit', { type: 'boolean', default: true, describe: 'commit a merge without conflicts; --no-commit leaves it to you' })
      .option('squash', { type: 'boolean', default: false, describe: 'only stage what was changed there, for a commit of your own' })
      .option('allow-unrelated-histories', { type: 'boolean', default: false, describe: 'merge what has no commit in common' })
      .option('abort', { type: 'boolean', default: false, describe: 'give up the merge in progress' })
      .option('continue', { type: 'boolean', default: false, describe: 'commit the merge in progress' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const message = args.message?.join('\n\n')
    if (args.abort) return runAbort(context, repo, 'merge')
    if (args.continue) return conclude(context, repo, message)
    if (args.target === undefined) throw new UsageError('name what to merge', 'usage: dits merge BRANCH')
    if (args['ff-only'] && !args.ff) throw new UsageError('--ff-only and --no-ff exclude each other')
    const target = await mergeTargetOf(repo, args.target)
    const forward = args['ff-only'] ? 'must' : args.ff ? 'may' : 'never'
    const { squash, commit } = args
    const report = await mergeInto(repo, target, { message, forward, commit, squash, unrelated: args['allow-unrelated-histories'] })
    return showMergeResult(context, repo, target, report)
  },
}

/** What a person calls it, and what that is. */
async function mergeTargetOf(repo: Repo, text: string): Promise<MergeTarget> {
  const back = text === '-' ? '1' : /^@\{-(\d+)\}$/.exec(text)?.[1]
  const previous = back === undefined ? undefined : await previousBranch(repo.oplog, Number(back))
  const name = previous ?? text
  const id = await findCommit(repo, name === '-' ? '@{-1}' : name)
  const kinds = { heads: 'branch', tags: 'tag', remotes: 'remote' } as const
  for (const [folder, kind] of Object.entries(kinds)) {
    const [, short = name] = /^(?:refs\/)?(?:heads|tags|remotes)\/(.+)$/.exec(name) ?? []
    const ref = `refs/${folder}/${short}`
    if (isRefName(ref) && (await repo.refs.read(ref))) return { id, name: short, kind }
  }
  return { id, name, kind: 'commit' }
}

async function conclude(context: Context, repo: Repo, message: string | undefined): Promise<void> {
  await requireMerge(repo, 'merge', (await readCurrentHead(repo)).id)
  const { id, commit, branch } = await commitStaged(repo, { message })
  if (context.json) context.stdout.json({ outcome: 'merged', before: commit.parents[0], after: id, branch: branch ?? null, conflicts: [], written: 0, removed: 0 })
  else if (!context.quiet) context.stdout.line(`Merged as ${shortId(id)} ${subjectLine(commit.message)}`)
}
