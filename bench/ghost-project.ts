import { randomBytes } from 'node:crypto'
import { beginWriting, createRefs, DiskStore, encodeCommit, idFromBytes, PackedObjects, PackedWriter, pathFromText, TreeBuilder, type Emit } from '#core'

/** Files in one folder. */
const folderFiles = 100

/**
 * Fills a new repository on a server's disk with one version of so many files of
 * so many bytes in all, and none of their content: enough for a clone that
 * leaves it behind, without a terabyte of disk.
 */
export async function makeGhostProject(folder: string, size: { files: number; bytes: number }): Promise<void> {
  const store = await DiskStore.open(folder)
  const { packs } = await PackedObjects.open(store)
  const writer = new PackedWriter(store, packs, await beginWriting(packs, { name: 'ghosts', objects: size.files }))
  const emit: Emit = (kind, bytes) => writer.write(kind, bytes)
  const root = new TreeBuilder(emit)
  for (let i = 0; i < size.files / folderFiles; i++) {
    const name = pathFromText(`reel-${String(i).padStart(5, '0')}`)
    const below = new TreeBuilder(emit)
    for (let j = 0; j < folderFiles; j++) {
      below.add({
        name: pathFromText(`shot-${String(i).padStart(5, '0')}-${String(j).padStart(4, '0')}.mov`),
        kind: 'file',
        content: 'manifest',
        id: idFromBytes(randomBytes(32)),
        hash: idFromBytes(randomBytes(32)),
        size: size.bytes / size.files,
      })
    }
    const { id, size: bytes } = below.finish()
    root.add({ name, kind: 'directory', content: 'tree', id, hash: id, size: bytes })
    await writer.ready()
  }
  const somebody = { name: 'bench', email: 'bench@example.org', timeMs: 1_700_000_000_000, zoneMinutes: 0 }
  const commit = emit('commit', encodeCommit({ tree: root.finish().id, parents: [], author: somebody, committer: somebody, message: 'a terabyte' }))
  await writer.flush()
  await createRefs(store).move('refs/heads/main', undefined, commit)
  await store.close()
}
