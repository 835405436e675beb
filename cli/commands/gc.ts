import { collectGarbage } from '../../core/gc.ts'
import type { Command } from '../command.ts'
import { formatAmount, formatCount, formatSize } from '../format.ts'

interface GcArguments {
  grace?: number | undefined
  undo?: number | undefined
}

const dayMs = 24 * 60 * 60 * 1000
const graceDaysDefault = 14
const undoDaysDefault = 90

export const command: Command<GcArguments> = {
  name: 'gc',
  group: 'maintain',
  summary: 'Remove what nothing refers to, and tidy the store',
  usage: ['gc [--grace=DAYS] [--undo=DAYS]'],
  description: `Operations older than --undo days (90) can no longer be undone. Content that no version,
nothing staged and no operation refers to is removed when it is older than --grace
days (14). Small packs are put together. Safe beside other commands.
With --json: {packsBefore, packsAfter, objectsRemoved, bytesBefore, bytesAfter, operationsPruned}.`,
  options: (yargs) =>
    yargs
      .option('grace', { type: 'number', describe: 'days that unreferenced content stays; setting gc.grace' })
      .option('undo', { type: 'number', describe: 'days that operations can be undone; setting gc.undo' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const graceDays = args.grace ?? repo.config.getInt('gc.grace') ?? graceDaysDefault
    const undoDays = args.undo ?? repo.config.getInt('gc.undo') ?? undoDaysDefault
    const report = await collectGarbage(repo, { graceMs: graceDays * dayMs, undoMs: undoDays * dayMs })
    if (context.json) context.stdout.json(report)
    else if (!context.quiet) {
      context.stdout.line(
        `${formatSize(report.bytesBefore)} in ${formatAmount(report.packsBefore, 'pack')} -> ${formatSize(report.bytesAfter)} in ${report.packsAfter}; ` +
          `${formatCount(Math.max(0, report.objectsRemoved))} objects removed, ${formatAmount(report.operationsPruned, 'operation')} forgotten.`,
      )
    }
  },
}
