import { formatDate } from './format.ts'

const soonMs = 2 * 86_400_000

/** When a token stops being good: the day, by a zone so many minutes east of UTC, and within two days the time as well. */
export function formatEnd(expiresMs: number, nowMs: number, zoneMinutes: number): string {
  if (expiresMs <= nowMs) return 'expired'
  const [day, time] = formatDate(expiresMs, zoneMinutes, 'iso').split(' ')
  return expiresMs - nowMs <= soonMs ? `expires on ${day} at ${time!.slice(0, 5)}` : `expires on ${day}`
}
