import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { pathFromText, type BytePath } from '../core/bytes.ts'
import { switchTo } from '../core/changing/switch.ts'
import { checkRepository } from '../core/check/check.ts'
import { ContentReader } from '../core/checkout/content-reader.ts'
import { hashObject, idFromBytes, type Id, type ObjectKind } from '../core/objects/id.ts'
import { encodeCommit } from '../core/objects/commit.ts'
import { encodeManifest } from '../core/objects/manifest.ts'
import { ChunkListBuilder } from '../core/objects/chunk-list.ts'
import { TreeBuilder } from '../core/objects/tree.ts'
import { PackWriter } from '../core/pack/pack-writer.ts'
import { openWriter } from '../core/repo.ts'
import { TestRepo } from '../core/repo.fixture.ts'

/**
 * Objects whose ids are right and whose content lies: what somebody could send
 * or plant. Nothing is written outside the working tree, and the answer is a
 * clear error with a stable code.
 */

const person = { name: 'Eve', email: 'eve@example.org', timeMs: 0, zoneMinutes: 0 }

/** A tree of one file with any name, also one that TreeBuilder refuses: made under an innocent name of the same length. */
function treeNamed(name: Buffer, chunk: Id): Buffer {
  const innocent = 'x'.repeat(name.length)
  let bytes = Buffer.alloc(0)
  const builder = new TreeBuilder((kind, node) => {
    bytes = Buffer.from(node)
    return idFromBytes(hashObject(kind, node))
  })
  builder.add({ name: pathFromText(innocent), kind: 'file', content: 'chunk', size: 4, id: chunk, hash: chunk })
  builder.finish()
  name.copy(bytes, bytes.indexOf(innocent))
  return bytes
}

/** Commits a root tree that was put together by hand. */
async function commitTree(test: TestRepo, objects: [ObjectKind, Uint8Array][], tree: Id): Promise<Id> {
  const writer = await openWriter(test.repo)
  for (const [kind, bytes] of objects) writer.write(kind, bytes)
  const id = writer.write('commit', encodeCommit({ tree, parents: [], author: person, committer: person, message: 'hostile' }))
  await writer.flush()
  await test.repo.objects.packs.refresh()
  return id
}

const evil = Buffer.from('evil')
const evilId = idFromBytes(hashObject('chunk', evil))

it.each(['..', '.', '../../escaped', 'a/b', '/etc', '.dits', '.DITS', 'a\0b'])('refuses a tree entry named %j, and writes nothing', async (name) => {
  const test = await TestRepo.create()
  await test.commit({ 'good.txt': 'good' })
  const tree = treeNamed(Buffer.from(name), evilId)
  const commit = await commitTree(test, [['chunk', evil], ['tree', tree]], idFromBytes(hashObject('tree', tree)))
  await expect(switchTo(test.repo, { id: commit, head: { id: commit } }, { force: true })).rejects.toMatchObject({ code: 'object-damaged' })
  expect(readdirSync(test.root).sort()).toEqual(['.dits', 'good.txt'])
  for (const place of ['../escaped', '../../escaped', 'escaped']) expect(existsSync(join(test.root, place))).toBe(false)
})

it('refuses a manifest whose size is not that of its chunks', async () => {
  const test = await TestRepo.create()
  await test.commit({ 'good.txt': 'good' })
  const writer = await openWriter(test.repo)
  const list = new ChunkListBuilder((kind, bytes) => writer.write(kind, bytes))
  for (let i = 0; i < 2; i++) list.add(hashObject('chunk', evil), 4)
  const manifest = Buffer.from(encodeManifest({ profile: 'small', size: 8, hash: evilId, segments: [], root: list.finish().node }))
  manifest.writeUInt32LE(manifest.readUInt32LE(8) === 8 ? 800 : 8, 8)
  expect(() => encodeManifest({ profile: 'small', size: 800, hash: evilId, segments: [], root: list.finish().node })).toThrow()
  writer.write('chunk', evil)
  const id = writer.write('manifest', manifest)
  await writer.flush()
  const reader = new ContentReader(test.repo.objects)
  const read = async () => {
    for await (const piece of reader.stream({ content: 'manifest', id, size: 800 })) expect(piece.length).toBeGreaterThan(0)
  }
  await expect(read()).rejects.toMatchObject({ code: 'object-damaged' })
})

it('does not unpack a chunk beyond what its record says', async () => {
  const test = await TestRepo.create()
  await test.commit({ 'good.txt': 'good' })
  const bomb = zstdCompressSync(Buffer.alloc(200 * 1024 * 1024))
  const id = hashObject('chunk', Buffer.alloc(65_536))
  const writer = new PackWriter(test.repo.store, { nextName: () => 'bomb' })
  writer.append({ kind: 'chunk', codec: 1, raw: 65_536, id, payload: bomb })
  await writer.finish()
  const before = process.memoryUsage().rss
  await expect(test.repo.objects.read('chunk', idFromBytes(id))).rejects.toMatchObject({ code: 'object-damaged' })
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  const { problems } = await checkRepository(test.repo, { full: true })
  expect(problems).toEqual([expect.objectContaining({ code: 'object-damaged', object: { kind: 'chunk', id: idFromBytes(id) } })])
})

it('stops at folders nested too deep', async () => {
  const test = await TestRepo.create()
  await test.commit({ 'good.txt': 'good' })
  const writer = await openWriter(test.repo)
  const put = (kind: ObjectKind, bytes: Uint8Array) => writer.write(kind, bytes)
  writer.write('chunk', evil)
  let entry = { name: 'f' as BytePath, kind: 'file' as 'file' | 'directory', content: 'chunk' as 'chunk' | 'tree', size: 4, id: evilId, hash: evilId }
  for (let depth = 0; depth < 700; depth++) {
    const tree = new TreeBuilder(put)
    tree.add(entry)
    const { id } = tree.finish()
    entry = { name: 'd' as BytePath, kind: 'directory', content: 'tree', size: 4, id, hash: id }
  }
  await writer.flush()
  const commit = await commitTree(test, [], entry.id)
  await expect(switchTo(test.repo, { id: commit, head: { id: commit } }, { force: true })).rejects.toMatchObject({ code: 'tree-too-deep' })
  expect(readdirSync(test.root).sort()).toEqual(['.dits', 'good.txt'])
})
