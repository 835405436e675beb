import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { idFromBytes } from '../core/objects/id.ts'
import { blake3 } from '../core/hash.ts'
import { IndexBuilder } from '../core/worktree/index-builder.ts'
import { decodeIndex } from '../core/worktree/index-file.ts'
import { baseRules } from '../core/worktree/ignore.ts'
import { compareWorktree, scanWorktree } from '../core/worktree/status.ts'

/**
 * What comparing an unchanged working tree costs, beside looking at the same
 * files with nothing but readdir and lstat, and beside git.
 * Run: node bench/status.ts [FILES] (100,000 by default, 50 in a folder).
 */
const files = Number(process.argv[2] ?? 100_000)
const rounds = 5
const root = mkdtempSync(join(tmpdir(), 'dits-bench-'))
try {
  makeFiles()
  const { bytes } = await buildIndex()
  console.log(`${files} files, index of ${(bytes.length / 1e6).toFixed(1)} MB; best and median of ${rounds}, in ms`)
  await measure('readdir and lstat only', () => void countAll(root))
  await measure('decode the index', () => void decodeIndex(bytes))
  const index = decodeIndex(bytes)
  await measure('compare, unchanged', async () => expectNone(compareWorktree(root, index, { rules: baseRules() })))
  await measure('scan everything as new', async () => void (await count(scanWorktree(root, { rules: baseRules() }))))
  if (spawnSync('git', ['--version']).status === 0) await measureGit()
} finally {
  rmSync(root, { recursive: true, force: true })
}

function makeFiles(): void {
  for (let folder = 0; folder * 50 < files; folder++) {
    const path = join(root, `reel ${folder % 40}`, `shot_${folder}`)
    mkdirSync(path, { recursive: true })
    const inFolder = Math.min(50, files - folder * 50)
    for (let k = 0; k < inFolder; k++) writeFileSync(join(path, `shot_${folder}_${1000 + k}.exr`), `${folder} ${k}`)
  }
}

async function buildIndex(): Promise<{ bytes: Uint8Array }> {
  const builder = new IndexBuilder()
  const id = idFromBytes(blake3(Buffer.from('any')))
  for await (const batch of scanWorktree(root, { rules: baseRules() })) {
    for (const { path, kind, stat } of batch) {
      builder.add({ path, kind, content: 'chunk', size: stat.size, id, hash: id, stat })
    }
  }
  return { bytes: builder.finish({ writtenMs: Date.now() + 60_000 }) }
}

function countAll(folder: string): number {
  let found = 0
  for (const name of readdirSync(folder, { encoding: 'latin1' })) {
    const path = `${folder}/${name}`
    found += lstatSync(path).isDirectory() ? countAll(path) : 1
  }
  return found
}

async function count(batches: AsyncIterable<unknown[]>): Promise<number> {
  let found = 0
  for await (const batch of batches) found += batch.length
  return found
}

async function expectNone(batches: AsyncIterable<unknown[]>): Promise<void> {
  if ((await count(batches)) !== 0) throw new Error('an unchanged tree was reported as changed')
}

async function measureGit(): Promise<void> {
  const git = (...words: string[]): void =>
    void execFileSync('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@b', ...words], { stdio: 'ignore' })
  git('init', '-q')
  git('add', '.')
  git('commit', '-qm', 'all')
  await measure('git status, with its start', () => git('status'))
}

async function measure(name: string, run: () => void | Promise<void>): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    await run()
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  const [best = 0, median = 0] = [times[0], times[rounds >> 1]]
  console.log(`${name.padEnd(28)} ${best.toFixed(0).padStart(6)} ${median.toFixed(0).padStart(6)}`)
}
