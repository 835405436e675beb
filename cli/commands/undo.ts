import { readCurrentHead, shortRefName } from '../../core/changing/head.ts'
import { undo } from '../../core/changing/undo.ts'
import { isAncestor, mergeBasesOfSets } from '../../core/history/ancestry.ts'
import type { Id } from '../../core/objects/id.ts'
import type { Operation } from '../../core/oplog.ts'
import type { Repo } from '../../core/repo.ts'
import type { Command } from '../command.ts'
import { formatAmount } from '../format.ts'

interface UndoArguments {
  redo: boolean
  force: boolean
}

export const command: Command<UndoArguments> = {
  name: 'undo',
  group: 'change',
  summary: 'Take back the last operation',
  usage: ['undo [-f]', 'undo --redo'],
  description: `Takes back what the last command moved: branches, what was staged, and files of the
working tree, with the uncommitted work that was replaced. Called again, it goes
further back. 'dits oplog' shows what there is to take back. What was pushed stays at the
remote: a push is none of the operations, and undo says so where it matters.
Where a file was changed since, it does nothing; with --force that file is replaced, and
'dits undo --redo' brings it back.
With --json: {operation, command, written, removed, broughtBack, saved}.`,
  options: (yargs) =>
    yargs
      .option('redo', { type: 'boolean', default: false, describe: 'take back the last undo; again: the one before' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'also where files were changed since' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const report = await undo(repo, args)
    const { operation, written, removed, broughtBack, saved } = report
    if (context.json) context.stdout.json({ operation: operation.seq, command: operation.command, written, removed, broughtBack, saved })
    else if (!context.quiet) {
      context.stdout.line(`Took back operation ${operation.seq}: ${operation.command}`)
      if (written + removed > 0) {
        context.stdout.line(`${formatAmount(written, 'file')} written, ${removed} removed`)
      }
      const kept = await keptAtRemote(repo, operation)
      if (kept !== undefined) context.stdout.line(`note: ${kept} has these commits and keeps them; undo changes nothing at a remote`)
      if (saved) context.stdout.line('Files that had been changed since were replaced; they come back with: dits undo --redo')
    }
  },
}

/** The branch of a remote that has, as far as is known here, the commits that undo took off a branch; `undefined` where it took none, or none has them. */
async function keptAtRemote(repo: Repo, { refs, head }: Operation): Promise<string | undefined> {
  const hasCommits = (await readCurrentHead(repo)).id !== undefined
  const tips: { name: string; id: Id }[] = []
  for await (const tip of repo.refs.list('refs/remotes/')) tips.push(tip)
  const moves = refs.filter(({ name }) => name.startsWith('refs/heads/'))
  const detached = head.before && head.after && 'id' in head.before && 'id' in head.after ? [{ before: head.before.id, after: head.after.id }] : []
  for (const { before, after } of [...moves, ...detached]) {
    // A branch that was made at commits which were there took none, unless it was the first one.
    const took = after && (before ? !(await isAncestor(repo.objects, after, before)) : !hasCommits)
    if (!took || !(await mergeBasesOfSets(repo.objects, [after], tips.map(({ id }) => id))).includes(after)) continue
    for (const { name, id } of tips) if (await isAncestor(repo.objects, after, id)) return shortRefName(name)
  }
  return undefined
}
