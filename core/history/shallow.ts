import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'

/** Where the commits are listed whose parents were left behind (FORMAT.md, "Shallow"). */
export const shallowKey = 'shallow'

/** The commits of a shallow repository whose parents were left behind; none in any other. Throws `shallow-damaged`. */
export async function readShallow(store: ByteStore): Promise<ReadonlySet<Id>> {
  return (await readList(store)).ids
}

/**
 * Adds commits whose parents are left behind, and takes out those whose
 * parents have come, by compare-and-set. Who adds does so before anything
 * refers to the commits; who takes out does so when the parents are in place.
 * Open repositories see it at their next command. Throws `shallow-damaged`.
 */
export async function changeShallow(store: ByteStore, change: { add?: Iterable<Id>; remove?: Iterable<Id> }): Promise<ReadonlySet<Id>> {
  for (;;) {
    const { ids, version } = await readList(store)
    const changed = new Set(ids)
    for (const id of change.remove ?? []) changed.delete(id)
    for (const id of change.add ?? []) changed.add(id)
    const text = [...changed].sort().map((id) => `${id}\n`).join('')
    if (await store.put(shallowKey, Buffer.from(text), { if: version === undefined ? 'absent' : { version } })) return changed
  }
}

async function readList(store: ByteStore): Promise<{ ids: Set<Id>; version: string | undefined }> {
  const stored = await store.get(shallowKey)
  if (!stored) return { ids: new Set(), version: undefined }
  const text = Buffer.from(stored.bytes).toString('latin1')
  if (!/^([0-9a-f]{64}\n)*$/.test(text)) throw damaged()
  const lines = text.split('\n').slice(0, -1)
  if (lines.some((line, i) => i > 0 && line <= lines[i - 1]!)) throw damaged()
  return { ids: new Set(lines as Id[]), version: stored.version }
}

function damaged(): DitsError {
  return new DitsError('shallow-damaged', "the list of commits without their parents, 'shallow', is damaged", {
    hint: 'fetch the whole history with: dits fetch --unshallow',
  })
}
