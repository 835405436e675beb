import { readFileSync } from 'node:fs'

/** Put in place when dits is bundled. */
declare const DITS_VERSION: string | undefined

/** The version of dits, as package.json has it. */
export function readVersion(): string {
  if (typeof DITS_VERSION === 'string') return DITS_VERSION
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
