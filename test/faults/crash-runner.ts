import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkRepository } from '../../core/check/check.ts'
import { DitsError } from '../../core/errors.ts'
import type { Id } from '../../core/objects/id.ts'
import { walkCommits } from '../../core/history/walk.ts'
import type { Repo } from '../../core/repo.ts'
import type { CrashJob, CrashResult } from './crash-messages.ts'
import { dits, lastOutput } from './dits-in-process.ts'
import { FaultControl, type FaultKind } from './fault-control.ts'
import { lostWork, readState, readWorktree, type RepoState } from './repo-state.ts'
import { scenarios, type Scenario } from './scenarios.ts'
import { contentOf, withRepo } from './small-repo.ts'

/**
 * The process that plays faults, started by crash.test.ts with fault-fs.ts
 * loaded first. For one command and one kind of fault it goes through all
 * writing calls in turn: a copy of the prepared repository, the command with
 * the fault, and then the promises of docs and DESIGN.
 */

interface Prepared {
  scenario: Scenario
  folder: string
  before: RepoState['files']
  after: RepoState
  /** What each commit holds that there was before. */
  commits: Map<Id, Record<string, string>>
}

/** A command that changes more than this is not what these tests are for. */
const callsMax = 2000
const failuresMax = 20

const control = FaultControl.shared()
/** In memory where there is such a place: the disk is no part of what is tried. */
const home = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'dits-crash-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))
process.on('disconnect', () => process.exit())
process.on('message', (job: CrashJob) => {
  play(job).then(
    (result) => process.send!(result),
    (error: unknown) => process.send!({ runs: 0, failures: [error instanceof Error ? error.stack! : String(error)] } satisfies CrashResult),
  )
})

const prepared = new Map<string, Prepared>()

async function play({ scenario, kind }: CrashJob): Promise<CrashResult> {
  const start = prepared.get(scenario) ?? (await prepare(scenario))
  prepared.set(scenario, start)
  const result: CrashResult = { runs: 0, failures: [] }
  for (let at = 1; at <= callsMax && result.failures.length < failuresMax; at += start.scenario.stride ?? 1) {
    const { hit, problems } = await playOnce(start, kind, at)
    if (hit === undefined) return result
    result.runs++
    result.failures.push(...problems.map((problem) => `${scenario}, ${kind} at call ${at}, ${hit}: ${problem}`))
    if (kind === 'short') return result
  }
  return result
}

/** Makes the repository that a command starts from, and what it makes of it where nothing goes wrong. */
async function prepare(name: string): Promise<Prepared> {
  const scenario = scenarios[name]!
  const folder = mkdtempSync(join(home, 'start-'))
  await scenario.prepare(folder)
  const before = readWorktree(folder)
  const commits = scenario.unreadable ? new Map<Id, Record<string, string>>() : await withRepo(folder, contentOfAll)
  const root = copyOf(folder)
  const code = await dits(root, scenario.argv, scenario.clock)
  if (code !== (scenario.exitCode ?? 0)) throw new Error(`without a fault '${name}' ended with ${code}: ${lastOutput()}`)
  const after = await withRepo(root, readState)
  return { scenario, folder, before, after, commits }
}

async function playOnce(start: Prepared, kind: FaultKind, at: number): Promise<{ hit: string | undefined; problems: string[] }> {
  const root = copyOf(start.folder)
  control.arm({ kind, at, folder: root })
  const code = await dits(root, start.scenario.argv, start.scenario.clock)
  const said = lastOutput()
  const { hit } = await control.disarm()
  if (hit === undefined) return { hit, problems: [] }
  const problems: string[] = []
  const check = async (work: () => Promise<string[]>) => {
    try {
      problems.push(...(await work()))
    } catch (error) {
      problems.push(error instanceof DitsError ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack! : String(error))
    }
  }
  if (kind !== 'die' && kind !== 'tear') await check(async () => problemsOfEnding(start, root, code, said))
  if (!start.scenario.unreadable) await check(() => withRepo(root, (repo) => problemsOfRepo(start, repo)))
  if (!start.scenario.notAgain) await check(() => problemsOfSecondRun(start, root))
  rmSync(root, { recursive: true, force: true })
  return { hit: hit.replaceAll(root, ''), problems }
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
  const isDone = start.scenario.unreadable || JSON.stringify(await withRepo(root, readState)) === JSON.stringify(start.after)
  const code = await dits(root, start.scenario.argv, start.scenario.clock)
  const found: string[] = []
  if (!isDone && code !== (start.scenario.exitCode ?? 0)) found.push(`run again it ended with ${code} and said: ${lastOutput().trim()}`)
  found.push(...differences(await withRepo(root, readState), start.after, 'run again'))
  const { problems } = await withRepo(root, (repo) => checkRepository(repo, { full: false }))
  return [...found, ...problems.map(({ code: problem, message }) => `fsck after it was run again: ${problem}: ${message}`)]
}

function differences(state: RepoState, wanted: RepoState, when: string): string[] {
  const found: string[] = []
  for (const field of ['head', 'refs', 'staged', 'merging', 'files'] as const) {
    const [is, should] = [JSON.stringify(state[field]), JSON.stringify(wanted[field])]
    if (is !== should) found.push(`${when} ${field} is ${is}, not ${should}`)
  }
  return found
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
