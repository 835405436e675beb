import { comparePaths, type BytePath } from '../bytes.ts'
import { DitsError, hasCode } from '../errors.ts'
import { isPartial } from '../ghosts/partial.ts'
import { IdTable } from '../history/id-table.ts'
import { walkCommits } from '../history/walk.ts'
import type { Id, ObjectKind } from '../objects/id.ts'
import { referencesOf } from '../objects/references.ts'
import { walkTree } from '../objects/tree-walk.ts'
import { PackIndex } from '../pack/pack-index.ts'
import { rebuildIndex, type PackProblem, type PackReport } from '../pack/pack-scan.ts'
import { indexKey, packKey } from '../pack/pack-writer.ts'
import { markReachable, type ObjectRef } from '../reachable.ts'
import { withLock, type Repo } from '../repo.ts'
import { findRoots, type Root } from '../roots.ts'
import { batchesOf, runBatches } from '../threads/worker-pool.ts'
import { checkAgainstLog } from './check-log.ts'
import type { Checkable } from './checkable.ts'
import { openCheck, type CheckJob } from './check-thread.ts'
import { verifyPackIfThere } from './verify-pack.ts'

/** Something that is wrong with a repository. */
export interface Problem {
  code: string
  message: string
  object?: ObjectRef
  /** How many chunks are missing, of which `object` is the first; only where it says that chunks are. */
  chunks?: number
  /** Files whose content it touches, with a commit in which they are so; the newest first. */
  files: { path: BytePath; commit: Id | undefined }[]
}

export interface CheckReport {
  packs: number
  objects: number
  bytes: number
  /** Manifests, lists and chunks that a partial repository does not have here. */
  ghosts: number
  problems: Problem[]
}

export interface CheckOptions {
  /** Read and verify every byte, not only what names and links the content. */
  full: boolean
}

/** Files named for each problem at most. */
const filesPerProblemMax = 20

/**
 * Checks a repository. Always: every pack's index, every pack's length, every
 * ref and HEAD, also against the operation log, and the working-tree index, and
 * that everything that these reach is there, but for content in a partial
 * repository; objects other than chunks are read and verified.
 * `full` reads and verifies every byte of every pack.
 */
export async function checkRepository(repo: Checkable, options: CheckOptions): Promise<CheckReport> {
  const report: CheckReport = { packs: 0, objects: 0, bytes: 0, ghosts: 0, problems: [] }
  const { env } = repo
  const damaged = new Map<Id, Problem>()
  for await (const pack of checkPacks(repo, options)) {
    report.packs++
    report.objects += pack.objects
    report.bytes += pack.bytes
    for (const problem of pack.problems) addPackProblem(report, damaged, problem)
  }
  const addProblem = ({ code, message }: DitsError) => {
    if (!report.problems.some((problem) => problem.message === message)) report.problems.push({ code, message, files: [] })
  }
  const roots = await findRoots(repo, addProblem)
  await checkAgainstLog(repo, addProblem)
  const ghosts = new IdTable()
  await markReachable(repo.objects, roots, {
    signal: env.signal,
    onGhost: isPartial(repo) ? ({ id }) => void ghosts.add(id) : undefined,
    onObject: (objects) => env.onProgress?.({ task: 'following links', bytes: 0, files: objects }),
    onProblem: ({ object, error }) => {
      if (damaged.has(object.id)) return
      const problem: Problem = { code: error.code, message: error.message, object, files: [] }
      damaged.set(object.id, problem)
      report.problems.push(problem)
    },
  })
  report.ghosts = ghosts.size
  if (damaged.size > 0) await nameFiles(repo, roots, damaged)
  return { ...report, problems: joinMissingChunks(report.problems) }
}

/** What became of a pack that had no index, or a damaged one. */
export interface RebuiltIndex {
  pack: string
  objects: number
  /** Places in the pack that are damaged. */
  skipped: number
  /** Why there still is no index. */
  problem?: DitsError
}

