import { DitsError } from '../errors.ts'
import { decodeCommit, type Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import { listStashRefs } from '../refs/stash-refs.ts'
import type { Repo } from '../repo.ts'

/** One entry of the stash. */
export interface StashEntry {
  /** Its ref, and where it stands: 0 is the newest, `stash@{0}`. */
  ref: string
  position: number
  id: Id
  commit: Commit
  /** The commit that HEAD stood on, and the trees of what was put aside. */
  base: Id
  staged: Id
  worktree: Id
  /** A tree of untracked files alone; `undefined` where none were put aside. */
  untracked: Id | undefined
}

/** All entries, newest first. Throws `stash-damaged`. */
export async function listStash(repo: Repo): Promise<StashEntry[]> {
  const entries: StashEntry[] = []
  for (const [position, { name, id }] of (await listStashRefs(repo.refs)).entries()) entries.push(await readStashEntry(repo, { ref: name, position, id }))
  return entries
}

/**
 * The entry that a person means: `stash@{2}`, `2`, or the newest where nothing
 * is said. Throws `no-such-stash` and `stash-damaged`.
 */
export async function findStashEntry(repo: Repo, text: string | undefined): Promise<StashEntry> {
  const digits = text === undefined || text === 'stash' ? '0' : /^(?:stash@\{)?(\d{1,9})\}?$/.exec(text)?.[1]
  const position = Number(digits)
  const refs = await listStashRefs(repo.refs)
  const found = refs[position]
  if (found) return readStashEntry(repo, { ref: found.name, position, id: found.id })
  if (refs.length === 0) throw new DitsError('no-such-stash', 'the stash is empty', { hint: 'put changes aside with: dits stash' })
  throw new DitsError('no-such-stash', `'${text}' is not an entry of the stash`, { hint: 'see: dits stash list' })
}

/** The entry that is this commit. Throws `stash-damaged`. */
export async function readStashEntry(repo: Repo, { ref, position, id }: Pick<StashEntry, 'ref' | 'position' | 'id'>): Promise<StashEntry> {
  const commit = await readCommit(repo, id)
  const [base, staged, untracked] = commit.parents
  if (!base || !staged) {
    throw new DitsError('stash-damaged', `'${ref}' is no entry of the stash: it has ${commit.parents.length} parents`, {
      hint: `look at its files with: dits show ${id.slice(0, 10)}`,
    })
  }
  return {
    ref,
    position,
    id,
    commit,
    base,
    staged: (await readCommit(repo, staged)).tree,
    worktree: commit.tree,
    untracked: untracked && (await readCommit(repo, untracked)).tree,
  }
}

async function readCommit(repo: Repo, id: Id): Promise<Commit> {
  return decodeCommit(await repo.objects.read('commit', id))
}
