import { UsageError } from './arguments.ts'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000, y: 365 * 86_400_000 }

/** A length of time such as '30s', '12h' or '90d', in milliseconds; only 0 needs no unit, because people mean days as well as seconds. Throws UsageError naming `option`. */
export function parseDuration(text: string, option: string): number {
  const [, count, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|w|y)?$/.exec(text.trim().toLowerCase()) ?? []
  if (count === undefined) throw new UsageError(`'${text}' is no length of time for ${option}`, 'write it as 30s, 15m, 12h, 90d or 1y')
  if (unit === undefined && Number(count) !== 0) {
    throw new UsageError(`'${text}' says no unit for ${option}`, `write it with one: ${count}s, ${count}m, ${count}h, ${count}d, ${count}w or ${count}y (seconds, minutes, hours, days, weeks, years)`)
  }
  return Math.round(Number(count) * unitMs[unit ?? 's']!)
}
