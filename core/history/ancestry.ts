import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { LEFT, Painting, RIGHT, STALE } from './paint.ts'

export interface AncestryOptions {
  signal?: AbortSignal
}

/**
 * Whether `ancestor` is reachable from `descendant` (a commit is reachable from
 * itself). Exact whatever the clocks said; the cost grows with the commits that
 * only one of the two reaches.
 */
export async function isAncestor(
  reader: ObjectReader,
  ancestor: Id,
  descendant: Id,
  options: AncestryOptions = {},
): Promise<boolean> {
  const painting = new Painting(reader, { ...options, open: notStale })
  await painting.mark(ancestor, LEFT)
  await painting.mark(descendant, RIGHT)
  const number = painting.table.add(ancestor)
  while ((painting.flagsOf(number) & RIGHT) === 0) {
    if (!painting.hasOpen) return false
    await painting.step()
  }
  return true
}

/**
 * The best common ancestors of `a` and `b`: those that are not ancestors of
 * another common one, newest first. None for histories without a common
 * commit, several where branches were merged into each other both ways. Exact
 * whatever the clocks said.
 */
export async function mergeBases(reader: ObjectReader, a: Id, b: Id, options: AncestryOptions = {}): Promise<Id[]> {
  return mergeBasesOfSets(reader, [a], [b], options)
}

/** The same for the histories of several commits taken together on each side. */
export async function mergeBasesOfSets(
  reader: ObjectReader,
  left: readonly Id[],
  right: readonly Id[],
  options: AncestryOptions = {},
): Promise<Id[]> {
  const painting = new Painting(reader, { ...options, open: notStale })
  for (const id of left) await painting.mark(id, LEFT)
  for (const id of right) await painting.mark(id, RIGHT)
  const met = new Set<number>()
  while (painting.hasOpen) {
    const step = await painting.step()
    if (step && painting.flagsOf(step.number) === (LEFT | RIGHT)) met.add(step.number)
  }
  const best = [...met].filter((number) => (painting.flagsOf(number) & STALE) === 0)
  best.sort((x, y) => painting.timeOf(y) - painting.timeOf(x) || (painting.table.idAt(x) < painting.table.idAt(y) ? -1 : 1))
  return dropAncestors(reader, best.map((number) => painting.table.idAt(number)), options)
}

/**
 * How many commits only `a` reaches (ahead) and only `b` reaches (behind).
 * Exact where no commit claims to be older than an ancestor of its own, and
 * else as far as `clockSkewCommits` and `clockSkewMs` allow for. Reads what
 * only one of them reaches, and at most some dozens of commits more.
 */
export async function aheadBehind(
  reader: ObjectReader,
  a: Id,
  b: Id,
  options: AncestryOptions = {},
): Promise<{ ahead: number; behind: number }> {
  const painting = new Painting(reader, { ...options, open: (flags) => flags === LEFT || flags === RIGHT })
  await painting.mark(a, LEFT)
  await painting.mark(b, RIGHT)
  while (!painting.settled) await painting.step()
  const counts = { ahead: 0, behind: 0 }
  for (let number = 0; number < painting.table.size; number++) {
    const flags = painting.flagsOf(number)
    if (flags === LEFT) counts.ahead++
    if (flags === RIGHT) counts.behind++
  }
  return counts
}

function notStale(flags: number): boolean {
  return (flags & STALE) === 0
}

/** Without those that are ancestors of others: where clocks were off, the walk may end before it has seen that. */
async function dropAncestors(reader: ObjectReader, ids: Id[], options: AncestryOptions): Promise<Id[]> {
  const best: Id[] = []
  for (const id of ids) {
    let reached = false
    for (const other of ids) reached ||= other !== id && (await isAncestor(reader, id, other, options))
    if (!reached) best.push(id)
  }
  return best
}
