import { pathFromText, pathToBuffer, type BytePath } from '../core/bytes.ts'
import { printable, unprintable } from './printable.ts'
import { padText, textWidth } from './text-width.ts'

const sizeUnits = ['kB', 'MB', 'GB', 'TB', 'PB', 'EB']

/** A size for people, in powers of 1000: '512 B', '1.4 GB'. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`
  let value = bytes
  let unit = -1
  do {
    value /= 1000
    unit++
  } while (roundedAtThree(value) >= 1000 && unit < sizeUnits.length - 1)
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${sizeUnits[unit]}`
}

/** A number with its thousands apart: '1,234,567'. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `3 files`, `1 file`. */
export function formatAmount(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** A time span for people, in milliseconds: '350 ms', '4.2 s', '3:07', '1:02:03'. */
export function formatDuration(timeMs: number): string {
  if (timeMs < 999.5) return `${Math.round(timeMs)} ms`
  if (timeMs < 59_950) return `${(timeMs / 1000).toFixed(1)} s`
  return formatClock(timeMs)
}

/** A time span as a clock shows it: '0:04', '3:07', '1:02:03'. */
export function formatClock(timeMs: number): string {
  const seconds = Math.round(timeMs / 1000)
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return hours > 0 ? `${hours}:${twoDigits(minutes)}:${twoDigits(rest)}` : `${minutes}:${twoDigits(rest)}`
}

export type DateStyle = 'default' | 'iso' | 'iso-strict' | 'short' | 'raw' | 'unix'
export const dateStyles: readonly DateStyle[] = ['default', 'iso', 'iso-strict', 'short', 'raw', 'unix']

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * A moment (milliseconds since 1970) as it was in its own zone (minutes east
 * of UTC), in the styles of git's `--date`.
 */
export function formatDate(timeMs: number, zoneMinutes: number, style: DateStyle = 'default'): string {
  const local = new Date(timeMs + zoneMinutes * 60_000)
  if (Number.isNaN(local.getTime())) return `@${timeMs}`
  const day = `${local.getUTCFullYear()}-${twoDigits(local.getUTCMonth() + 1)}-${twoDigits(local.getUTCDate())}`
  const time = `${twoDigits(local.getUTCHours())}:${twoDigits(local.getUTCMinutes())}:${twoDigits(local.getUTCSeconds())}`
  const zone = formatZone(zoneMinutes)
  switch (style) {
    case 'default':
      return `${weekdays[local.getUTCDay()]} ${months[local.getUTCMonth()]} ${local.getUTCDate()} ${time} ${local.getUTCFullYear()} ${zone}`
    case 'iso':
      return `${day} ${time} ${zone}`
    case 'iso-strict':
      return `${day}T${time}${zoneMinutes === 0 ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3)}`}`
    case 'short':
      return day
    case 'raw':
      return `${Math.floor(timeMs / 1000)} ${zone}`
    case 'unix':
      return String(Math.floor(timeMs / 1000))
  }
}

const spans: readonly (readonly [name: string, seconds: number])[] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** How long ago a moment was, or how long until it: '3 days ago', 'in 2 hours'. */
export function formatAge(timeMs: number, nowMs: number): string {
  const seconds = Math.round(Math.abs(nowMs - timeMs) / 1000)
  const [name, length] = spans.find(([, span]) => seconds >= span) ?? spans.at(-1)!
  const span = formatAmount(Math.floor(seconds / length), name)
  return timeMs > nowMs ? `in ${span}` : `${span} ago`
}

/** How a column is set: text to the left, numbers to the right. */
export type Alignment = 'left' | 'right'

/** Rows as lines with their columns in line, two spaces apart, without spaces at the end. Colours must be added afterwards. */
export function formatTable(rows: readonly (readonly string[])[], alignments: readonly Alignment[]): string[] {
  const widths = alignments.map((_, column) => Math.max(0, ...rows.map((row) => textWidth(row[column] ?? ''))))
  return rows.map((row) =>
    alignments
      .map((side, column) => padText(row[column] ?? '', widths[column]!, side))
      .join('  ')
      .trimEnd(),
  )
}

const escapes: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
}

/**
 * A path for the terminal, as git quotes it with core.quotePath off: as it
 * stands where it is UTF-8 without control characters, those that turn the
 * direction of text, quotes and backslashes; otherwise in double quotes, with C escapes and stray bytes in octal.
 */
export function quotePath(path: BytePath): string {
  if (/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(path)) return path
  let quoted = ''
  let special = false
  for (const character of decodeKeepingStrays(path)) {
    const code = typeof character === 'number' ? character : character.codePointAt(0)!
    const plain = typeof character === 'string' && printable(character) === character && escapes[code] === undefined
    special ||= !plain
    quoted += plain ? character : typeof character === 'number' ? octal(character) : (escapes[code] ?? octalText(character))
  }
  return special ? `"${quoted}"` : quoted
}

/** One item of a list: the bytes and NUL with `-z`, otherwise its quoted text and a line end. */
export function listItem(path: BytePath, nul: boolean): Uint8Array | string {
  return nul ? Buffer.concat([pathToBuffer(path), Buffer.of(0)]) : `${quotePath(path)}\n`
}

/** An argument as one types it in a shell, on one line. */
export function quoteArgument(argument: string): string {
  if (/^[\w@%+=:,./~^-]+$/.test(argument)) return argument
  if (argument.search(unprintable) < 0) return `'${argument.replaceAll("'", "'\\''")}'`
  const quoted = argument.replace(/[\\']/g, '\\$&').replace(unprintable, (character) => escapes[character.charCodeAt(0)] ?? octalText(character))
  return `$'${quoted}'`
}

/** The characters of a byte string read as UTF-8, with every byte that is no part of one as a number. */
function* decodeKeepingStrays(path: BytePath): Iterable<string | number> {
  for (let at = 0; at < path.length; ) {
    const first = path.charCodeAt(at)
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    const character = Buffer.from(path.slice(at, at + length), 'latin1').toString('utf8')
    const isWhole = pathFromText(character) === path.slice(at, at + length)
    yield isWhole ? character : first
    at += isWhole ? length : 1
  }
}

function octal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, '0')}`
}

function octalText(character: string): string {
  return [...Buffer.from(character, 'utf8')].map(octal).join('')
}

function formatZone(minutes: number): string {
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${twoDigits(Math.floor(size / 60))}${twoDigits(size % 60)}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}

/** The value as `formatSize` would print it, so that 999.96 moves on to the next unit. */
function roundedAtThree(value: number): number {
  return value < 99.95 ? value : Math.round(value)
}
