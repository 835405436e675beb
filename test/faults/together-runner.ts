import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dits, lastAnswer, lastOutput } from './dits-in-process.ts'

/**
 * One of several processes that work in the same repository at once, started
 * by together.test.ts: `together-runner.ts ROLE ROOT NAME`. It says 'ready',
 * begins when it is told to, and answers what it saw.
 */

export interface TogetherResult {
  /** Ids of the commits that it was told of. */
  commits: string[]
  /** Commands that ended otherwise than they should. */
  failures: string[]
  runs: number
}

/** Commits of a writer. Readers and collectors go on until they are told to stop. */
const commitsEach = 8
const [role = '', root = '', name = ''] = process.argv.slice(2)
const result: TogetherResult = { commits: [], failures: [], runs: 0 }
let isStopped = false

process.on('message', (message) => {
  if (message === 'stop') isStopped = true
  else void work().then(() => process.send!(result, () => process.disconnect()))
})
process.send!('ready')

async function work(): Promise<void> {
  if (role === 'writer' || role === 'worker') for (let i = 0; i < commitsEach; i++) await write(i)
  else while (!isStopped) await (role === 'reader' ? read() : run(['gc', '--grace=0', '--undo=0'], [0]))
}

async function write(i: number): Promise<void> {
  mkdirSync(join(root, name), { recursive: true })
  writeFileSync(join(root, name, `${i}.txt`), `${name} wrote ${i}\n`.repeat(200))
  await run(['add', `${name}/${i}.txt`], [0])
  // 1: someone else's commit took what was staged.
  if ((await run(['--json', 'commit', '-m', `${name} ${i}`], [0, 1])) === 0) result.commits.push(idIn(lastAnswer()))
  if (role !== 'worker') return
  await run(['status'], [0])
  await run(['gc', '--grace=0', '--undo=0'], [0])
}

async function read(): Promise<void> {
  await run(['status'], [0])
  await run(['cat', 'HEAD:base.txt'], [0])
  await run(['log', '--oneline'], [0])
  await run(['ls-files'], [0])
  await run(['cat', 'HEAD~1:clip.mov'], [0])
}

async function run(argv: string[], allowed: readonly number[]): Promise<number> {
  const code = await dits(root, argv, new Date().toISOString())
  result.runs++
  if (!allowed.includes(code)) result.failures.push(`dits ${argv.join(' ')} ended with ${code}: ${lastOutput().slice(0, 2000)}`)
  return code
}

function idIn(output: string): string {
  return (JSON.parse(output.split('\n')[0]!) as { id: string }).id
}
