import type { BytePath } from '../bytes.ts'
import type { Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { logMatching, logPaths } from './log-paths.ts'
import { clockSkewMs } from './paint.ts'
import { simplifyHistory } from './simplify.ts'
import { reachedOnlyBy, walkCommits, type WalkOptions } from './walk.ts'

/** Which commits of a history are wanted, and how. */
export interface LogQuery {
  starts: readonly Id[]
  /** Leaves out everything that these reach. */
  exclude: readonly Id[]
  /** Only commits that touched one of these; none: all. */
  paths: { literals: readonly BytePath[]; patterns: readonly BytePath[]; all: boolean; matches(path: BytePath): boolean }
  /** Whether files that are named are followed through renames. */
  follow: boolean
  firstParent: boolean
  /** Times of the committer, in milliseconds since 1970. */
  sinceMs: number
  untilMs: number
  /** What else a commit must be. */
  keep(commit: Commit): boolean
  /** No commit before its children, each with the parents to draw lines to. */
  graph: boolean
  signal?: AbortSignal | undefined
}

/** A commit of a log. */
export interface LogItem {
  id: Id
  commit: Commit
  /** The parents that are part of the log, for a graph; all of them otherwise. */
  parents: readonly Id[]
  /** Where one named file was in this commit, and before it where the commit moved it. */
  path?: BytePath
  from?: BytePath
}

/**
 * The commits that a query asks for, newest first. A graph of a part of the
 * history, and nothing else, keeps the whole walk in memory.
 */
export async function* queryLog(reader: ObjectReader, query: LogQuery): AsyncGenerator<LogItem> {
  if (!query.graph) return yield* kept(select(reader, query), query)
  if (isWhole(query)) return yield* wholeGraph(reader, query)
  const wanted = new Map<Id, LogItem>()
  for await (const item of kept(select(reader, query), query)) wanted.set(item.id, item)
  const { starts, exclude, firstParent } = query
  const simplified = await simplifyHistory(reader, starts, (id) => wanted.has(id), { exclude, firstParent, ...signalOf(query) })
  for (const { id, parents } of simplified) yield { ...wanted.get(id)!, parents }
}

function isWhole({ paths, sinceMs, untilMs, keep }: LogQuery): boolean {
  return paths.all && sinceMs === -Infinity && untilMs === Infinity && keep === keepAll
}

/** The `keep` of a query that wants everything. */
export function keepAll(): boolean {
  return true
}

async function* wholeGraph(reader: ObjectReader, query: LogQuery): AsyncGenerator<LogItem> {
  const isDrawn = await reachedOnlyBy(reader, query.starts, query.exclude, signalOf(query))
  for await (const { id, commit } of walkCommits(reader, query.starts, { ...walkOptions(query), order: 'topo' })) {
    const parents = query.firstParent ? commit.parents.slice(0, 1) : commit.parents
    yield { id, commit, parents: parents.filter(isDrawn) }
  }
}

/** What the paths and the range ask for. */
async function* select(reader: ObjectReader, query: LogQuery): AsyncGenerator<LogItem> {
  const { starts, exclude, paths, follow, firstParent } = query
  if (paths.all) yield* withParents(walkCommits(reader, starts, walkOptions(query)))
  else if (paths.patterns.length > 0 || firstParent) yield* withParents(logMatching(reader, starts, paths.matches, walkOptions(query)))
  else {
    for await (const item of logPaths(reader, starts, paths.literals, { exclude, follow, ...signalOf(query) })) {
      yield { ...item, parents: item.commit.parents }
    }
  }
}

async function* withParents(items: AsyncIterable<{ id: Id; commit: Commit }>): AsyncGenerator<LogItem> {
  for await (const { id, commit } of items) yield { id, commit, parents: commit.parents }
}

/** Commits come newest first but for clocks that were off; beyond what these may be off by, the rest is too old as well. */
async function* kept(items: AsyncIterable<LogItem>, { sinceMs, untilMs, keep }: LogQuery): AsyncGenerator<LogItem> {
  for await (const item of items) {
    const { timeMs } = item.commit.committer
    if (timeMs < sinceMs - clockSkewMs) return
    if (timeMs >= sinceMs && timeMs <= untilMs && keep(item.commit)) yield item
  }
}

function walkOptions(query: LogQuery): WalkOptions {
  return { exclude: query.exclude, firstParent: query.firstParent, ...signalOf(query) }
}

function signalOf({ signal }: LogQuery): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}
