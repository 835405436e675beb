import { encodeCommit, idFromBytes, readCommit, walkCommits, type Commit, type Id, type Located, type ObjectReader, type PackedObjects, type WalkedCommit } from '#core'

/** Commits that are new, and those of them, or of what they come from, that are not here. */
export interface NewCommits {
  commits: AsyncIterable<WalkedCommit>
  missing: ReadonlySet<Id>
}

/**
 * The commits that `tips` reach and `known` do not, each after its parents;
 * what is not here is passed over and collected. `known` that are not here are
 * left out. Memory: 32 bytes a commit, and what the walk takes.
 */
export async function newCommits(objects: PackedObjects, tips: readonly Id[], known: readonly Id[], signal?: AbortSignal): Promise<NewCommits> {
  const missing = new Set<Id>()
  const exclude = await commitsHere(objects, known)
  const newestFirst = new IdList()
  for await (const { id } of walkCommits(new LenientReader(objects, missing), tips, { exclude, order: 'topo', ...(signal && { signal }) })) {
    if (!missing.has(id)) newestFirst.push(id)
  }
  return { commits: readBackwards(objects, newestFirst, signal), missing }
}

async function* readBackwards(objects: PackedObjects, ids: IdList, signal?: AbortSignal): AsyncGenerator<WalkedCommit> {
  for (let i = ids.length - 1; i >= 0; i--) {
    signal?.throwIfAborted()
    const id = ids.at(i)
    yield { id, commit: await readCommit(objects, id) }
  }
}

/** Ids as bytes, because histories are long. */
class IdList {
  length = 0
  #bytes = Buffer.allocUnsafe(64 * idBytes)

  push(id: Id): void {
    if ((this.length + 1) * idBytes > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], this.#bytes.length * 2)
    this.#bytes.write(id, this.length++ * idBytes, 'hex')
  }

  at(i: number): Id {
    return idFromBytes(this.#bytes.subarray(i * idBytes, (i + 1) * idBytes))
  }
}

const idBytes = 32

/**
 * Where an object is, in the packs that there were when the store was last
 * looked at. `PackedObjects.locate` looks at the store again for everything
 * that is not here, and peers ask for much that is not.
 */
export function locateHere(objects: PackedObjects, id: Id): Promise<Located | undefined> {
  return objects.packs.followingMoves(() => objects.packs.locate(id))
}

/** Of some ids, those of commits that are here. */
export async function commitsHere(objects: PackedObjects, ids: readonly Id[]): Promise<Id[]> {
  const here: Id[] = []
  for (const id of ids) if ((await locateHere(objects, id))?.kind === 'commit') here.push(id)
  return here
}

/** The parents of a commit that are here. */
export async function parentsHere(objects: PackedObjects, commit: Commit): Promise<Commit[]> {
  const parents: Commit[] = []
  for (const id of await commitsHere(objects, commit.parents)) parents.push(await readCommit(objects, id))
  return parents
}

/** Reads a commit that is not here as an old one without parents, so that a walk goes on beside it. */
class LenientReader implements ObjectReader {
  readonly #objects: PackedObjects
  readonly #missing: Set<Id>

  constructor(objects: PackedObjects, missing: Set<Id>) {
    this.#objects = objects
    this.#missing = missing
  }

  get shallow(): ReadonlySet<Id> {
    return this.#objects.shallow
  }

  async read(kind: 'commit', id: Id): Promise<Uint8Array> {
    if (kind !== 'commit' || (await locateHere(this.#objects, id))) return this.#objects.read(kind, id)
    this.#missing.add(id)
    return absentCommit
  }

  has(id: Id): Promise<boolean> {
    return this.#objects.has(id)
  }
}

const nobody = { name: '', email: '', timeMs: 0, zoneMinutes: 0 }
const absentCommit = encodeCommit({ tree: '0'.repeat(64) as Id, parents: [], author: nobody, committer: nobody, message: '' })
