import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const launcher = fileURLToPath(new URL('../cli/bin/dits', import.meta.url))

/** A `dits serve` of a test, in a process of its own. */
export interface ServeProcess {
  /** What it said when it listened. */
  url: string
  fingerprint: string
  metrics: string
  /** The first administrator's token, at the first start. */
  token: string | null
  pid: number
  /** What it has written to its log so far. */
  log(): string
  /** Resolves when the log holds a text. */
  logged(text: RegExp): Promise<void>
  signal(name: NodeJS.Signals): void
  /** How it ends: its exit code, or the signal that ended it. */
  ended: Promise<number | string>
}

/**
 * Starts `dits serve --json` with its metrics on, at ports that are free, and
 * resolves when it listens. It runs the sources, so that tests that run side by
 * side need not agree on who builds the bundle. Throws what it wrote where it ends before that.
 */
export async function startServe(args: readonly string[], variables: Record<string, string> = {}): Promise<ServeProcess> {
  const child = spawn(launcher, ['serve', '--json', '--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0', ...args], { env: { ...process.env, DITS_DEV: '1', ...variables } })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (piece: Buffer) => (output[name] += piece.toString()))
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  const failed = ended.then((code) => Promise.reject(new Error(`dits serve ended with ${code}: ${output.stdout}${output.stderr}`)))
  await Promise.race([waitFor(child.stdout, () => output.stdout.includes('\n')), failed])
  const said = JSON.parse(output.stdout.split('\n', 1)[0]!) as Pick<ServeProcess, 'url' | 'fingerprint' | 'metrics' | 'token'>
  if (!('url' in said)) await failed
  failed.catch(() => undefined)
  return { ...said, pid: child.pid!, log: () => output.stderr, logged: (text) => waitFor(child.stderr, () => text.test(output.stderr)), signal: (name) => child.kill(name), ended }
}

/** What a command printed, and how it ended. */
export interface RunResult {
  stdout: string
  stderr: string
  exitCode: number
}

/** Who runs a command: a home folder of their own, made where it is missing, which is also where it runs; and what they type. */
export interface RunOptions {
  home: string
  input?: string
  variables?: Record<string, string>
}

/** Runs dits to its end. */
export async function runDits(args: readonly string[], options: RunOptions): Promise<RunResult> {
  return startDits(args, options).ended
}

/** Starts dits. Of a process that was killed the exit code is 128 and the signal's number, as a shell has it. */
export function startDits(args: readonly string[], { home, input = '', variables = {} }: RunOptions): { signal(name: NodeJS.Signals): void; ended: Promise<RunResult> } {
  mkdirSync(home, { recursive: true })
  const person = { DITS_AUTHOR_NAME: 'Ada', DITS_AUTHOR_EMAIL: 'ada@example.org' }
  const child = spawn(launcher, args, { cwd: home, env: { ...process.env, DITS_DEV: '1', HOME: home, XDG_CONFIG_HOME: join(home, 'config'), ...person, ...variables } })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (piece: Buffer) => (printed[name] += piece.toString()))
  child.stdin.end(input)
  const ended = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]): RunResult => ({ ...printed, exitCode: typeof code === 'number' ? code : 128 + constants.signals[signal as NodeJS.Signals] }))
  return { signal: (name) => child.kill(name), ended }
}

async function waitFor(stream: Readable, isThere: () => boolean): Promise<void> {
  while (!isThere()) await once(stream, 'data')
}
