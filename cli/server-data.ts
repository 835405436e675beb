import { join } from 'node:path'
import type { Context } from './context.ts'

/** Where a server's data lie: where `--data` says, else DITS_SERVER_DATA, else the person's own folder for data. */
export function serverDataOf({ environment }: Context, given: string | undefined): string {
  const { variables, home } = environment
  return given ?? (variables['DITS_SERVER_DATA'] || join(variables['XDG_DATA_HOME'] || join(home, '.local', 'share'), 'dits', 'server'))
}

/** The clocks that a server is given. */
export function serverClock({ environment }: Context): { now(): number; elapsedMs(): number } {
  return { now: environment.now, elapsedMs: () => performance.now() }
}

/** The option that serve and server share. */
export const dataOption = { type: 'string', describe: 'a folder, or s3://BUCKET/PREFIX (default: DITS_SERVER_DATA, else ~/.local/share/dits/server)' } as const
