import { expect, it } from 'vitest'
import { createRefs, MemoryStore, PackedObjects, beginWriting, PackedWriter, TreeBuilder, encodeCommit, walkTree, pathFromText, type Id } from '#core'

it('the door suffices to write a commit and to read it again, without a working tree', async () => {
  const store = new MemoryStore()
  const objects = await PackedObjects.open(store)
  const writer = new PackedWriter(store, objects.packs, await beginWriting(objects.packs, { name: 'door', objects: 4 }))
  const chunk = writer.write('chunk', Buffer.from('one take'))
  const tree = new TreeBuilder((kind, bytes) => writer.write(kind, bytes))
  tree.add({ name: pathFromText('take.wav'), kind: 'file', content: 'chunk', size: 8, id: chunk, hash: chunk })
  const person = { name: 'Ada', email: 'ada@example.org', timeMs: 0, zoneMinutes: 0 }
  const root = tree.finish().id
  const id = writer.write('commit', encodeCommit({ tree: root, parents: [], author: person, committer: person, message: 'first' }))
  await writer.flush()
  await createRefs(store).move('refs/heads/main', undefined, id)

  const again = await PackedObjects.open(store)
  expect(await createRefs(store).read('refs/heads/main')).toBe(id)
  const paths: [string, Id][] = []
  for await (const { path, entry } of walkTree(again, root)) paths.push([path, entry.id])
  expect(paths).toEqual([['take.wav', chunk]])
  expect(Buffer.from(await again.read('chunk', chunk)).toString()).toBe('one take')
})
