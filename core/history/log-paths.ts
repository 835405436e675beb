import type { BytePath } from '../bytes.ts'
import type { Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { diffTrees } from '../objects/tree-walk.ts'
import { logPath, type LoggedCommit, type LogOptions } from './log.ts'
import { readCommit } from './paint.ts'
import { walkCommits, type WalkOptions, type WalkedCommit } from './walk.ts'

/**
 * The commits that touched one of several files and directories, newest first,
 * each once. Each path is logged as `logPath` does, under the names that it
 * had; what a commit says is of the first of the paths that it touched.
 */
export async function* logPaths(
  reader: ObjectReader,
  starts: readonly Id[],
  paths: readonly BytePath[],
  options: LogOptions = {},
): AsyncGenerator<LoggedCommit> {
  const logs = paths.map((path) => logPath(reader, starts, path, options)[Symbol.asyncIterator]())
  const heads = await Promise.all(logs.map(async (log) => nextOf(log)))
  const given = new Set<Id>()
  for (;;) {
    let newest = -1
    for (const [i, head] of heads.entries()) {
      if (head && (newest < 0 || timeOf(head) > timeOf(heads[newest]!))) newest = i
    }
    const item = heads[newest]
    if (!item) return
    heads[newest] = await nextOf(logs[newest]!)
    if (given.has(item.id)) continue
    given.add(item.id)
    yield item
  }
}

/**
 * The commits of a walk that changed a path for which `matches` answers true.
 * A merge is among them where it differs from every parent (with
 * `firstParent`, where it differs from the first). Nothing is followed through
 * renames. The cost grows with what each commit changed.
 */
export async function* logMatching(
  reader: ObjectReader,
  starts: readonly Id[],
  matches: (path: BytePath) => boolean,
  options: WalkOptions = {},
): AsyncGenerator<WalkedCommit> {
  for await (const item of walkCommits(reader, starts, options)) {
    if (await touches(reader, item.commit, matches, options.firstParent === true)) yield item
  }
}

async function touches(
  reader: ObjectReader,
  commit: Commit,
  matches: (path: BytePath) => boolean,
  firstParent: boolean,
): Promise<boolean> {
  if (commit.parents.length === 0) return differs(reader, undefined, commit.tree, matches)
  for (const parent of firstParent ? commit.parents.slice(0, 1) : commit.parents) {
    if (!(await differs(reader, (await readCommit(reader, parent)).tree, commit.tree, matches))) return false
  }
  return true
}

async function differs(reader: ObjectReader, a: Id | undefined, b: Id, matches: (path: BytePath) => boolean): Promise<boolean> {
  for await (const { path } of diffTrees(reader, a, b)) if (matches(path)) return true
  return false
}

async function nextOf(log: AsyncIterator<LoggedCommit>): Promise<LoggedCommit | undefined> {
  const { done, value } = await log.next()
  return done ? undefined : value
}

function timeOf({ commit }: LoggedCommit): number {
  return commit.committer.timeMs
}
