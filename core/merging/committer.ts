import { decodeCommit, type Person } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { currentPerson, type Repo } from '../repo.ts'

/** Who commits now. Never earlier than a parent, because walks of history go by time. */
export async function committerAfter(repo: Repo, reader: ObjectReader, parents: readonly Id[]): Promise<Person> {
  const person = currentPerson(repo)
  for (const parent of parents) {
    const { committer } = decodeCommit(await reader.read('commit', parent))
    person.timeMs = Math.max(person.timeMs, committer.timeMs)
  }
  return person
}
