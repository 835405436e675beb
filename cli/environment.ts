import { homedir } from 'node:os'
import { join } from 'node:path'
import { DitsError } from '../core/errors.ts'

/** What core must be told about the machine and the person at it. */
export interface Environment {
  /** The variables themselves, for what is not listed here. */
  variables: Readonly<Record<string, string | undefined>>
  /** From DITS_AUTHOR_NAME and DITS_AUTHOR_EMAIL, which go before the configuration. */
  authorName: string | undefined
  authorEmail: string | undefined
  home: string
  /** The person's configuration: `$XDG_CONFIG_HOME/dits/config`, or `~/.config/dits/config`. */
  configFile: string
  /** Milliseconds since 1970; always the same where DITS_NOW is set. */
  now(): number
  /** Minutes east of UTC at a moment, by the zone of DITS_NOW where it is set and by the system's otherwise. */
  zoneMinutes(timeMs: number): number
}

/**
 * Reads the environment. DITS_NOW fixes the clock and the zone for tests: an
 * ISO 8601 time with its zone, such as `2024-05-01T12:00:00+02:00`.
 * Throws `bad-clock` where it is something else.
 */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const home = variables['HOME'] || homedir()
  const fixed = variables['DITS_NOW'] ? parseClock(variables['DITS_NOW']) : undefined
  return {
    variables,
    authorName: variables['DITS_AUTHOR_NAME'] || undefined,
    authorEmail: variables['DITS_AUTHOR_EMAIL'] || undefined,
    home,
    configFile: join(variables['XDG_CONFIG_HOME'] || join(home, '.config'), 'dits', 'config'),
    now: fixed ? () => fixed.timeMs : () => Date.now(),
    zoneMinutes: fixed ? () => fixed.zoneMinutes : (timeMs) => -new Date(timeMs).getTimezoneOffset(),
  }
}

function parseClock(text: string): { timeMs: number; zoneMinutes: number } {
  const zone = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|([+-])(\d\d):(\d\d))$/.exec(text)
  const timeMs = Date.parse(text)
  if (!zone || Number.isNaN(timeMs)) {
    throw new DitsError('bad-clock', `'${text}' in DITS_NOW is not a time with its zone`, {
      hint: 'write it as 2024-05-01T12:00:00+02:00',
    })
  }
  const minutes = zone[1] === 'Z' ? 0 : Number(zone[3]) * 60 + Number(zone[4])
  return { timeMs, zoneMinutes: zone[2] === '-' ? -minutes : minutes }
}
