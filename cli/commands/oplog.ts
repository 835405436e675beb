import { shortRefName } from '../../core/changing/head.ts'
import type { Id } from '../../core/objects/id.ts'
import type { Operation } from '../../core/oplog.ts'

import type { Command } from '../command.ts'
import { formatAge } from '../format.ts'
import { headName, shortId } from '../revisions.ts'

interface OplogArguments {
  number: number
}

export const command: Command<OplogArguments> = {
  name: 'oplog',
  group: 'examine',
  summary: 'List what commands changed, for dits undo',
  usage: ['oplog [-n NUMBER]'],
  description: `Every command that moved a branch, HEAD, what is staged or files, the newest first.
'dits undo' takes back the newest that has not been taken back.
With --json: a line an operation {seq, timeMs, command, head, refs, staged, saved, undoes}.`,
  options: (yargs) => yargs.option('number', { alias: 'n', type: 'number', default: 30, describe: 'how many' }),

  async run(context, args) {
    const repo = await context.openRepo()
    let left = args.number
    for await (const operation of repo.oplog.newestFirst()) {
      if (left-- <= 0) break
      if (context.json) context.stdout.json(operation)
      else {
        const age = formatAge(operation.timeMs, context.environment.now())
        context.stdout.line(`${context.colors.yellow(String(operation.seq).padStart(4))}  ${context.colors.dim(age.padStart(14))}  ${operation.command}`)
        for (const line of movesOf(operation)) context.stdout.line(context.colors.dim(`                      ${line}`))
      }
    }
  },
}

function movesOf({ head, refs, staged, saved, undoes }: Operation): string[] {
  const lines: string[] = []
  if (undoes !== undefined) lines.push(`takes back operation ${undoes}`)
  if (head.before && head.after) lines.push(`HEAD: ${headName(head.before)} -> ${headName(head.after)}`)
  for (const { name, before, after } of refs) lines.push(`${shortRefName(name)}: ${idOf(before)} -> ${idOf(after)}`)
  if (staged.before !== staged.after) lines.push('what is staged')
  if (saved) lines.push('keeps uncommitted files that were replaced')
  return lines
}


function idOf(id: Id | undefined): string {
  return id ? shortId(id) : '(none)'
}
