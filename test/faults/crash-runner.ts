import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkRepository } from '../../core/check/check.ts'
import { DitsError } from '../../core/errors.ts'
import type { Id } from '../../core/objects/id.ts'
import { walkCommits } from '../../core/history/walk.ts'
import type { Repo } from '../../core/repo.ts'
import type { CrashJob, CrashResult, ScenarioName } from './crash-messages.ts'
import { dits, lastOutput, testClock } from './dits-in-process.ts'
import { FaultControl, type FaultKind, type FaultPlan } from './fault-control.ts'
import { fingerprint, lostWork, readState, readWorktree, type RepoState } from './repo-state.ts'
import { scenarios, type Scenario } from './scenarios.ts'
import { contentOf, withRepo } from './small-repo.ts'

/**
 * The process that plays faults, started by crash.test.ts with fault-fs.ts
 * loaded first. For one command it goes through the kinds of faults, and through
 * all writing calls in turn: a copy of the prepared repository, the command with
 * the fault, and then the promises of docs and DESIGN.
 */

interface Prepared {
  scenario: Scenario
  folder: string
  before: RepoState['files']
  after: RepoState
  /** What each commit holds that there was before. */
  commits: Map<Id, Record<string, string>>
  /** Fingerprints of what faults left behind and that broke no promise: most calls leave the same as the one before. */
  sound: Set<string>
}

/** A command that changes more than this is not what these tests are for. */
const callsMax = 2000
/** Starting a process takes so long that only some calls are tried. */
const killStride = 5
const endings: readonly FaultKind[] = ['die', 'tear', 'kill']
const failuresMax = 20

const control = FaultControl.shared()
/** In memory where there is such a place: the disk is no part of what is tried. */
const home = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'dits-crash-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))
process.on('disconnect', () => process.exit())
process.on('message', (job: CrashJob) => {
  play(job).then(
    (result) => process.send!(result),
    (error: unknown) => process.send!({ runs: {}, failures: [error instanceof Error ? error.stack! : String(error)] } satisfies CrashResult),
  )
})

async function play({ scenario, kinds }: CrashJob): Promise<CrashResult> {
  const start = await prepare(scenario)
  const result: CrashResult = { runs: {}, failures: [] }
  for (const kind of kinds) {
    const stride = kind === 'kill' ? killStride : (start.scenario.stride ?? 1)
    for (let at = 1; at <= callsMax && result.failures.length < failuresMax; at += stride) {
      const { hit, problems } = await playOnce(start, kind, at)
      if (hit === undefined) break
      result.runs[kind] = (result.runs[kind] ?? 0) + 1
      result.failures.push(...problems.map((problem) => `${scenario}, ${kind} at call ${at}, ${hit}: ${problem}`))
      if (kind === 'short') break
    }
  }
  rmSync(start.folder, { recursive: true, force: true })
  return result
}

/** Makes the repository that a command starts from, and what it makes of it where nothing goes wrong. */
async function prepare(name: ScenarioName): Promise<Prepared> {
  const scenario = scenarios[name]
  const folder = mkdtempSync(join(home, 'start-'))
  await scenario.prepare(folder)
  const before = readWorktree(folder)
  const commits = scenario.unreadable ? new Map<Id, Record<string, string>>() : await withRepo(folder, contentOfAll)
  const root = copyOf(folder)
  const code = await dits(root, scenario.argv, scenario.clock)
  if (code !== (scenario.exitCode ?? 0)) throw new Error(`without a fault '${name}' ended with ${code}: ${lastOutput()}`)
  const after = await withRepo(root, readState)
  return { scenario, folder, before, after, commits, sound: new Set() }
}

async function playOnce(start: Prepared, kind: FaultKind, at: number): Promise<{ hit: string | undefined; problems: string[] }> {
  const root = copyOf(start.folder)
  const { code, said, hit } = kind === 'kill' ? runKilled(start, root, at) : await runWithFault(start, root, { kind, at, folder: root })
  if (hit === undefined) return { hit, problems: [] }
  const problems: string[] = []
  const check = async (work: () => Promise<string[]>) => {
    try {
      problems.push(...(await work()))
    } catch (error) {
      problems.push(error instanceof DitsError ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack! : String(error))
    }
  }
  if (!endings.includes(kind)) await check(async () => problemsOfEnding(start, root, code, said))
  const left = fingerprint(root)
  if (!start.sound.has(left)) {
    if (!start.scenario.unreadable) await check(() => withRepo(root, (repo) => problemsOfRepo(start, repo)))
    if (!start.scenario.notAgain) await check(() => problemsOfSecondRun(start, root))
    if (problems.length === 0) start.sound.add(left)
  }
  rmSync(root, { recursive: true, force: true })
  return { hit: hit.replaceAll(root, ''), problems }
}

