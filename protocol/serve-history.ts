import { DitsError, readCommit, type Commit, type Id, type PackedObjects } from '#core'
import { Difference } from './difference.ts'
import { packIds, readCount, unpackIds } from './fields.ts'
import type { FrameStream, Message } from './frames.ts'
import type { HostedRepository } from './host.ts'
import { boundaryMax, havesMax, idsPerMessageMax } from './limits.ts'
import { commitsHere, newCommits, parentsHere } from './new-commits.ts'
import { sendRecords, type ToSend } from './send-records.ts'

/**
 * `['history', wants, haves, depth, content]`: the commits that `wants` reach
 * and `haves` do not, with their trees, as data; with content 1 also the
 * manifests and lists of their files, never chunks. A depth other than 0 counts
 * commits from the wants; those whose parents were left behind, by this
 * question or long ago, are named at the end. The client asks for what it still misses by `objects`.
 */
export async function serveHistory(frames: FrameStream, repository: HostedRepository, message: Message, signal?: AbortSignal): Promise<void> {
  const wants = unpackIds(message[1], 'wants', idsPerMessageMax)
  const haves = unpackIds(message[2], 'haves', havesMax)
  const depth = readCount(message[3], 'depth', 2 ** 31)
  const content = readCount(message[4], 'content', 1)
  const { objects } = repository
  await objects.packs.refresh()
  const found = await commitsHere(objects, wants)
  if (found.length < wants.length) throw notHere(objects)
  const boundary: Id[] = []
  const commits = depth > 0 ? nearCommits(objects, found, depth, boundary) : (await newCommits(objects, found, haves, signal)).commits
  const difference = new Difference(objects, { signal, ...(content === 0 && { wantsContent: 'none' }) })
  await sendRecords(objects, frames, withTrees(objects, difference, commits, new Set(boundary), depth > 0))
  for (let at = 0; at < boundary.length; at += idsPerMessageMax) await frames.send(['boundary', packIds(boundary.slice(at, at + idsPerMessageMax))])
  await frames.send(['history-end'])
}

function notHere(objects: PackedObjects): DitsError {
  if (objects.shallow.size === 0) return new DitsError('object-missing', 'a commit that was asked for is not here', { hint: 'run: dits fetch' })
  return new DitsError('content-unavailable', 'only the newest part of the history is here', { hint: 'take that part with --depth, or run there: dits fetch --unshallow' })
}

async function* withTrees(
  objects: PackedObjects,
  difference: Difference,
  commits: AsyncIterable<{ id: Id; commit: Commit }>,
  boundary: ReadonlySet<Id>,
  shallow: boolean,
): AsyncGenerator<ToSend> {
  for await (const { id, commit } of commits) {
    // With a depth, a parent may be one that the client does not get: nothing is left out because of it.
    const parents = shallow || boundary.has(id) ? [] : await parentsHere(objects, commit)
    for await (const { id: found, located } of difference.ofObject('commit', id)) if (located) yield { id: found, located }
    for await (const needed of difference.ofTree(commit.tree, parents)) {
      if (needed.located && needed.kind !== 'chunk') yield { id: needed.id, located: needed.located }
    }
  }
}

/** The commits at most so many steps from `tips`, nearest first; `boundary` gets those with parents that are not followed. */
async function* nearCommits(objects: PackedObjects, tips: readonly Id[], depth: number, boundary: Id[]): AsyncGenerator<{ id: Id; commit: Commit }> {
  const seen = new Set<Id>(tips)
  let level = [...tips]
  for (let step = 1; level.length > 0; step++) {
    const next: Id[] = []
    for (const id of level) {
      const commit = await readCommit(objects, id)
      yield { id, commit }
      // What is a beginning here has parents where the client reads it.
      const isCut = objects.shallow.has(id)
      if (step === depth || isCut) {
        if ((isCut || commit.parents.length > 0) && boundary.push(id) > boundaryMax) throw new DitsError('history-too-wide', `more than ${boundaryMax} commits lie at this depth`, { hint: 'ask for another depth, or for all' })
        continue
      }
      for (const parent of commit.parents) {
        if (seen.has(parent) || !(await objects.has(parent))) continue
        seen.add(parent)
        next.push(parent)
      }
    }
    level = next
  }
}
