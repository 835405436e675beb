import pino from 'pino'
import { redactSecrets } from './token-secret.ts'

/** What happened, for who runs the server: fields for programs, and a few words. */
export interface Log {
  /** Each request; left out unless it is asked for. */
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  /** What should not have happened; `error` in the fields is written with its causes. */
  error(fields: object, message: string): void
}

/** Where log lines go, and how they look. */
export interface LogOptions {
  /** Takes one finished line, with its end. */
  write(line: string): void
  /** JSON for programs, or one readable line for each event. */
  format: 'json' | 'readable'
  /** Milliseconds since 1970. */
  now(): number
  /** The least important that is written; 'info' if absent. */
  level?: 'debug' | 'info' | 'warn'
}

/** A log whose lines never hold a token, wherever it may have come from, nor anything that would spoil a terminal. */
export function createLog({ write, format, now, level = 'info' }: LogOptions): Log {
  const finish = format === 'json' ? (line: string) => line : readableLine
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.errWithCause },
    },
    { write: (line: string) => write(redactSecrets(finish(line))) },
  )
}

/** 'TIME LEVEL WORDS name=value …' of a line of JSON. */
function readableLine(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const values = Object.entries(fields).map(([name, value]) => ` ${name}=${readableValue(value)}`)
  return `${String(time)} ${String(level).padEnd(5)} ${String(msg)}${values.join('')}\n`
}

function readableValue(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@%+-]+$/.test(value)) return value
  return JSON.stringify(value).replace(/[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