/** Makes the indexes of packs again that have none, or a damaged one. A pack of which none can be made does not keep it from the others. */
export async function rebuildIndexes(repo: Repo): Promise<RebuiltIndex[]> {
  return withLock(repo, async () => {
    const rebuilt: RebuiltIndex[] = []
    const packs: string[] = []
    for await (const key of repo.store.list('packs/')) {
      if (key.endsWith('.pack')) packs.push(key.slice('packs/'.length, -'.pack'.length))
    }
    for (const pack of packs) {
      if (await hasSoundIndex(repo, pack)) continue
      // Before, so that a crash leaves none that was made of another index; and after, where somebody made one meanwhile.
      await repo.objects.packs.clearLookups()
      rebuilt.push(await tryRebuild(repo, pack))
      await repo.objects.packs.clearLookups()
    }
    await repo.objects.packs.refresh()
    return rebuilt
  })
}

async function tryRebuild(repo: Repo, pack: string): Promise<RebuiltIndex> {
  try {
    return { pack, ...(await rebuildIndex(repo.store, pack)) }
  } catch (error) {
    if (!hasCode(error, 'pack-damaged') && !hasCode(error, 'unsupported-version')) throw error
    return { pack, objects: 0, skipped: 0, problem: error as DitsError }
  }
}

async function hasSoundIndex(repo: Repo, pack: string): Promise<boolean> {
  const stored = await repo.store.get(indexKey(pack), { offset: 0, length: 64 * 1024 * 1024 })
  const stat = await repo.store.stat(packKey(pack))
  try {
    return stored !== undefined && PackIndex.decode(pack, stored.bytes).packBytes === stat?.size
  } catch (error) {
    if (error instanceof DitsError) return false
    throw error
  }
}

/** What is found in each pack, also in those into which a collection puts packs together meanwhile. */
async function* checkPacks(repo: Checkable, { full }: CheckOptions): AsyncGenerator<PackReport> {
  const seen = new Set<string>()
  for (;;) {
    await repo.objects.packs.refresh()
    const packs = repo.objects.packs.names.filter((name) => !seen.has(name))
    if (packs.length === 0) return
    for (const pack of packs) seen.add(pack)
    for await (const report of full ? verifyPacks(repo, packs) : weighPacks(repo, packs)) {
      // A pack whose index has gone was collected.
      if (report.problems.length === 0 || (await repo.store.stat(indexKey(report.pack)))) yield report
    }
  }
}

async function* verifyPacks(repo: Checkable, packs: readonly string[]): AsyncGenerator<PackReport> {
  const { env } = repo
  const jobs: CheckJob[] = []
  for (const pack of packs) jobs.push({ pack, size: (await repo.store.stat(packKey(pack)))?.size ?? 0 })
  const bytesTotal = jobs.reduce((sum, job) => sum + job.size, 0)
  const onBytes = (bytes: number) => env.onProgress?.({ task: 'checking', bytes, bytesTotal })
  if (bytesTotal < 16 * 1024 * 1024 || repo.folder === undefined) {
    let verified = 0
    for (const job of jobs) {
      env.signal?.throwIfAborted()
      yield await verifyPackIfThere(repo.store, job.pack, (bytes) => onBytes((verified += bytes)))
    }
    return
  }
  yield* runBatches(batchesOf(jobs, { largeBytes: 1, filesMax: 1, bytesMax: 1 }), {
    open: openCheck,
    program: 'check-worker',
    from: import.meta.url,
    threads: Math.min(env.threads, jobs.length),
    start: { storeFolder: repo.folder },
    signal: env.signal,
    onProgress: onBytes,
  })
}

