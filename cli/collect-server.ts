import { setTimeout as delay } from 'node:timers/promises'
import { DitsError } from '../core/errors.ts'
import type { SweepReport } from '../core/collecting/sweep.ts'
import type { Administration } from '../server/administration.ts'
import type { Context } from './context.ts'
import { formatAmount, formatSize } from './format.ts'

/** What `dits server gc` was asked for. */
export interface ServerGcRequest {
  /** Repositories; all of them where it is empty. */
  names: readonly string[]
  graceMs: number
  dryRun: boolean
}

/**
 * Collects the garbage of a server's repositories, one after another, and
 * tells of each. One that cannot be collected now does not keep the others
 * from it. Throws what went wrong with the first such.
 */
export async function collectRepositories(context: Context, administration: Administration, { names, graceMs, dryRun }: ServerGcRequest): Promise<void> {
  for (const name of names) await administration.repositories.read(name)
  let failure: DitsError | undefined
  const all = names.length > 0 ? names : await administration.collectableNames()
  for (const name of all) {
    try {
      const report = await collectOne(context, administration, name, { graceMs, dryRun })
      if (context.json) context.stdout.json({ name, ...report, dryRun })
      else if (!context.quiet) context.stdout.line(`${name}: ${reportText(report, dryRun)}`)
    } catch (error) {
      if (!(error instanceof DitsError) || all.length === 1) throw error
      failure ??= error
      if (context.json) context.stdout.json({ name, error: { code: error.code, message: error.message, hint: error.hint ?? null } })
      else context.warn(`'${name}': ${error.message}`)
    }
  }
  if (!dryRun) await administration.sweepUnfinished()
  if (failure) throw failure
}

async function collectOne({ progress, signal }: Context, administration: Administration, name: string, options: { graceMs: number; dryRun: boolean }): Promise<SweepReport> {
  const bar = progress.start({ label: `marking ${name}`, unit: 'count' })
  try {
    return await administration.collect(name, { ...options, wait: (ms) => delay(ms), signal, onMarked: (objects) => bar.moveTo(objects) })
  } finally {
    bar.finish()
  }
}

function reportText({ packsBefore, packsAfter, objectsRemoved, bytesBefore, bytesAfter }: SweepReport, dryRun: boolean): string {
  const removed = formatAmount(Math.max(0, objectsRemoved), 'object')
  const sizes = `${formatSize(bytesBefore)} in ${formatAmount(packsBefore, 'pack')} -> ${formatSize(bytesAfter)} in ${packsAfter}`
  return `${sizes}; ${removed} ${dryRun ? 'would be removed' : 'removed'}.`
}
