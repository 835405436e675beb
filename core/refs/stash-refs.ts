import type { Id } from '../objects/id.ts'

/** An entry of the stash: a commit that a ref of its own keeps (FORMAT.md, "Stash"). */
export interface StashRef {
  name: string
  id: Id
}

const folder = 'refs/stash/'
const numberPattern = /^[1-9]\d{0,15}$/

/** The entries of the stash, newest first: `stash@{0}`, `stash@{1}` and so on. */
export async function listStashRefs(refs: { list(prefix: string): AsyncIterable<{ name: string; id: Id }> }): Promise<StashRef[]> {
  const found: StashRef[] = []
  for await (const ref of refs.list(folder)) if (numberPattern.test(ref.name.slice(folder.length))) found.push(ref)
  return found.sort((a, b) => numberOf(b) - numberOf(a))
}

/** The name of the next entry, given those that there are. */
export function nextStashName(entries: readonly StashRef[]): string {
  return folder + (entries.reduce((largest, entry) => Math.max(largest, numberOf(entry)), 0) + 1)
}

function numberOf({ name }: StashRef): number {
  return Number(name.slice(folder.length))
}
