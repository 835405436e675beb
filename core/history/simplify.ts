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
  const below = (parents: readonly Id[]): Id[] => [...new Set(parents.flatMap((parent) => nearest.get(parent) ?? []))]
  const simplified: SimplifiedCommit[] = []
  // From the oldest, so that what a commit leads to is known when it comes.
  for (const { id, parents } of walked.reverse()) {
    const item = kept.get(id)
    const reached = below(parents)
    nearest.set(id, item ? [id] : reached)
    if (item) simplified.push({ ...item, parents: reached })
  }
  return simplified.reverse()
}
