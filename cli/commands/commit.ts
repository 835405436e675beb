import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkCommit, commitStaged, type CommitReport } from '../../core/changing/commit.ts'
import { readCommit, shortRefName } from '../../core/changing/head.ts'
import { DitsError } from '../../core/errors.ts'
import { changesBetween } from '../../core/history/changes.ts'
import type { Commit, Person } from '../../core/objects/commit.ts'
import { readMergeState } from '../../core/merging/merge-state.ts'
import type { Repo } from '../../core/repo.ts'
import { modifiedPaths } from '../../core/staging/changes.ts'
import { readIndex } from '../../core/staging/stage.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatAmount } from '../format.ts'
import { subjectLine } from '../printable.ts'
import { shortId } from '../revisions.ts'

interface CommitArguments {
  message?: string[] | undefined
  file?: string | undefined
  all: boolean
  amend: boolean
  edit: boolean
  'allow-empty': boolean
}

export const command: Command<CommitArguments> = {
  name: 'commit',
  group: 'change',
  summary: 'Record what is staged as a new version',
  usage: ['commit [-a] -m MESSAGE', 'commit --amend [-m MESSAGE]'],
  description: `Records what is staged. Without -m or -F, the editor of $EDITOR asks for the message.
With --json: {id, branch, tree, parents, message, changed}.`,
  examples: [['commit -m "second cut"', 'records what is staged'], ['commit -am "grade"', 'stages changes of tracked files first']],
  options: (yargs) =>
    yargs
      .option('message', { alias: 'm', type: 'string', array: true, nargs: 1, describe: 'the message; several make paragraphs' })
      .option('file', { alias: 'F', type: 'string', describe: 'read the message from a file' })
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'stage changes of tracked files first' })
      .option('amend', { type: 'boolean', default: false, describe: 'replace the last commit' })
      .option('edit', { type: 'boolean', default: true, describe: 'ask the editor; --no-edit keeps the message with --amend' })
      .option('allow-empty', { type: 'boolean', default: false, describe: 'commit even if nothing changed' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const message = await messageOf(context, repo, args)
    const report = await commitStaged(repo, { message, amend: args.amend, allowEmpty: args['allow-empty'], all: args.all })
    await show(context, repo, report)
  },
}

async function messageOf(context: Context, repo: Repo, args: CommitArguments): Promise<string | undefined> {
  if (args.message) return args.message.join('\n\n')
  if (args.file !== undefined) return readFileSync(args.file === '-' ? 0 : join(context.cwd, args.file), 'utf8')
  const merge = await readMergeState(repo)
  if (merge || !args.edit || context.json || !process.stdin.isTTY) return undefined
  const isChanged = args.all && (await modifiedPaths(repo, await readIndex(repo))).size > 0
  const { commit } = (await checkCommit(repo, { amend: args.amend, allowEmpty: args['allow-empty'] || isChanged })).current
  return askEditor(context, args.amend ? (commit?.message ?? '') : '')
}

/** Lets the person write the message in an editor, as git does. */
function askEditor(context: Context, start: string): string {
  const { variables } = context.environment
  const editor = variables['DITS_EDITOR'] ?? variables['VISUAL'] ?? variables['EDITOR'] ?? 'vi'
  const folder = mkdtempSync(join(tmpdir(), 'dits-message-'))
  try {
    const file = join(folder, 'COMMIT_MESSAGE')
    writeFileSync(file, `${start}\n# The message of the commit. Lines that start with '#' are left out; nothing else is needed.\n`)
    const { status, error } = spawnSync('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
    if (error || status !== 0) throw new DitsError('editor-failed', `the editor '${editor}' failed`, { hint: 'give the message with -m', cause: error })
    return readFileSync(file, 'utf8').split('\n').filter((line) => !line.startsWith('#')).join('\n')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function show(context: Context, repo: Repo, { id, commit, branch, before }: CommitReport): Promise<void> {
  let changed = 0
  for await (const change of changesBetween(repo.objects, before, commit.tree)) if (change) changed++
  const name = branch ? shortRefName(branch) : 'detached HEAD'
  if (context.json) {
    context.stdout.json({ id, branch: branch ? name : null, tree: commit.tree, parents: commit.parents, message: commit.message, changed })
  } else if (!context.quiet) {
    const first = commit.parents.length === 0 ? ' (first commit)' : ''
    context.stdout.line(`[${name}${first} ${shortId(id)}] ${subjectLine(commit.message)}`)
    context.stdout.line(` ${formatAmount(changed, 'file')} changed`)
    if (await isNewByChance(repo, commit)) {
      context.stdout.flush()
      context.warn(`committed as ${personText(commit.committer)}, since no name is set; set yours with: dits config --global user.name "NAME" (and user.email), then: dits commit --amend --no-edit`)
    }
  }
}

/** Whether nobody said who commits, and this is the first commit here in that name: it is said once. */
async function isNewByChance(repo: Repo, { parents, committer }: Commit): Promise<boolean> {
  if (repo.env.author?.name !== undefined || repo.config.get('user.name') !== undefined) return false
  const [parent] = parents
  return parent === undefined || personText((await readCommit(repo, parent)).committer) !== personText(committer)
}

function personText({ name, email }: Person): string {
  return `${name} <${email}>`
}
