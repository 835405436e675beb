import { decodeTag, walkCommits, type Id, type PackedObjects } from '#core'
import { fetchObjects, type FetchTarget } from './fetch.ts'
import { violation } from './frames.ts'
import { tagDepthMax } from './limits.ts'
import { locateHere } from './new-commits.ts'
import type { RemoteSession } from './remote-session.ts'

/**
 * Of some tags of a remote, those that lead to a commit which `tips` reach
 * here. What the tags name comes, as far as it is not here, because an id does
 * not say where it leads: tags, and commits without what they come from, which
 * nothing refers to and `gc` takes again.
 */
export async function reachedTags(session: RemoteSession, target: FetchTarget, tags: readonly Id[], tips: readonly Id[]): Promise<Set<Id>> {
  const commits = new Map<Id, Id>()
  let open = new Map(tags.map((id) => [id, id]))
  for (let depth = 0; open.size > 0; depth++) {
    if (depth > tagDepthMax) throw violation('tags that name tags without end')
    await bring(session, target, [...new Set(open.values())])
    const next = new Map<Id, Id>()
    for (const [tag, id] of open) {
      const kind = (await locateHere(target.objects, id))?.kind
      if (kind === 'tag') next.set(tag, decodeTag(await target.objects.read('tag', id)).target)
      else if (kind === 'commit') commits.set(tag, id)
    }
    open = next
  }
  const reached = await reachedBy(target.objects, tips, new Set(commits.values()))
  return new Set([...commits].filter(([, commit]) => reached.has(commit)).map(([tag]) => tag))
}

async function bring(session: RemoteSession, target: FetchTarget, ids: readonly Id[]): Promise<void> {
  const absent: Id[] = []
  for (const id of ids) if (!(await locateHere(target.objects, id))) absent.push(id)
  if (absent.length === 0) return
  await fetchObjects(session, target, absent)
  await target.objects.packs.refresh()
}

/** Those of `wanted` that `tips` reach: the walk ends where all were met. */
async function reachedBy(objects: PackedObjects, tips: readonly Id[], wanted: ReadonlySet<Id>): Promise<Set<Id>> {
  const reached = new Set<Id>()
  if (wanted.size === 0) return reached
  for await (const { id } of walkCommits(objects, tips)) {
    if (wanted.has(id)) reached.add(id)
    if (reached.size === wanted.size) break
  }
  return reached
}
