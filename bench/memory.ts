/**
 * How much memory `dits add` and `dits commit` take for one large file and for
 * a large tree: `node bench/memory.ts`. The figure must not grow with the size.
 */
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { filesBelow, makeLargeFile, makeLargeTree, requireSpace, totalBytes } from './material.ts'
import { launcher, launcherVariables, memoryNote, runMeasured, withScratch, type Cost } from './measure.ts'
import { readOptions } from './options.ts'
import { printReport, type Row } from './report.ts'

const usage = 'usage: node bench/memory.ts [--size 1G,20G] [--seed 1] [--json] [--scratch FOLDER]'
const options = readOptions(usage, { rounds: 1, sizes: '1G,20G' })

const kinds = [
  { name: 'one file', make: makeLargeFile },
  { name: 'tree', make: makeLargeTree },
]

await withScratch(options.scratch, async (scratch) => {
  const bare = runMeasured(process.execPath, ['-e', '0'], { folder: scratch })
  const rows: Row[] = [rowOf('node -e 0', 0, 0, bare, undefined)]
  for (const bytes of options.sizes) for (const kind of kinds) rows.push(await measure(scratch, kind, bytes))
  const columns = [
    { key: 'what', label: 'what' },
    { key: 'megabytes', label: 'MB' },
    { key: 'files', label: 'files' },
    { key: 'addSeconds', label: 'add s', digits: 1 },
    { key: 'addPeakMB', label: 'add peak MB' },
    { key: 'commitPeakMB', label: 'commit peak MB' },
  ]
  printReport({ title: 'Memory of add and commit', columns, rows, notes: memoryNote ? [memoryNote] : [] }, options.json)
})

async function measure(scratch: string, { name, make }: (typeof kinds)[number], bytes: number): Promise<Row> {
  requireSpace(scratch, bytes * 2.1)
  const folder = path.join(scratch, 'work')
  mkdirSync(folder)
  await make(folder, bytes, options.seed)
  const files = filesBelow(folder)
  const dits = (...args: string[]) => runMeasured(launcher, args, { folder, variables: launcherVariables })
  dits('init')
  const row = rowOf(name, totalBytes(files), files.length, dits('add', '.'), dits('commit', '-m', 'all of it'))
  rmSync(folder, { recursive: true })
  return row
}

function rowOf(what: string, bytes: number, files: number, add: Cost, commit: Cost | undefined): Row {
  const peak = (cost: Cost | undefined) => (cost?.peakBytes === undefined ? undefined : cost.peakBytes / 1e6)
  return { what, megabytes: bytes / 1e6, files, addSeconds: add.wallMs / 1000, addPeakMB: peak(add), commitPeakMB: peak(commit) }
}
