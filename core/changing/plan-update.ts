import { baseName, joinPath, parentPath, pathFromText, pathToText, rootPath, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { isPartial } from '../ghosts/partial.ts'
import type { Id } from '../objects/id.ts'
import { diffTrees, walkTree } from '../objects/tree-walk.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { entryAtPath } from '../objects/tree.ts'
import type { Repo } from '../repo.ts'
import { comparesTimeOnly } from '../staging/changes.ts'
import { hashOnDisk, holdsOnlyZeros, isFileKind } from '../worktree/content-hash.ts'
import { diskPath, isRepositoryName, lookAt, readNames, temporaryPrefix } from '../worktree/disk.ts'
import { fileStatOf, kindOfMode, type DiskKind, type FileStat } from '../worktree/file-stat.ts'
import { isRubbish } from '../worktree/ignore.ts'
import type { Index } from '../worktree/index-file.ts'
import { removeLeftovers } from '../worktree/place.ts'
import { checkSafePath } from '../worktree/safe-name.ts'

/** One path that an update of the working tree changes on disk. */
export interface Step {
  path: BytePath
  /** What the tree of before and the tree to come say of it; neither where it is only in the way. */
  before: TreeEntry | undefined
  after: TreeEntry | undefined
  /** What lies there now, as far as it matters; nothing where a symlink is on the way. */
  disk: { kind: DiskKind; stat: FileStat } | undefined
  /** True where the disk holds something that neither tree knows, and that goes. */
  precious: boolean
  /** True where the disk holds already what the target wants, or a ghost of it. */
  done: boolean
  /** True where the disk holds a ghost of what the tree of before says. */
  isGhost: boolean
}

export interface PlanOptions {
  /** Paths to write even where both trees have the same, because the disk holds something else. */
  also: ReadonlySet<BytePath>
  /** Names that differ only in case are the same on this file system. */
  foldsCase: boolean
}

/** So few paths are looked up one by one; for more, the whole tree is walked. */
const fewPaths = 64

/**
 * Looks at everything that has to change on disk to get from what `index` says
 * to the tree `target`, and changes nothing: every path that differs, and what
 * is in the way of one: a file where a folder has to be, and whatever lies in a
 * folder where a file has to be. Throws `would-overwrite` for what may never be
 * removed, which is another repository, and `unsafe-path`.
 */
export async function planUpdate(repo: Repo, index: Index | undefined, target: Id, options: PlanOptions): Promise<Step[]> {
  const plan = new Plan(repo, index)
  const left = new Set(options.also)
  for await (const { path, before, after } of diffTrees(repo.objects, index?.tree, target)) {
    repo.env.signal?.throwIfAborted()
    await plan.add(path, before, after)
    left.delete(path)
  }
  if (left.size <= fewPaths) {
    for (const path of left) {
      const entry = await entryAtPath(repo.objects, target, path)
      if (entry) await plan.add(path, entry, entry)
    }
  } else {
    for await (const { path, entry } of walkTree(repo.objects, target)) {
      repo.env.signal?.throwIfAborted()
      if (left.has(path)) await plan.add(path, entry, entry)
    }
  }
  return plan.finish(options.foldsCase)
}

/** True where what is on disk has to go before anything is written: nothing is to be there, or something of another sort. */
export function isToBeRemoved({ disk, after }: Step): boolean {
  if (!disk) return false
  return after === undefined || (disk.kind === 'directory') !== (after.kind === 'directory')
}

/** What lies at a folder's place. */
type Way = { is: 'folder' } | { is: 'missing' } | { is: 'blocked'; by: BytePath }

const folderWay: Way = { is: 'folder' }
const missingWay: Way = { is: 'missing' }

class Plan {
  readonly #repo: Repo
  readonly #index: Index | undefined
  readonly #timeOnly: boolean
  readonly #hasGhosts: boolean
  readonly #steps: Step[] = []
  readonly #ways = new Map<BytePath, Way>([[rootPath, folderWay]])
  /** What stands where a folder has to be. */
  readonly #obstacles = new Set<BytePath>()

  constructor(repo: Repo, index: Index | undefined) {
    this.#repo = repo
    this.#index = index
    this.#timeOnly = comparesTimeOnly(repo)
    this.#hasGhosts = isPartial(repo) || index?.hasGhosts === true
  }

  async add(path: BytePath, before: TreeEntry | undefined, after: TreeEntry | undefined): Promise<void> {
    // Found out before anything is changed, although placing would refuse it too.
    if (after) checkSafePath(path)
    const way = this.#wayTo(parentPath(path))
    if (way.is === 'blocked' && after) this.#obstacles.add(way.by)
    const stats = way.is === 'folder' ? lookAt(this.#repo.rootBytes, path) : undefined
    const disk = stats && { kind: kindOfMode(stats.mode), stat: fileStatOf(stats) }
    const step: Step = { path, before, after, disk, precious: false, done: false, isGhost: false }
    // What goes is no folder any more, or one by now: that is somebody's own, and in nobody's way.
    if (disk && !after && (before?.kind === 'directory') !== (disk.kind === 'directory')) step.disk = undefined
    else if (disk) await this.#judge(step, disk)
    this.#steps.push(step)
  }

  finish(foldsCase: boolean): Step[] {
    const steps = this.#steps
    const byPath = new Map(steps.map((step) => [step.path, step]))
    for (const path of this.#obstacles) if (!byPath.has(path)) steps.push(this.#inTheWay(path))
    for (const { path, after, disk } of [...byPath.values()]) {
      if (after && after.kind !== 'directory' && disk?.kind === 'directory') this.#addContent(path, byPath)
    }
    if (foldsCase) settleCase(steps)
    return steps
  }

  /** Settles whether what is on disk is known, or wanted already. A folder's content is judged by itself. */
  async #judge(step: Step, { kind, stat }: NonNullable<Step['disk']>): Promise<void> {
    const { path, before, after } = step
    if (kind === 'directory') {
      step.done = after?.kind === 'directory'
      return
    }
    // Whether a ghost is executable says nothing: it has no content that could be run.
    const isSameKind = before?.kind === kind || (this.#hasGhosts && before !== undefined && isFileKind(kind) && isFileKind(before.kind))
    const i = isSameKind ? this.#index?.find(path) : undefined
    const isKnown = i !== undefined && this.#index?.isUnchanged(i, stat, this.#timeOnly)
    const { rootBytes, env } = this.#repo
    step.isGhost = i !== undefined && isFileKind(kind) && (isKnown ? this.#index?.isGhostAt(i) === true : await this.#isGhost(step, i))
    const hash = isKnown || step.isGhost ? before?.hash : kind === 'unsupported' ? undefined : (await hashOnDisk(rootBytes, path, env.signal))?.hash
    step.done = after?.kind === kind && after.hash === hash
    step.precious = !step.done && !step.isGhost && !(before?.kind === kind && before.hash === hash)
  }

  async #isGhost({ path, before, disk }: Step, i: number): Promise<boolean> {
    if (!this.#hasGhosts || !before || !disk || disk.stat.size !== before.size || before.size === 0) return false
    if (!this.#index?.isGhostAt(i) && lookAt(this.#repo.rootBytes, path)?.blocks !== 0) return false
    return holdsOnlyZeros(this.#repo.rootBytes, path, this.#repo.env.signal)
  }

  #wayTo(folder: BytePath): Way {
    const known = this.#ways.get(folder)
    if (known) return known
    const above = this.#wayTo(parentPath(folder))
    const stats = above.is === 'folder' ? lookAt(this.#repo.rootBytes, folder) : undefined
    const isFolder = stats && kindOfMode(stats.mode) === 'directory'
    const way: Way = above.is !== 'folder' ? above : isFolder ? folderWay : stats ? { is: 'blocked', by: folder } : missingWay
    this.#ways.set(folder, way)
    return way
  }

  #inTheWay(path: BytePath): Step {
    const stats = lookAt(this.#repo.rootBytes, path)
    const disk = stats && { kind: kindOfMode(stats.mode), stat: fileStatOf(stats) }
    const precious = disk !== undefined && disk.kind !== 'directory' && !isRubbish(baseName(path))
    return { path, before: undefined, after: undefined, disk, precious, done: false, isGhost: false }
  }

  /** Whatever lies in a folder that a file replaces, and does not go by itself. */
  #addContent(folder: BytePath, byPath: ReadonlyMap<BytePath, Step>): void {
    const { root, rootBytes } = this.#repo
    const names = readNames(rootBytes, folder) ?? []
    if (names.some((name) => name.startsWith(temporaryPrefix))) removeLeftovers(String(diskPath(pathFromText(root), folder)))
    for (const name of names) {
      if (name.startsWith(temporaryPrefix)) continue
      if (isRepositoryName(name)) throw holdsRepository(folder)
      const path = joinPath(folder, name as BytePath)
      const known = byPath.get(path)
      const step = known ?? this.#inTheWay(path)
      if (!known) this.#steps.push(step)
      if (step.disk?.kind === 'directory') this.#addContent(path, byPath)
    }
  }
}

/**
 * Where a name that comes and a name that goes are the same to the file system,
 * what was found under the one is the other: it goes, and the new one is written.
 */
function settleCase(steps: readonly Step[]): void {
  const fold = (path: BytePath) => pathToText(path).normalize('NFD').toLowerCase()
  const going = new Map(steps.filter((step) => step.before && !step.after).map((step) => [fold(step.path), step]))
  for (const step of steps) {
    const twin = step.after && !step.before ? going.get(fold(step.path)) : undefined
    if (!twin || twin.disk?.stat.ino !== step.disk?.stat.ino) continue
    step.done = false
    step.precious = false
  }
}

function holdsRepository(folder: BytePath): DitsError {
  return new DitsError('would-overwrite', `'${pathToText(folder)}' holds a repository of its own, and the version to go to has a file in its place`, {
    hint: 'move that folder away; then try again',
  })
}
