import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { walkCommits, type WalkedCommit, type WalkOptions } from './walk.ts'

/** A commit of a history from which others were left out. */
export interface SimplifiedCommit extends WalkedCommit {
  /** The nearest commits on the way down that were not left out. */
  parents: Id[]
}

/**
 * The wanted commits of a history, no commit before its children, each with
 * the wanted commits that it leads to: for drawing a graph of a part. The walk
 * is kept in memory, about 200 bytes a commit.
 */
export async function simplifyHistory(
  reader: ObjectReader,
  starts: readonly Id[],
  wanted: (id: Id) => boolean,
  options: Omit<WalkOptions, 'order'> = {},
): Promise<SimplifiedCommit[]> {
  const walked: { id: Id; parents: Id[] }[] = []
  const kept = new Map<Id, WalkedCommit>()
  for await (const item of walkCommits(reader, starts, { ...options, order: 'topo' })) {
    const { parents } = item.commit
    walked.push({ id: item.id, parents: options.firstParent ? parents.slice(0, 1) : parents })
    if (wanted(item.id)) kept.set(item.id, item)
  }
  /** For each commit: itself where it is wanted, otherwise the nearest wanted ones below it. */
  const nearest = new Map<Id, Id[]>()
  const made = new Simplified()
  // From the oldest, so that what a commit leads to is known when it comes.
  for (const { id, parents } of walked.reverse()) {
    const item = kept.get(id)
    const reached = made.withoutAncestors([...new Set(parents.flatMap((parent) => nearest.get(parent) ?? []))])
    nearest.set(id, item ? [id] : reached)
    if (item) made.add({ ...item, parents: reached })
  }
  return made.commits.reverse()
}

/** The simplified history as it is made, from its oldest commit. */
class Simplified {
  readonly commits: SimplifiedCommit[] = []
  readonly #places = new Map<Id, number>()

  add(commit: SimplifiedCommit): void {
    this.#places.set(commit.id, this.commits.push(commit) - 1)
  }

  /** Those of some commits that none of the others leads to: a line to the others would say nothing new. */
  withoutAncestors(ids: readonly Id[]): Id[] {
    return ids.length < 2 ? [...ids] : ids.filter((id) => !ids.some((other) => other !== id && this.#leadsTo(other, id)))
  }

  #leadsTo(from: Id, to: Id): boolean {
    const place = this.#places.get(to)!
    const seen = new Set<Id>()
    const open = [from]
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (id === to) return true
      const at = this.#places.get(id)!
      // What lies below `to` in the order cannot lead up to it.
      if (at < place || seen.has(id)) continue
      seen.add(id)
      open.push(...this.commits[at]!.parents)
    }
    return false
  }
}
