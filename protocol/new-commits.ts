import { encodeCommit, readCommit, walkCommits, type Commit, type Id, type ObjectReader, type PackedObjects, type WalkedCommit } from '#core'

/** Commits that are new, and those of them, or of what they come from, that are not here. */
export interface NewCommits {
  commits: AsyncIterable<WalkedCommit>
  /** Filled while `commits` is read: what the walk came to and did not find. */
  missing: Set<Id>
}

/**
 * The commits that `tips` reach and `known` do not, newest first; what is not
 * here is passed over and collected. `known` that are not here are left out.
 */
export async function newCommits(objects: PackedObjects, tips: readonly Id[], known: readonly Id[], signal?: AbortSignal): Promise<NewCommits> {
  const missing = new Set<Id>()
  const here = await commitsHere(objects, known)
  const reader = new LenientReader(objects, missing)
  return { commits: withoutMissing(walkCommits(reader, tips, { exclude: here, ...(signal && { signal }) }), missing), missing }
}

/** Of some ids, those of commits that are here. */
export async function commitsHere(objects: PackedObjects, ids: readonly Id[]): Promise<Id[]> {
  const here: Id[] = []
  for (const id of ids) if ((await objects.locate(id))?.kind === 'commit') here.push(id)
  return here
}

/** The parents of a commit that are here. */
export async function parentsHere(objects: PackedObjects, commit: Commit): Promise<Commit[]> {
  const parents: Commit[] = []
  for (const id of await commitsHere(objects, commit.parents)) parents.push(await readCommit(objects, id))
  return parents
}

async function* withoutMissing(commits: AsyncIterable<WalkedCommit>, missing: ReadonlySet<Id>): AsyncGenerator<WalkedCommit> {
  for await (const walked of commits) if (!missing.has(walked.id)) yield walked
}

/** Reads a commit that is not here as an old one without parents, so that a walk goes on beside it. */
class LenientReader implements ObjectReader {
  readonly #objects: PackedObjects
  readonly #missing: Set<Id>

  constructor(objects: PackedObjects, missing: Set<Id>) {
    this.#objects = objects
    this.#missing = missing
  }

  async read(kind: 'commit', id: Id): Promise<Uint8Array> {
    if (kind !== 'commit' || (await this.#objects.locate(id))) return this.#objects.read(kind, id)
    this.#missing.add(id)
    return absentCommit
  }

  has(id: Id): Promise<boolean> {
    return this.#objects.has(id)
  }
}

const nobody = { name: '', email: '', timeMs: 0, zoneMinutes: 0 }
const absentCommit = encodeCommit({ tree: '0'.repeat(64) as Id, parents: [], author: nobody, committer: nobody, message: '' })
