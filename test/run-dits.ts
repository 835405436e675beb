import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a run of the command line in a process of its own did. */
export interface DitsRun {
  /** 137 where it was killed, because it took too long or too much memory. */
  code: number
  out: string
  /** Standard output as it came. */
  bytes: Buffer
  error: string
}

export interface RunOptions {
  /** Megabytes of JavaScript memory; what is not enough for it kills the process. */
  heapMegabytes?: number
  timeoutMs?: number
  env?: Record<string, string>
  /** The user to run as. */
  uid?: number
}

const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url))
const outputBytesMax = 64 * 1024 * 1024

/** Halves what a start from the sources takes. */
const compileCache = mkdtempSync(join(tmpdir(), 'dits-compiled-'))
process.on('exit', () => rmSync(compileCache, { recursive: true, force: true }))

/** Runs `dits -C root ARGUMENTS` from the sources, with a fixed person and no configuration. Paths may be bytes. */
export function runDits(root: string, argv: readonly string[], options: RunOptions = {}): DitsRun {
  const { heapMegabytes = 512, timeoutMs = 100_000, env = {}, uid } = options
  const run = spawnSync(process.execPath, ['--no-warnings', `--max-old-space-size=${heapMegabytes}`, main, '-C', root, ...argv], {
    env: { PATH: process.env['PATH'] ?? '', HOME: root, XDG_CONFIG_HOME: `${root}/.no-config`, DITS_AUTHOR_NAME: 'Ada', DITS_AUTHOR_EMAIL: 'ada@example.org', NO_COLOR: '1', NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: outputBytesMax,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  return { code: run.status ?? 137, out: run.stdout.toString(), bytes: run.stdout, error: run.stderr.toString() }
}

/** The same for a command that must succeed. */
export function mustDits(root: string, argv: readonly string[], options: RunOptions = {}): DitsRun {
  const run = runDits(root, argv, options)
  if (run.code !== 0) throw new Error(`dits ${argv.join(' ')} ended with ${run.code}: ${run.error}`)
  return run
}