async function runWithFault({ scenario }: Prepared, root: string, plan: FaultPlan): Promise<{ code: number; said: string; hit: string | undefined }> {
  control.arm(plan)
  const code = await dits(root, scenario.argv, scenario.clock)
  const said = lastOutput()
  return { code, said, hit: (await control.disarm()).hit }
}

/** The same in a process of its own, which is killed for real. */
function runKilled({ scenario }: Prepared, root: string, at: number): { code: number; said: string; hit: string | undefined } {
  const file = (name: string) => new URL(name, import.meta.url)
  const argv = ['--no-warnings', '--import', file('fault-fs.ts').href, fileURLToPath(file('../../cli/main.ts')), '-C', root, ...scenario.argv]
  const env = { ...process.env, DITS_NOW: scenario.clock ?? testClock, DITS_FAULT: `kill ${at} ${root}` }
  const { status, signal, stderr } = spawnSync(process.execPath, argv, { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  return { code: status ?? 137, said: stderr, hit: signal === 'SIGKILL' ? 'SIGKILL' : undefined }
}

/** A command that met an error says so in a way that the person can act on, or has done all the same what it should. */
async function problemsOfEnding(start: Prepared, root: string, code: number, said: string): Promise<string[]> {
  if (code === (start.scenario.exitCode ?? 0)) return differences(await withRepo(root, readState), start.after, 'it reported success, but')
  if (code === 4 && /\bhint: /.test(said)) return []
  return [`it ended with ${code} and said: ${said.trim()}`]
}

async function problemsOfRepo(start: Prepared, repo: Repo): Promise<string[]> {
  const { problems } = await checkRepository(repo, { full: false })
  const found = problems.map(({ code, message }) => `fsck: ${code}: ${message}`)
  for (const [commit, truth] of start.commits) {
    if (JSON.stringify(await contentOf(repo, commit)) !== JSON.stringify(truth)) found.push(`commit '${commit}' has changed`)
  }
  for (const path of await lostWork(repo, start.before)) found.push(`'${path}' of the working tree is lost`)
  return found
}

/** The command run again ends up where it would have without the fault. */
async function problemsOfSecondRun(start: Prepared, root: string): Promise<string[]> {
  const { leftovers } = start.scenario
  const isDone = start.scenario.unreadable || differences(await withRepo(root, readState), start.after, '', leftovers).length === 0
  const code = await dits(root, start.scenario.argv, start.scenario.clock)
  const found: string[] = []
  if (!isDone && code !== (start.scenario.exitCode ?? 0)) found.push(`run again it ended with ${code} and said: ${lastOutput().trim()}`)
  found.push(...differences(await withRepo(root, readState), start.after, 'run again', leftovers))
  const { problems } = await withRepo(root, (repo) => checkRepository(repo, { full: false }))
  return [...found, ...problems.map(({ code: problem, message }) => `fsck after it was run again: ${problem}: ${message}`)]
}

function differences(state: RepoState, wanted: RepoState, when: string, leftovers?: RegExp): string[] {
  const found: string[] = []
  for (const field of ['head', 'refs', 'staged', 'merging', 'files'] as const) {
    const [is, should] = [JSON.stringify(without(state[field], leftovers)), JSON.stringify(without(wanted[field], leftovers))]
    if (is !== should) found.push(`${when} ${field} is ${is}, not ${should}`)
  }
  return found
}

function without(value: RepoState[keyof RepoState], leftovers: RegExp | undefined): unknown {
  if (!leftovers || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).filter(([name]) => !leftovers.test(name)))
}

async function contentOfAll(repo: Repo): Promise<Map<Id, Record<string, string>>> {
  const tips: Id[] = []
  for await (const { id } of repo.refs.list('refs/')) tips.push(id)
  const contents = new Map<Id, Record<string, string>>()
  for await (const { id } of walkCommits(repo.objects, tips)) contents.set(id, await contentOf(repo, id))
  return contents
}

let copies = 0

function copyOf(folder: string): string {
  const copy = join(home, `run-${++copies}`)
  cpSync(folder, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  return copy
}
