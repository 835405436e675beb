import { chunksOf } from './comparing/compare-trees.ts'
import { DitsError } from './errors.ts'
import type { Id, ObjectKind } from './objects/id.ts'
import { decodeManifest, type ProfileName } from './objects/manifest.ts'
import type { TreeEntry } from './objects/tree-entry.ts'
import type { BytePath } from './bytes.ts'
import { IdTable } from './history/id-table.ts'
import type { PackedObjects } from './pack/packed-objects.ts'

/** How a file is kept in the store. */
export interface FileFacts {
  /** How it was cut; `undefined` where it is a single chunk. */
  profile: ProfileName | undefined
  chunks: number
  /** The same, with repeated ones counted once. */
  distinctChunks: number
  /** Bytes that its distinct chunks take in the store; other files may share them. */
  storedBytes: number
  /** Chunks that are not in this store. */
  missingChunks: number
}

/** Looks up every chunk of a file. Throws `object-missing` and `object-damaged` for its structure. */
export async function readFileFacts(objects: PackedObjects, entry: TreeEntry): Promise<FileFacts> {
  const profile = entry.content === 'manifest' ? decodeManifest(await objects.read('manifest', entry.id)).profile : undefined
  const facts: FileFacts = { profile, chunks: 0, distinctChunks: 0, storedBytes: 0, missingChunks: 0 }
  const seen = new IdTable()
  for await (const chunks of chunksOf(objects, entry)) {
    for (const { id } of chunks) {
      facts.chunks++
      if (seen.add(id) < seen.size - 1) continue
      const located = await objects.locate(id)
      if (located) facts.storedBytes += located.stored
      else facts.missingChunks++
    }
  }
  facts.distinctChunks = seen.size
  return facts
}

/** A tree entry for content that is known by its id alone. Throws `object-missing`, and `wrong-kind` for what is no file's content. */
export async function entryOfObject(objects: PackedObjects, { id, kind }: { id: Id; kind: ObjectKind }): Promise<TreeEntry> {
  const name = id.slice(0, 10) as BytePath
  if (kind === 'manifest') {
    const { size, hash } = decodeManifest(await objects.read('manifest', id))
    return { name, kind: 'file', content: 'manifest', size, id, hash }
  }
  if (kind !== 'chunk') throw new DitsError('wrong-kind', `'${id}' is a ${kind}, not the content of a file`)
  const located = await objects.locate(id)
  if (!located) throw new DitsError('object-missing', `chunk '${id}' is missing`, { hint: 'run: dits fsck' })
  return { name, kind: 'file', content: 'chunk', size: located.raw, id, hash: id }
}