/** Looks at the packs' indexes and lengths only. */
async function* weighPacks(repo: Checkable, packs: readonly string[]): AsyncGenerator<PackReport> {
  for (const pack of packs) {
    const report: PackReport = { pack, objects: 0, bytes: 0, problems: [] }
    const stat = await repo.store.stat(packKey(pack))
    report.bytes = stat?.size ?? 0
    try {
      const index = await repo.objects.packs.index(pack)
      report.objects = index.count
      if (!stat) report.problems.push({ pack, code: 'pack-missing', message: `pack '${pack}' is missing` })
      else if (stat.size !== index.packBytes) {
        const message = `pack '${pack}' has ${stat.size} bytes where its index says ${index.packBytes}`
        report.problems.push({ pack, code: 'pack-damaged', message })
      }
    } catch (error) {
      if (!(error instanceof DitsError)) throw error
      report.problems.push({ pack, code: 'index-damaged', message: error.message })
    }
    yield report
  }
}

function addPackProblem(report: CheckReport, damaged: Map<Id, Problem>, found: PackProblem): void {
  const problem: Problem = { code: found.code, message: found.message, files: [] }
  if (found.object) {
    problem.object = found.object
    damaged.set(found.object.id, problem)
  }
  report.problems.push(problem)
}

/** Says once what many missing chunks of the same files have in common. */
function joinMissingChunks(problems: readonly Problem[]): Problem[] {
  const joined = new Map<string, Problem>()
  return problems.filter((problem) => {
    const { object, files } = problem
    if (problem.code !== 'object-missing' || object?.kind !== 'chunk' || files.length === 0) return true
    const key = JSON.stringify(files)
    const first = joined.get(key)
    if (!first) {
      joined.set(key, Object.assign(problem, { chunks: 1 }))
      return true
    }
    first.chunks = (first.chunks ?? 1) + 1
    first.message = `${first.chunks} chunks are missing, the first of them '${first.object?.id}'`
    return false
  })
}

/** Fills in which files each damaged or missing object touches, by walking every reachable tree once. */
async function nameFiles(repo: Checkable, roots: readonly Root[], damaged: Map<Id, Problem>): Promise<void> {
  const seen = new Map<Id, Problem[]>()
  const commits = roots.filter((root) => root.kind === 'commit').map((root) => root.id)
  const trees: { tree: Id; commit: Id | undefined }[] = []
  try {
    for await (const { id, commit } of walkCommits(repo.objects, commits)) trees.push({ tree: commit.tree, commit: id })
  } catch (error) {
    if (!(error instanceof DitsError)) throw error
  }
  for (const root of roots) if (root.kind === 'tree') trees.push({ tree: root.id, commit: undefined })
  for (const { tree, commit } of trees) {
    try {
      for await (const { path, entry } of walkTree(repo.objects, tree)) {
        if (entry.kind === 'directory') continue
        const problems = seen.get(entry.id) ?? (await problemsBelow(repo, entry.content === 'manifest' ? 'manifest' : 'chunk', entry.id, damaged))
        seen.set(entry.id, problems)
        for (const problem of problems) addFile(problem, path, commit)
      }
    } catch (error) {
      // A tree that cannot be read is a problem of its own, already reported.
      if (!(error instanceof DitsError)) throw error
    }
  }
  for (const problem of damaged.values()) problem.files.sort((a, b) => comparePaths(a.path, b.path))
}

function addFile(problem: Problem, path: BytePath, commit: Id | undefined): void {
  if (problem.files.length >= filesPerProblemMax || problem.files.some((file) => file.path === path)) return
  problem.files.push({ path, commit })
}

/** The problems of an object and of everything below it. */
async function problemsBelow(repo: Checkable, kind: ObjectKind, id: Id, damaged: Map<Id, Problem>): Promise<Problem[]> {
  const own = damaged.get(id)
  if (kind === 'chunk') return own ? [own] : []
  const problems = own ? [own] : []
  try {
    for (const child of referencesOf(kind, await repo.objects.read(kind, id))) {
      problems.push(...(await problemsBelow(repo, child.kind, child.id, damaged)))
    }
  } catch (error) {
    if (!(error instanceof DitsError)) throw error
  }
  return [...new Set(problems)]
}
