import fs from 'node:fs'
import { mkdtempSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * The whole command line in this process, again and again, for tests that run
 * it thousands of times. What it prints is kept instead of printed. The process
 * must be one that nothing else runs in.
 */

const pieces: { fd: number; text: string }[] = []
const { writeSync } = fs
fs.writeSync = ((fd: number, content: unknown, ...rest: unknown[]) => {
  if (fd !== 1 && fd !== 2) return (writeSync as (...args: unknown[]) => number)(fd, content, ...rest)
  pieces.push({ fd, text: Buffer.from(content as Uint8Array).toString('utf8') })
  return Buffer.byteLength(content as Uint8Array)
}) as typeof fs.writeSync
syncBuiltinESMExports()

const home = mkdtempSync(join(tmpdir(), 'dits-home-'))
process.on('exit', () => fs.rmSync(home, { recursive: true, force: true }))
Object.assign(process.env, {
  HOME: home,
  XDG_CONFIG_HOME: home,
  DITS_AUTHOR_NAME: 'Ada',
  DITS_AUTHOR_EMAIL: 'ada@example.org',
  DITS_THREADS: '2',
  NO_COLOR: '1',
})
const { runCli } = await import('../../cli/run.ts')

export const testClock = '2024-05-01T12:00:00+00:00'

/** Runs `dits -C root ARGUMENTS` at a fixed time; answers its exit code. */
export async function dits(root: string, argv: readonly string[], clock = testClock): Promise<number> {
  pieces.length = 0
  process.env['DITS_NOW'] = clock
  try {
    return await runCli(['-C', root, ...argv])
  } finally {
    process.removeAllListeners('SIGINT')
    process.removeAllListeners('SIGTERM')
    // The folder may go before the next command.
    process.chdir('/')
  }
}

/** What the last command printed, to either stream. */
export function lastOutput(): string {
  return pieces.map(({ text }) => text).join('')
}

/** What the last command printed to standard output. */
export function lastAnswer(): string {
  return pieces.map(({ fd, text }) => (fd === 1 ? text : '')).join('')
}
