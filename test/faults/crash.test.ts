import { fork, type ChildProcess } from 'node:child_process'
import { afterAll, describe, expect, it } from 'vitest'
import { scenarioNames, type CrashJob, type CrashResult, type ScenarioName } from './crash-messages.ts'
import type { FaultKind } from './fault-control.ts'

/**
 * A command may end at any moment: the process dies, the disk is full, the
 * disk fails. Whatever was committed before is there, fsck finds nothing
 * wrong, nobody's files are lost, and the same command run again does what it
 * should have done. Every writing call of every command is tried.
 */

const kinds: FaultKind[] = ['die', 'tear', 'ENOSPC', 'EIO', 'short']
const killed: ScenarioName[] = ['add of new files', 'commit', 'switch', 'gc']
const runnersMax = 2

describe('a command that ends or fails at any writing call', () => {
  it.concurrent.each(scenarioNames)('loses nothing: %s', async (scenario) => {
    const { runs, failures } = await play({ scenario, kinds })
    expect(failures).toEqual([])
    for (const kind of kinds) expect(runs[kind], kind).toBeGreaterThan(0)
  })

  it.concurrent.each(killed)('loses nothing where it is killed for real: %s', async (scenario) => {
    const { runs, failures } = await play({ scenario, kinds: ['kill'] })
    expect(failures).toEqual([])
    expect(runs.kill).toBeGreaterThan(0)
  })
})

const idle: ChildProcess[] = []
const waiting: ((runner: ChildProcess) => void)[] = []
const runners: ChildProcess[] = []

afterAll(() => {
  for (const runner of runners) runner.disconnect()
})

/** Has a job done by one of a few processes. */
async function play(job: CrashJob): Promise<CrashResult> {
  const runner = await takeRunner()
  try {
    return await new Promise<CrashResult>((resolve, reject) => {
      runner.once('message', (result) => resolve(result as CrashResult))
      runner.once('exit', (code, signal) => reject(new Error(`the process that plays faults ended (${code ?? signal}) at ${JSON.stringify(job)}`)))
      runner.send(job)
    })
  } finally {
    runner.removeAllListeners('message')
    runner.removeAllListeners('exit')
    const next = waiting.shift()
    if (next) next(runner)
    else idle.push(runner)
  }
}

async function takeRunner(): Promise<ChildProcess> {
  const free = idle.pop()
  if (free) return free
  if (runners.length >= runnersMax) return new Promise((resolve) => waiting.push(resolve))
  const file = (name: string) => new URL(name, import.meta.url).pathname
  const runner = fork(file('crash-runner.ts'), {
    execArgv: ['--no-warnings', '--import', new URL('fault-fs.ts', import.meta.url).href],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  runners.push(runner)
  return runner
}
