import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { readCommit } from '../../core/changing/head.ts'
import { DitsError } from '../../core/errors.ts'
import { previousBranch } from '../../core/refs/earlier-values.ts'
import type { Repo } from '../../core/repo.ts'
import { restorePaths } from '../../core/staging/restore.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount } from '../format.ts'
import { findCommit, pathspecOf } from '../revisions.ts'
import { createAndGo, go } from './switch.ts'
import { pathToText } from '../../core/bytes.ts'

interface CheckoutArguments {
  targets?: string[] | undefined
  branch?: string | undefined
  force: boolean
  detach: boolean
}

export const command: Command<CheckoutArguments> = {
  name: 'checkout',
  group: 'branch',
  summary: 'Go to a branch or version, or take files from one',
  usage: ['checkout BRANCH|REV', 'checkout -b NEW [START]', 'checkout [REV] -- PATH...'],
  positionals: '[targets..]',
  description: `As in Git: with a version it does what 'dits switch' does, and goes to what is no branch
without one; with paths it does what 'dits restore' does. With --json as these.`,
  options: (yargs) =>
    yargs
      .positional('targets', { type: 'string', array: true, describe: 'a version, then paths' })
      .option('branch', { alias: 'b', type: 'string', describe: 'make a branch and go to it' })
      .option('detach', { type: 'boolean', default: false, describe: 'go to a version without a branch' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'replace uncommitted changes' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const all = args.targets ?? []
    const given = args.dashes ? all.slice(0, all.length - args.afterDashes.length) : all
    if (args.branch !== undefined) return createAndGo(context, repo, { name: args.branch, start: given[0], force: args.force })
    const rev = given[0]
    const paths = args.dashes ? args.afterDashes : given.slice(1)
    if (paths.length === 0 && rev === undefined) throw new DitsError('nothing-named', 'name the branch or version to go to', { hint: 'see: dits branch' })
    if (paths.length === 0 && rev !== undefined && !args.dashes && (await isOnlyPath(context, repo, rev))) {
      throw new DitsError('unknown-revision', `'${rev}' is a file or folder, not a version`, { hint: `take it back from what is staged with: dits restore ${rev}` })
    }
    if (paths.length === 0 && rev !== undefined) {
      const target = rev === '-' ? '@{-1}' : rev
      const branch = target === '@{-1}' ? await previousBranch(repo.oplog, 1) : /[~^@:]/.test(target) ? undefined : `refs/heads/${target}`
      const onBranch = branch !== undefined && !args.detach && (await isBranch(repo, branch))
      const id = await findCommit(repo, onBranch ? branch : target)
      return go(context, repo, { id, head: onBranch ? { branch } : { id }, force: args.force })
    }
    const source = rev === undefined ? 'staged' : { tree: (await readCommit(repo, await findCommit(repo, rev))).tree }
    const report = await restorePaths(repo, pathspecOf(context, repo, paths), { source, staged: rev !== undefined, worktree: true, overlay: true })
    if (context.json) context.stdout.json({ ...report, paths: report.paths.map(pathToText) })
    else if (!context.quiet) context.stdout.line(`Updated ${formatAmount(report.paths.length, 'path')}${rev === undefined ? '' : ` from ${rev}`}`)
  },
}

/** True where a word is no version, but names something on disk. */
async function isOnlyPath(context: Context, repo: Repo, word: string): Promise<boolean> {
  if (!existsSync(resolve(context.cwd, word))) return false
  try {
    await findCommit(repo, word)
    return false
  } catch (error) {
    if (error instanceof DitsError) return true
    throw error
  }
}

async function isBranch(repo: Repo, name: string): Promise<boolean> {
  try {
    return (await repo.refs.read(name)) !== undefined
  } catch (error) {
    if (error instanceof DitsError && error.code === 'bad-ref-name') return false
    throw error
  }
}
