import { fork, type ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkRepository } from '../../core/check/check.ts'
import { readCurrentHead } from '../../core/changing/head.ts'
import { walkCommits } from '../../core/history/walk.ts'
import type { Id } from '../../core/objects/id.ts'
import { initRepo, closeRepo } from '../../core/repo.ts'
import { createRandom } from '../../fixtures/random.ts'
import { scratchFolder } from './scratch.ts'
import { commitAll, contentOf, fixedEnvironment, withRepo } from './small-repo.ts'
import type { TogetherResult } from './together-runner.ts'

/** Several dits at once in one repository: nobody's commit is lost, and nobody is in another's way for longer than a moment. */

type Role = 'writer' | 'worker' | 'reader' | 'collector'
/** Those that end by themselves. */
const writing: readonly Role[] = ['writer', 'worker']

describe('several processes in one repository', () => {
  it('commit one after another, and lose nothing', async () => {
    const root = await prepare()
    const results = await workTogether(root, ['writer', 'writer', 'writer'])
    await expectEverything(root, results)
  })

  it('commit while another collects garbage', async () => {
    const root = await prepare()
    const results = await workTogether(root, ['writer', 'writer', 'collector'])
    await expectEverything(root, results)
  })

  it('each commit, look around and collect garbage', async () => {
    const root = await prepare()
    const results = await workTogether(root, ['worker', 'worker', 'worker', 'worker'])
    await expectEverything(root, results)
  })

  it('read while others commit and collect garbage', async () => {
    const root = await prepare()
    const results = await workTogether(root, ['writer', 'reader', 'reader', 'collector'])
    await expectEverything(root, results)
  })
})

const commitsEach = 8
let first: Id

async function prepare(): Promise<string> {
  const root = join(await scratchFolder(), 'repo')
  await mkdir(root)
  const repo = await initRepo(root, { branch: 'main', env: fixedEnvironment() })
  await writeFile(join(root, 'base.txt'), 'base\n')
  await writeFile(join(root, 'clip.mov'), createRandom(4).bytes(200_000))
  first = await commitAll(repo, 'Base')
  await writeFile(join(root, 'base.txt'), 'base, second\n')
  await commitAll(repo, 'Second')
  await closeRepo(repo)
  return root
}

/** Starts a process for each role, lets all begin at once, and stops those that would go on for ever when the writers are done. */
async function workTogether(root: string, roles: Role[]): Promise<{ role: Role; result: TogetherResult }[]> {
  const workers = await Promise.all(roles.map(async (role, i) => ({ role, process: await start(role, root, `${role}-${i}`) })))
  const done = workers.map(async ({ role, process }) => ({ role, result: await answerOf(process) }))
  for (const { process } of workers) process.send('go')
  await Promise.all(done.filter((_, i) => writing.includes(roles[i]!)))
  for (const { role, process } of workers) if (!writing.includes(role)) process.send('stop')
  return Promise.all(done)
}

async function start(role: Role, root: string, name: string): Promise<ChildProcess> {
  const child = fork(new URL('together-runner.ts', import.meta.url).pathname, [role, root, name], {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((resolve, reject) => child.once('message', resolve).once('exit', reject))
  return child
}

function answerOf(child: ChildProcess): Promise<TogetherResult> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as TogetherResult))
    child.once('exit', (code, signal) => reject(new Error(`a process ended early (${code ?? signal})`)))
  })
}

async function expectEverything(root: string, results: { role: Role; result: TogetherResult }[]): Promise<void> {
  for (const { role, result } of results) {
    expect(result.failures, role).toEqual([])
    expect(result.runs, role).toBeGreaterThan(0)
  }
  await withRepo(root, async (repo) => {
    expect((await checkRepository(repo, { full: true })).problems).toEqual([])
    const { id } = await readCurrentHead(repo)
    const history = new Set<Id>()
    for await (const { id: commit, commit: { parents } } of walkCommits(repo.objects, [id!])) {
      expect(parents.length, `parents of ${commit}`).toBe(commit === first ? 0 : 1)
      history.add(commit)
    }
    for (const { result } of results) for (const commit of result.commits) expect(history).toContain(commit)
    const files = Object.keys(await contentOf(repo, id!))
    results.forEach(({ role }, i) => {
      if (writing.includes(role)) for (let n = 0; n < commitsEach; n++) expect(files).toContain(`${role}-${i}/${n}.txt`)
    })
  })
}
