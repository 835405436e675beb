/**
 * How fast each stage of adding runs alone, beside this machine's limits in
 * the same run: `node bench/pipeline.ts [FOLDER]`. Stages after reading work
 * on what was read into memory; each figure is the best of several rounds in
 * which all stages take turns.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { filesBelow, materialFolder, requireSpace, totalBytes, type Material } from './material.ts'
import { withScratch } from './measure.ts'
import { readOptions } from './options.ts'
import { createStages, type Sample } from './pipeline-stages.ts'
import { printReport } from './report.ts'

const usage = `usage: node bench/pipeline.ts [FOLDER] [--size 400M] [--rounds 5] [--seed 1] [--json] [--scratch FOLDER]
Takes at most --size of FOLDER; without FOLDER, a project of --size is generated.`
const options = readOptions(usage, { rounds: 5, sizes: '400M' })
const pieceBytes = 2 * 1024 * 1024

await withScratch(options.scratch, async (scratch) => {
  const folder = await materialFolder(options.folder, { scratch, bytes: options.sizes[0]!, seed: options.seed })
  const files = takeFiles(filesBelow(folder), options.sizes[0]!)
  const bytes = totalBytes(files)
  requireSpace(scratch, bytes * 3)
  const sample: Sample = { folder, files, bytes, pieces: load(files), scratch: path.join(scratch, 'stage') }
  const stages = createStages(sample)
  const best = new Map<string, number>()
  const saved = new Map<string, number>()
  for (let round = 0; round < options.rounds; round++) {
    for (const { name, prepare, run } of stages) {
      await prepare?.()
      const start = performance.now()
      const result = await run()
      const ms = performance.now() - start
      best.set(name, Math.min(best.get(name) ?? Infinity, ms))
      if (result?.storedBytes !== undefined) saved.set(name, result.storedBytes)
      // The engine's optimised code arrives between turns of the event loop.
      await setImmediate()
    }
  }
  const copyMs = best.get(stages[0]!.name)!
  const rows = stages.map(({ name, kind, items }) => {
    const ms = best.get(name)!
    const stored = saved.get(name)
    return {
      kind,
      stage: name,
      megabytesPerSecond: bytes / ms / 1000,
      timesCopy: ms / copyMs,
      millionsPerSecond: items === undefined ? undefined : items() / ms / 1000,
      storedPart: stored === undefined ? undefined : stored / bytes,
    }
  })
  const columns = [
    { key: 'kind', label: '' },
    { key: 'stage', label: 'stage' },
    { key: 'megabytesPerSecond', label: 'MB/s' },
    { key: 'timesCopy', label: 'x copy', digits: 2 },
    { key: 'millionsPerSecond', label: 'M/s', digits: 2 },
    { key: 'storedPart', label: 'stored', digits: 3 },
  ]
  printReport({ title: `Stages of adding on ${files.length} files, ${Math.round(bytes / 1e6)} MB; the best of ${options.rounds} rounds`, columns, rows }, options.json)
})

/** The first files that fit into `bytes` together, at least one. */
function takeFiles(files: readonly Material[], bytes: number): Material[] {
  const taken: Material[] = []
  let sum = 0
  for (const file of files) {
    if (taken.length > 0 && sum + file.size > bytes) continue
    taken.push(file)
    sum += file.size
  }
  if (taken.length === 0) throw new Error('there are no files to measure with')
  return taken
}

/** Every file's bytes, in pieces that never span two files. */
function load(files: readonly Material[]): Buffer[][] {
  return files.map(({ path: file, size }) => {
    const fd = openSync(file, 'r')
    const pieces: Buffer[] = []
    for (let at = 0; at < size; at += pieceBytes) {
      const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, size - at))
      pieces.push(piece.subarray(0, readSync(fd, piece, 0, piece.length, at)))
    }
    closeSync(fd)
    return pieces
  })
}
