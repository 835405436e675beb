import { isAncestor } from '../history/ancestry.ts'
import { walkCommits } from '../history/walk.ts'
import { readCommit } from '../history/paint.ts'
import type { Id } from '../objects/id.ts'
import { referencesOf } from '../objects/references.ts'
import { diffTrees } from '../objects/tree-walk.ts'
import { markReachable, ObjectMarks, type ObjectRef } from '../reachable.ts'
import type { Repo } from '../repo.ts'
import type { Pathspec } from '../staging/pathspec.ts'
import type { Index, IndexEntry } from '../worktree/index-file.ts'
import { matches } from './filter.ts'
import { isPartial } from './partial.ts'

/** Asks a remote which commits its branches are at now; `undefined` where it cannot be asked. */
export type AskTips = (remote: string) => Promise<readonly Id[] | undefined>

/**
 * The commits that remotes were last seen to have: with `ask` only those that
 * the remote's branches still reach, as far as that can be said with what is
 * here. What was taken back there, or lost with a disk, is not counted on.
 */
export async function remoteTips(repo: Repo, remote: string | undefined, ask?: AskTips): Promise<Id[]> {
  const seen = new Map<string, Id[]>()
  for await (const { name, id } of repo.refs.list(`refs/remotes/${remote === undefined ? '' : `${remote}/`}`)) {
    const from = name.split('/')[2]!
    seen.set(from, [...(seen.get(from) ?? []), id])
  }
  const tips: Id[] = []
  for (const [from, ids] of seen) tips.push(...(ask ? await stillReached(repo, ids, (await ask(from)) ?? []) : ids))
  return tips
}

async function stillReached(repo: Repo, ids: readonly Id[], now: readonly Id[]): Promise<Id[]> {
  const known: Id[] = []
  for (const id of now) if ((await repo.objects.locate(id))?.kind === 'commit') known.push(id)
  const reached: Id[] = []
  for (const id of ids) {
    for (const tip of known) {
      if (id !== tip && !(await isAncestor(repo.objects, id, tip))) continue
      reached.push(id)
      break
    }
  }
  return reached
}

/** What remotes have: `has` answers for an object by its id, `marks` has those that are here. */
export interface OnRemote {
  marks: ObjectMarks
  has(id: Id): Promise<boolean>
}

/**
 * What remotes have, as far as that can be said here: everything that their
 * tips reach. `has` answers for what these commits name, whether it is here or
 * not; `marks` has the objects that are here. Of what is not here, only `asked`
 * is remembered.
 */
export async function markOnRemote(repo: Repo, tips: readonly Id[], asked: ReadonlySet<Id>): Promise<OnRemote> {
  await repo.objects.packs.proveLookups()
  const elsewhere = new Set<Id>()
  const marks = await markReachable(repo.objects, tips.map((id): ObjectRef => ({ kind: 'commit', id })), {
    signal: repo.env.signal,
    onObject: (objects) => repo.env.onProgress?.({ task: 'marking', bytes: 0, files: objects }),
    onGhost: isPartial(repo) ? ({ id }) => void (asked.has(id) && elsewhere.add(id)) : undefined,
  })
  const has = async (id: Id) => elsewhere.has(id) || (await repo.objects.packs.locateAll(id)).some(({ pack, rank }) => marks.has(pack, rank))
  return { marks, has }
}

/**
 * Marks the content that has to stay whatever remotes have: of the files of
 * the index that are to stay hydrated, of the symlinks and the files of rules,
 * and of all versions of what `dropped` does not name. Every copy of an object
 * is marked.
 */
export async function markNeeded(repo: Repo, tips: readonly Id[], needs: { index: Index; becomeGhosts: ReadonlySet<number>; dropped: Pathspec }): Promise<ObjectMarks> {
  const marks = new ObjectMarks()
  const { index, becomeGhosts, dropped } = needs
  for (let i = 0; i < index.count; i++) {
    if (index.kindAt(i) !== 'directory' && !index.isGhostAt(i) && !becomeGhosts.has(i)) await markContent(repo, marks, index.entry(i))
  }
  const reader = repo.objects
  const { signal } = repo.env
  for await (const { commit } of walkCommits(reader, tips, signal && { signal })) {
    const [parent] = commit.parents
    // Every version of every path is news in some commit, against its first parent or against nothing.
    for await (const { path, after } of diffTrees(reader, parent && (await readCommit(reader, parent)).tree, commit.tree)) {
      if (!after || after.kind === 'directory') continue
      const stays = after.kind === 'symlink' || !dropped.matches(path) || matches({ kind: 'none' }, path, after.size)
      if (stays) await markContent(repo, marks, after)
    }
  }
  return marks
}

/** Marks what a file is made of, as far as it is here. */
async function markContent(repo: Repo, marks: ObjectMarks, { content, id }: Pick<IndexEntry, 'content' | 'id'>): Promise<void> {
  const open: ObjectRef[] = [{ kind: content, id }]
  for (let object = open.pop(); object; object = open.pop()) {
    repo.env.signal?.throwIfAborted()
    const copies = await repo.objects.packs.locateAll(object.id)
    let isNew = false
    for (const copy of copies) isNew = marks.add(copy) || isNew
    if (isNew && object.kind !== 'chunk') open.push(...referencesOf(object.kind, await repo.objects.read(object.kind, object.id)))
  }
}
