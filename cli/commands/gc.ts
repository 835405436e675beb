import { DitsError } from '../../core/errors.ts'
import { collectGarbage, type GcReport } from '../../core/gc.ts'
import type { Repo } from '../../core/repo.ts'
import type { Command } from '../command.ts'
import { formatAmount, formatSize } from '../format.ts'

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
days (14). Small packs are put together, and what killed commands were writing into the
working tree goes. Safe beside other commands.
With --json: {packsBefore, packsAfter, objectsRemoved, bytesBefore, bytesAfter, operationsPruned,
keptForUndo: {objects, bytes}}.`,
  options: (yargs) =>
    yargs
      .option('grace', { type: 'number', describe: 'days that unreferenced content stays; setting gc.grace' })
      .option('undo', { type: 'number', describe: 'days that operations can be undone; setting gc.undo' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const graceDays = daysOf(repo, 'grace', args.grace) ?? graceDaysDefault
    const undoDays = daysOf(repo, 'undo', args.undo) ?? undoDaysDefault
    const report = await collectGarbage(repo, { graceMs: graceDays * dayMs, undoMs: undoDays * dayMs })
    if (context.json) context.stdout.json(report)
    else if (!context.quiet) {
      context.stdout.line(summaryOf(report))
      if (report.keptForUndo.objects > 0) {
        context.stdout.line(
          `${formatSize(report.keptForUndo.bytes)} in ${formatAmount(report.keptForUndo.objects, 'object')} is kept only so that operations can be undone. ` +
            (undoDays > 0 ? 'To let go of it: dits gc --undo=0 --grace=0' : 'The last operation always can be.'),
        )
      }
    }
  },
}

/** What became of the store. Sizes are compared only where something went: packs that are put together change by some bytes, either way. */
function summaryOf({ bytesBefore, bytesAfter, packsBefore, packsAfter, objectsRemoved, operationsPruned }: GcReport): string {
  const before = formatAmount(packsBefore, 'pack')
  if (objectsRemoved > 0 || operationsPruned > 0) {
    const gone = `${formatAmount(Math.max(0, objectsRemoved), 'object')} removed, ${formatAmount(operationsPruned, 'operation')} forgotten`
    return `${formatSize(bytesBefore)} in ${before} -> ${formatSize(bytesAfter)} in ${packsAfter}; ${gone}.`
  }
  const tidied = packsAfter < packsBefore ? `; put ${before} together into ${packsAfter}` : ''
  return `Nothing to collect${tidied}: ${formatSize(bytesAfter)} in ${formatAmount(packsAfter, 'pack')}.`
}

/** A number of days from the command line or the configuration. Throws `bad-arguments` and `bad-config`. */
function daysOf(repo: Repo, name: 'grace' | 'undo', given: number | undefined): number | undefined {
  if (given !== undefined) {
    if (given >= 0) return given
    throw new DitsError('bad-arguments', `'--${name}=${given}' is not a number of days`, { hint: 'give 0 or more' })
  }
  const key = `gc.${name}`
  const days = repo.config.getInt(key)
  if (days === undefined || days >= 0) return days
  throw new DitsError('bad-config', `'${key}' is '${days}', which is not a number of days`, { hint: `run: dits config ${key} 14` })
}
