import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** What one run of a program cost. */
export interface Cost {
  wallMs: number
  /** Processor time of the program and its children; absent where time(1) is not installed. */
  userMs?: number | undefined
  systemMs?: number | undefined
  /** The most memory that the largest of its processes held (its VmHWM); absent where time(1) is not installed. */
  peakBytes?: number | undefined
}

export interface RunOptions {
  folder: string
  /** Variables beside those of this process. */
  variables?: Record<string, string>
  /** Called with everything that the program printed. */
  onOutput?: (text: string) => void
  /** Whether what was written must be on the disk before the clock stops. */
  sync?: boolean
}

const timeProgram = '/usr/bin/time'
export const memoryNote = existsSync(timeProgram) ? undefined : `No memory and processor time: ${timeProgram} is not installed (Debian: apt-get install time).`

/** Runs a program to its end and answers what it cost. Throws where it fails. */
export function runMeasured(program: string, args: readonly string[], options: RunOptions): Cost {
  const figuresFile = path.join(os.tmpdir(), `dits-bench-time-${process.pid}`)
  const [command, ...before] = memoryNote ? [program] : [timeProgram, '-f', '%e %U %S %M', '-o', figuresFile, program]
  const start = performance.now()
  const result = spawnSync(command!, [...before, ...args], {
    cwd: options.folder,
    env: { ...process.env, ...options.variables },
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
  })
  if (options.sync) syncFolder(options.folder)
  const wallMs = performance.now() - start
  const figures = memoryNote ? {} : takeFigures(figuresFile)
  if (result.error) throw result.error
  if (result.status !== 0) throw new Error(`'${program} ${args.join(' ')}' failed with ${result.status ?? result.signal}: ${result.stderr}`)
  options.onOutput?.(result.stdout)
  return { wallMs, ...figures }
}

/** The cheapest of several runs: on a shared machine the least disturbed one. */
export function leastOf(costs: readonly Cost[]): Cost {
  return costs.reduce((least, cost) => (cost.wallMs < least.wallMs ? cost : least))
}

/** Waits until the file system of `folder` has everything on its disk. */
export function syncFolder(folder: string): void {
  spawnSync('sync', ['-f', folder])
}

/** True where a program of this name is installed. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Runs `work` with an empty folder in `scratch` (or where the system keeps temporary files), which is removed afterwards. */
export async function withScratch<T>(scratch: string | undefined, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(scratch ?? os.tmpdir(), 'dits-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The launcher, as users run it, and who commits. */
export const launcher = path.join(import.meta.dirname, '../cli/bin/dits')
export const launcherVariables = { DITS_AUTHOR_NAME: 'bench', DITS_AUTHOR_EMAIL: 'bench@example.org', NO_COLOR: '1' }

/** True where the dits that is measured has this verb: older ones are measured by what they can do. */
export function hasVerb(verb: string): boolean {
  return spawnSync(launcher, ['help', verb], { stdio: 'ignore' }).status === 0
}

/** What time(1) wrote, whose last line has the figures; the file is removed. */
function takeFigures(file: string): Omit<Cost, 'wallMs'> {
  if (!existsSync(file)) return {}
  const [, user, system, peak] = readFileSync(file, 'utf8').trim().split('\n').at(-1)!.split(' ').map(Number)
  rmSync(file)
  return { userMs: user! * 1000, systemMs: system! * 1000, peakBytes: peak! * 1024 }
}
