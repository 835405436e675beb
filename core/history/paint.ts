import { decodeCommit, type Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { Heap } from './heap.ts'
import { IdTable, NumberColumn } from './id-table.ts'

/** Reachable from the left starts; reachable from the right ones; an ancestor of a commit that both reach. */
export const LEFT = 1
export const RIGHT = 2
export const STALE = 4
const BOTH = LEFT | RIGHT

/**
 * Where a commit claims to be older than an ancestor of its own, which dits
 * never makes one do, the walks that count on dates (`walkCommits` with
 * `exclude`, `aheadBehind`) may take a commit that both sides reach for one
 * that only one side reaches. So they go on for a while below the last commit
 * of one side, until there were this many, or they are this much older.
 */
export const clockSkewMs = 24 * 60 * 60 * 1000
export const clockSkewCommits = 48

export interface PaintOptions {
  /** Which commits still have to be followed; what they find out decides when the work is done. */
  open: (flags: number) => boolean
  /** Follow only the first parents from the left. */
  firstParent?: boolean | undefined
  signal?: AbortSignal | undefined
}

interface Queued {
  number: number
  time: number
  parents: Id[]
}

/**
 * Reads one commit, without its parents where these were left behind. Throws
 * as `ObjectReader.read` and `decodeCommit` do.
 */
export async function readCommit(reader: ObjectReader, id: Id): Promise<Commit> {
  const commit = decodeCommit(await reader.read('commit', id))
  return reader.shallow?.has(id) ? { ...commit, parents: [] } : commit
}

/**
 * Two colours running down a history at once, newest commits first, until they
 * meet: the base of every question about two commits. The cost grows with what
 * the two sides do not share; what lies below the commits where they meet is
 * left alone. State is about 70 bytes for each commit visited.
 */
export class Painting {
  readonly table = new IdTable()
  readonly #flags = new NumberColumn()
  readonly #times = new NumberColumn()
  readonly #state = new NumberColumn()
  readonly #heap = new Heap<Queued>((a, b) => (a.time === b.time ? a.number < b.number : a.time > b.time))
  readonly #reader: ObjectReader
  readonly #options: PaintOptions
  #open = 0
  #oldestOpen = Infinity
  /** Commits that were followed since the last one that had to be. */
  #calm = 0

  constructor(reader: ObjectReader, options: PaintOptions) {
    this.#reader = reader
    this.#options = options
  }

  /** True while a commit that has to be followed waits. */
  get hasOpen(): boolean {
    return this.#open > 0
  }

  /**
   * True once no commit that has to be followed waits, and none of those that
   * were followed can change colour any more, unless clocks were further off
   * than `clockSkewCommits` and `clockSkewMs` allow for.
   */
  get settled(): boolean {
    if (this.#open > 0) return false
    const top = this.#heap.peek()
    const skewMs = this.#calm < clockSkewCommits ? clockSkewMs : 0
    return top === undefined || top.time < this.#oldestOpen - skewMs
  }

  flagsOf(number: number): number {
    return this.#flags.get(number)
  }

  timeOf(number: number): number {
    return this.#times.get(number)
  }

  /** Adds colours to a commit; where that is news, its ancestors will get them too. */
  async mark(id: Id, added: number): Promise<void> {
    const number = this.table.add(id)
    const before = this.#flags.get(number)
    const after = before | added
    if (after === before) return
    this.#flags.set(number, after)
    const { open } = this.#options
    const state = this.#state.get(number)
    if (state === queued || state === queuedAgain) {
      this.#open += Number(open(after)) - Number(open(before))
      return
    }
    const commit = await readCommit(this.#reader, id)
    this.#times.set(number, commit.committer.timeMs)
    this.#state.set(number, state === fresh ? queued : queuedAgain)
    if (open(after)) this.#open++
    this.#heap.push({ number, time: commit.committer.timeMs, parents: commit.parents })
  }

  /**
   * Takes the newest waiting commit and passes its colours on to its parents.
   * Answers which it was, and whether it was its first time (a commit comes
   * again where it gets another colour later); `undefined` when none waits.
   */
  async step(): Promise<{ number: number; parents: Id[]; first: boolean } | undefined> {
    this.#options.signal?.throwIfAborted()
    const item = this.#heap.pop()
    if (!item) return undefined
    const flags = this.#flags.get(item.number)
    const first = this.#state.get(item.number) === queued
    this.#state.set(item.number, done)
    this.#calm++
    if (this.#options.open(flags)) {
      this.#calm = 0
      this.#open--
      this.#oldestOpen = Math.min(this.#oldestOpen, item.time)
    }
    const inherited = (flags & BOTH) === BOTH ? flags | STALE : flags
    for (const [at, parent] of item.parents.entries()) {
      const skipped = at > 0 && this.#options.firstParent ? LEFT : 0
      await this.mark(parent, inherited & ~skipped)
    }
    return { number: item.number, parents: item.parents, first }
  }
}

/** Where a commit stands: never seen, waiting, waiting for another time, followed. */
const fresh = 0
const queued = 1
const queuedAgain = 2
const done = 3
