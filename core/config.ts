import { DitsError } from './errors.ts'

/** Settings by key ('section.key'), each with where it was set. The getters answer `undefined` for what is not set. */
export interface Config {
  get(key: string): string | undefined
  /** 'true', 'yes', 'on' and '1', or 'false', 'no', 'off' and '0'. Throws `bad-config`. */
  getBool(key: string): boolean | undefined
  /** A whole number, with a sign or without. Throws `bad-config`. */
  getInt(key: string): number | undefined
  /** Bytes: a number that may have a fraction and one of K, M, G, T (powers of 1024, 'KiB' and 'KB' mean the same). Throws `bad-config`. */
  getSize(key: string): number | undefined
  /** All settings, in the order of their keys. */
  settings(): Setting[]
}

export interface Setting {
  key: string
  value: string
  /** What `parseConfig` was told that it reads, such as a path. */
  source: string
  /** Counted from 1. */
  line: number
}

/**
 * Reads the text of a configuration (FORMAT.md, "Configuration"). Where a key
 * is set twice, the later line counts. `source` is for messages. Throws
 * `config-damaged` for a line that is no setting, comment or empty line.
 */
export function parseConfig(text: string, source: string): Config {
  const settings = new Map<string, Setting>()
  for (const [i, line] of splitLines(text).entries()) {
    const setting = parseLine(line, source, i + 1)
    if (setting) settings.set(setting.key, { ...setting, source, line: i + 1 })
  }
  return createConfig(settings)
}

/** One configuration of several layers: what a later one sets comes before what an earlier one sets. */
export function mergeConfigs(layers: readonly Config[]): Config {
  return createConfig(new Map(layers.flatMap((layer) => layer.settings().map((setting) => [setting.key, setting] as const))))
}

/** The text of a configuration with these settings. Throws `bad-config` for what cannot be a key. */
export function formatConfig(settings: Iterable<readonly [key: string, value: string]>): string {
  return [...settings].map(([key, value]) => `${formatLine(key, value)}\n`).join('')
}

/**
 * `text` with `key` set to `value`: its line is replaced, or one is added at
 * the end of its section's lines, or of the text. All other lines stay as they
 * are. Throws `bad-config` for what cannot be a key, and `config-damaged`.
 */
export function setInConfig(text: string, key: string, value: string, source: string): string {
  const line = formatLine(key, value)
  const lines = splitLines(text)
  const keys = lines.map((other, i) => parseLine(other, source, i + 1)?.key)
  const last = keys.lastIndexOf(key)
  const ending = lines[0]?.endsWith('\r') ? '\r' : ''
  const kept = lines.filter((_, i) => keys[i] !== key || i === last)
  if (last >= 0) return joinLines(kept.map((other) => (other === lines[last] ? line + ending : other)))
  const section = sectionOf(key)
  const end = keys.findLastIndex((other) => other !== undefined && sectionOf(other) === section)
  return joinLines(lines.toSpliced(end < 0 ? lines.length : end + 1, 0, line + ending))
}

/** `text` without the lines that set `key`. Throws `config-damaged`. */
export function unsetInConfig(text: string, key: string, source: string): string {
  return joinLines(splitLines(text).filter((line, i) => parseLine(line, source, i + 1)?.key !== key))
}

const keyPattern = /^[A-Za-z][A-Za-z0-9_-]*(\.[^\s."=#]+)+$/
const sizePattern = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i
const sizeUnits = ['', 'K', 'M', 'G', 'T']
const truthy = ['true', 'yes', 'on', '1']
const falsy = ['false', 'no', 'off', '0']

function createConfig(settings: ReadonlyMap<string, Setting>): Config {
  const parsed = <T>(key: string, what: string, parse: (value: string) => T | undefined): T | undefined => {
    const setting = settings.get(key)
    if (!setting) return undefined
    const value = parse(setting.value)
    if (value === undefined) throw badValue(setting, what)
    return value
  }
  return {
    get: (key) => settings.get(key)?.value,
    getBool: (key) => parsed(key, "'true' or 'false'", parseBool),
    getInt: (key) => parsed(key, 'a whole number', parseInteger),
    getSize: (key) => parsed(key, "a size, such as '512K' or '10M'", parseSize),
    settings: () => [...settings.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
  }
}

function parseBool(value: string): boolean | undefined {
  const lower = value.toLowerCase()
  return truthy.includes(lower) ? true : falsy.includes(lower) ? false : undefined
}

function parseInteger(value: string): number | undefined {
  return /^[+-]?\d+$/.test(value) && Number.isSafeInteger(Number(value)) ? Number(value) : undefined
}

/** Bytes that a text such as `512K` or `1.5 GiB` stands for; `undefined` where it is no size. */
export function parseSize(value: string): number | undefined {
  const [, number, unit = ''] = sizePattern.exec(value) ?? []
  const bytes = Math.round(Number(number) * 1024 ** sizeUnits.indexOf(unit.toUpperCase()))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** The setting on a line; `undefined` for a comment and an empty line. */
function parseLine(line: string, source: string, number: number): { key: string; value: string } | undefined {
  const text = line.trim()
  if (text === '' || text.startsWith('#')) return undefined
  const equals = text.indexOf('=')
  const key = text.slice(0, Math.max(0, equals)).trim()
  const value = parseValue(text.slice(equals + 1).trim())
  if (!keyPattern.test(key) || value === undefined) throw damaged(source, number)
  return { key, value }
}

/** A value as it stands, or in double quotes as a JSON string. */
function parseValue(text: string): string | undefined {
  if (!text.startsWith('"')) return text
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

function formatLine(key: string, value: string): string {
  if (!keyPattern.test(key)) {
    throw new DitsError('bad-config', `'${key}' is not a key of a configuration`, { hint: "keys look like 'user.name'" })
  }
  const plain = value === value.trim() && !value.startsWith('"') && !/[\0-\x1f\x7f]/.test(value)
  return `${key} = ${plain ? value : JSON.stringify(value)}`.trimEnd()
}

function splitLines(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

function joinLines(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

function sectionOf(key: string): string {
  return key.slice(0, key.lastIndexOf('.'))
}

function damaged(source: string, line: number): DitsError {
  return new DitsError('config-damaged', `line ${line} of '${source}' is not a setting`, {
    hint: "write 'section.key = value', or '#' before a comment",
  })
}

function badValue(setting: Setting, what: string): DitsError {
  return new DitsError('bad-config', `'${setting.key}' is '${setting.value}' in line ${setting.line} of '${setting.source}', not ${what}`, {
    hint: `run: dits config ${setting.key} VALUE`,
  })
}
