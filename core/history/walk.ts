import type { Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { Heap } from './heap.ts'
import { IdTable, NumberColumn } from './id-table.ts'
import { LEFT, Painting, readCommit, RIGHT } from './paint.ts'

export interface WalkOptions {
  /** Leaves out these commits and everything reachable from them, as `A..B` leaves out A's history. */
  exclude?: readonly Id[]
  /**
   * 'date' (the default): newest first among the commits whose children were
   * met, at once and with little memory. 'topo': the same, but no commit before
   * all of its children, whatever the clocks said; the history is read through
   * once before the first commit is given.
   */
  order?: 'date' | 'topo'
  /** Follow only the first parent of each commit (what is excluded is followed by all parents). */
  firstParent?: boolean
  signal?: AbortSignal
}

export interface WalkedCommit {
  id: Id
  commit: Commit
}

/**
 * The commits reachable from `starts`, newest first by the committer's time,
 * each once. Memory is about 45 bytes for each commit given, and 80 for each
 * commit read where `exclude` or the topological order needs a pass before.
 * `exclude` is exact where no commit claims to be older than an ancestor of its
 * own, and else as far as `clockSkewCommits` and `clockSkewMs` allow for.
 */
export async function* walkCommits(
  reader: ObjectReader,
  starts: readonly Id[],
  options: WalkOptions = {},
): AsyncIterable<WalkedCommit> {
  const needsPass = options.order === 'topo' || (options.exclude?.length ?? 0) > 0
  const limit = needsPass ? await limitWalk(reader, starts, options) : undefined
  const frontier = new Frontier(reader)
  for (const id of starts) if (!limit || limit.mayStart(id)) await frontier.push(id)
  for (let item = frontier.pop(); item; item = frontier.pop()) {
    options.signal?.throwIfAborted()
    for (const parent of parentsToFollow(item.commit.parents, options)) {
      if (!limit || limit.mayFollow(parent)) await frontier.push(parent)
    }
    yield { id: item.id, commit: item.commit }
  }
}

/**
 * Whether a commit that `starts` reach is not reached by `exclude` as well.
 * Exact as far as `walkCommits` is.
 */
export async function reachedOnlyBy(
  reader: ObjectReader,
  starts: readonly Id[],
  exclude: readonly Id[],
  options: { signal?: AbortSignal | undefined } = {},
): Promise<(id: Id) => boolean> {
  if (exclude.length === 0) return () => true
  const { signal } = options
  return (await limitWalk(reader, starts, { exclude, ...(signal && { signal }) })).mayFollow
}

/** Which commits a walk may give, and in the topological order when. */
interface Limit {
  mayStart(id: Id): boolean
  /** To be asked once for each edge from a child that was given. */
  mayFollow(parent: Id): boolean
}

/** The commits that wait to be given, newest first; each enters once. */
class Frontier {
  readonly #seen = new IdTable()
  readonly #heap = new Heap<WalkedCommit & { number: number }>((a, b) => {
    const [timeA, timeB] = [a.commit.committer.timeMs, b.commit.committer.timeMs]
    return timeA === timeB ? a.number < b.number : timeA > timeB
  })
  readonly #reader: ObjectReader

  constructor(reader: ObjectReader) {
    this.#reader = reader
  }

  async push(id: Id): Promise<void> {
    const known = this.#seen.size
    const number = this.#seen.add(id)
    if (number < known) return
    this.#heap.push({ id, number, commit: await readCommit(this.#reader, id) })
  }

  pop(): WalkedCommit | undefined {
    return this.#heap.pop()
  }
}

function parentsToFollow(parents: Id[], options: WalkOptions): Id[] {
  return options.firstParent ? parents.slice(0, 1) : [...new Set(parents)]
}

/** Walks once to learn what is excluded, and how many children every commit has among the others. */
async function limitWalk(reader: ObjectReader, starts: readonly Id[], options: WalkOptions): Promise<Limit> {
  const { firstParent, signal } = options
  const painting = new Painting(reader, { open: (flags) => flags === LEFT, firstParent, signal })
  for (const id of options.exclude ?? []) await painting.mark(id, RIGHT)
  for (const id of starts) await painting.mark(id, LEFT)
  const children = new NumberColumn()
  while (!painting.settled) {
    const step = await painting.step()
    if (!step?.first || painting.flagsOf(step.number) !== LEFT) continue
    for (const parent of parentsToFollow(step.parents, options)) {
      const number = painting.table.add(parent)
      children.set(number, children.get(number) + 1)
    }
  }
  return options.order === 'topo' ? topoLimit(painting, children) : dateLimit(painting)
}

function dateLimit(painting: Painting): Limit {
  const isWanted = (id: Id): boolean => {
    const number = painting.table.numberOf(id)
    return number !== undefined && painting.flagsOf(number) === LEFT
  }
  return { mayStart: isWanted, mayFollow: isWanted }
}

function topoLimit(painting: Painting, children: NumberColumn): Limit {
  const { mayStart: isWanted } = dateLimit(painting)
  return {
    mayStart: (id) => isWanted(id) && children.get(painting.table.add(id)) === 0,
    mayFollow: (parent) => {
      const number = painting.table.add(parent)
      children.set(number, children.get(number) - 1)
      return isWanted(parent) && children.get(number) === 0
    },
  }
}
