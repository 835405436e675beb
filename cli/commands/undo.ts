import { undo } from '../../core/changing/undo.ts'
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
further back. 'dits oplog' shows what there is to take back.
Where a file was changed since, it does nothing; with --force that file is replaced, and
'dits undo --redo' brings it back.
With --json: {operation, command, written, removed, broughtBack, saved}.`,
  options: (yargs) =>
    yargs
      .option('redo', { type: 'boolean', default: false, describe: 'take back the last undo; again: the one before' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'also where files were changed since' }),

  async run(context, args) {
    const report = await undo(await context.openRepo(), args)
    const { operation, written, removed, broughtBack, saved } = report
    if (context.json) context.stdout.json({ operation: operation.seq, command: operation.command, written, removed, broughtBack, saved })
    else if (!context.quiet) {
      context.stdout.line(`Took back operation ${operation.seq}: ${operation.command}`)
      if (written + removed > 0) {
        context.stdout.line(`${formatAmount(written, 'file')} written, ${removed} removed`)
      }
      if (saved) context.stdout.line('Files that had been changed since were replaced; they come back with: dits undo --redo')
    }
  },
}
