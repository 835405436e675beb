import { DitsError } from '../core/errors.ts'

const spans: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 30 * 86_400_000,
  year: 365 * 86_400_000,
}

/**
 * A moment as people write it, in milliseconds since 1970: a date
 * ('2024-05-01'), with a time ('2024-05-01 18:30', or ISO 8601 with a zone),
 * 'now', 'today' and 'yesterday' (when they begin), '2 weeks ago', '3.days',
 * or seconds since 1970 ('@1714557600'). Without a zone it is that of
 * `zoneMinutes`, minutes east of UTC. Throws `bad-date`.
 */
export function parseDate(text: string, nowMs: number, zoneMinutes: number): number {
  const words = text.trim().toLowerCase()
  const found = parseEpoch(words) ?? parseNamed(words, nowMs, zoneMinutes) ?? parseSpan(words, nowMs) ?? parseCalendar(words, zoneMinutes)
  if (found !== undefined) return found
  throw new DitsError('bad-date', `'${text}' is not a date`, { hint: "write it as 2024-05-01, '2024-05-01 18:30', yesterday or '2 weeks ago'" })
}

function parseEpoch(words: string): number | undefined {
  return /^@\d+$/.test(words) ? Number(words.slice(1)) * 1000 : undefined
}

function parseNamed(words: string, nowMs: number, zoneMinutes: number): number | undefined {
  if (words === 'now') return nowMs
  if (words !== 'today' && words !== 'yesterday' && words !== 'midnight') return undefined
  const zoneMs = zoneMinutes * 60_000
  const today = Math.floor((nowMs + zoneMs) / spans['day']!) * spans['day']! - zoneMs
  return words === 'yesterday' ? today - spans['day']! : today
}

function parseSpan(words: string, nowMs: number): number | undefined {
  const match = /^(\d+|an?)[ .](second|minute|hour|day|week|month|year)s?(?:[ .]ago)?$/.exec(words)
  if (!match) return undefined
  const count = /^a/.test(match[1]!) ? 1 : Number(match[1])
  return nowMs - count * spans[match[2]!]!
}

function parseCalendar(words: string, zoneMinutes: number): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[t ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(z|[+-]\d\d:?\d\d)?$/.exec(words)
  if (!match) return undefined
  const [, day, time = '00:00', zone] = match
  const localMs = Date.parse(`${day}T${time}Z`)
  if (Number.isNaN(localMs)) return undefined
  const minutes = zone === undefined ? zoneMinutes : zone === 'z' ? 0 : minutesOfZone(zone)
  return localMs - minutes * 60_000
}

function minutesOfZone(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return zone.startsWith('-') ? -minutes : minutes
}
