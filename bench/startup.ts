/**
 * How long dits takes to start, beside bare Node: `node bench/startup.ts`.
 * Medians; the commands take turns, so that a busy machine slows all alike.
 */
import { spawnSync } from 'node:child_process'
import { hasVerb, launcher, launcherVariables, median, withScratch } from './measure.ts'
import { readOptions } from './options.ts'
import { printReport } from './report.ts'

const usage = 'usage: node bench/startup.ts [--rounds 20] [--json] [--scratch FOLDER]'
const options = readOptions(usage, { rounds: 20, sizes: '0' })

const commands: { name: string; program: string; args: string[] }[] = [
  { name: 'node -e 0', program: process.execPath, args: ['-e', '0'] },
  { name: 'dits --version', program: launcher, args: ['--version'] },
  { name: 'dits status, empty repository', program: launcher, args: ['status'] },
  ...(hasVerb('log') ? [{ name: 'dits log --oneline -1, one commit', program: launcher, args: ['log', '--oneline', '-1'] }] : []),
]

await withScratch(options.scratch, async (folder) => {
  const run = (program: string, args: string[]): number => {
    const start = performance.now()
    const { status, stderr } = spawnSync(program, args, { cwd: folder, env: { ...process.env, ...launcherVariables }, encoding: 'utf8' })
    if (status !== 0) throw new Error(`'${program} ${args.join(' ')}' failed with ${status}: ${stderr}`)
    return performance.now() - start
  }
  run(launcher, ['init'])
  run(launcher, ['commit', '--allow-empty', '-m', 'nothing yet'])
  const times = new Map(commands.map(({ name }) => [name, [] as number[]]))
  for (const { program, args } of commands) run(program, args)
  for (let round = 0; round < options.rounds; round++) {
    for (const { name, program, args } of commands) times.get(name)!.push(run(program, args))
  }
  const bare = median(times.get(commands[0]!.name)!)
  const rows = commands.map(({ name }) => {
    const all = times.get(name)!
    return { command: name, medianMs: median(all), leastMs: Math.min(...all), overNodeMs: median(all) - bare }
  })
  const columns = [
    { key: 'command', label: 'command' },
    { key: 'medianMs', label: 'median ms', digits: 1 },
    { key: 'leastMs', label: 'least ms', digits: 1 },
    { key: 'overNodeMs', label: 'over node ms', digits: 1 },
  ]
  printReport({ title: `Start-up, ${options.rounds} rounds`, columns, rows }, options.json)
})
