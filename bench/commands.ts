/**
 * What the commands cost on a folder, through the launcher as users run it,
 * beside copying and hashing the same files in the same run:
 * `node bench/commands.ts [FOLDER]`. The folder itself is only read.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { filesBelow, materialFolder, requireSpace, totalBytes } from './material.ts'
import { hasVerb, isInstalled, launcher, launcherVariables, leastOf, memoryNote, runMeasured, syncFolder, withScratch, type Cost } from './measure.ts'
import { readOptions } from './options.ts'
import { printReport } from './report.ts'

const usage = `usage: node bench/commands.ts [FOLDER] [--size 500M] [--rounds 3] [--seed 1] [--json] [--scratch FOLDER]
Without FOLDER, a project of --size is generated.`
const options = readOptions(usage, { rounds: 3, sizes: '500M' })

/** One row: what is run in the working tree. Rows run in order, and each finds what those before it left. */
interface Step {
  name: string
  program: string
  args: string[]
  /** Whether the row moves all bytes, so that MB/s and the ratio to a plain copy say something. */
  bulk: boolean
  /** Done before the clock starts. */
  prepare?: () => void
}

await withScratch(options.scratch, async (scratch) => {
  const source = await materialFolder(options.folder, { scratch, bytes: options.sizes[0]!, seed: options.seed })
  const bytes = totalBytes(filesBelow(source))
  requireSpace(scratch, bytes * 3.2)
  const costs = new Map<string, Cost[]>()
  for (let round = 0; round < options.rounds; round++) {
    for (const [name, cost] of measureRound(scratch, source)) costs.set(name, [...(costs.get(name) ?? []), cost])
  }
  const copyMs = leastOf(costs.get('cp -a, sync')!).wallMs
  const bulk = new Map(stepsIn(scratch, source).map((step) => [step.name, step.bulk]))
  const rows = [...costs].map(([name, all]) => {
    const { wallMs, userMs, systemMs, peakBytes } = leastOf(all)
    return {
      command: name,
      wallMs,
      userMs,
      systemMs,
      peakMB: peakBytes === undefined ? undefined : peakBytes / 1e6,
      megabytesPerSecond: bulk.get(name) ? bytes / wallMs / 1000 : undefined,
      timesCopy: bulk.get(name) ? wallMs / copyMs : undefined,
    }
  })
  const columns = [
    { key: 'command', label: 'command' },
    { key: 'wallMs', label: 'ms' },
    { key: 'userMs', label: 'user ms' },
    { key: 'systemMs', label: 'system ms' },
    { key: 'peakMB', label: 'peak MB' },
    { key: 'megabytesPerSecond', label: 'MB/s' },
    { key: 'timesCopy', label: 'x copy', digits: 2 },
  ]
  const title = `Commands on ${filesBelow(source).length} files, ${Math.round(bytes / 1e6)} MB; the least of ${options.rounds} rounds`
  printReport({ title, columns, rows, notes: memoryNote ? [memoryNote] : [] }, options.json)
})

function measureRound(scratch: string, source: string): Map<string, Cost> {
  const work = path.join(scratch, 'work')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work)
  const costs = new Map<string, Cost>()
  for (const { name, program, args, prepare } of stepsIn(scratch, source)) {
    prepare?.()
    syncFolder(work)
    costs.set(name, runMeasured(program, args, { folder: work, variables: launcherVariables, sync: true }))
  }
  return costs
}

function stepsIn(scratch: string, source: string): Step[] {
  const work = path.join(scratch, 'work')
  const dits = (...args: string[]) => ({ name: `dits ${args.join(' ')}`, program: launcher, args })
  const emptyWork = () => {
    for (const name of readdirSync(work)) if (name !== '.dits') rmSync(path.join(work, name), { recursive: true })
  }
  return [
    { name: 'cp -a, sync', program: 'cp', args: ['-a', `${source}/.`, work], bulk: true },
    ...(isInstalled('b3sum') ? [{ name: 'b3sum', program: 'sh', args: ['-c', 'find . -type f -print0 | xargs -0 b3sum'], bulk: true }] : []),
    { ...dits('init'), bulk: false, prepare: () => rmSync(path.join(work, '.dits'), { recursive: true, force: true }) },
    { ...dits('add', '.'), bulk: true },
    { ...dits('commit', '-m', 'all'), bulk: false },
    { ...dits('status'), bulk: false },
    { ...dits('restore', '.'), bulk: true, prepare: emptyWork },
    { ...dits('fsck', '--full'), bulk: true },
    ...(hasVerb('du') ? [{ ...dits('du'), bulk: false }] : []),
  ]
}
