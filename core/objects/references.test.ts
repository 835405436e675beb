import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { encodeCommit, type Person } from './commit.ts'
import type { Id, ObjectKind } from './id.ts'
import { encodeManifest } from './manifest.ts'
import {
  buildList, buildTree, CountingObjects, fileEntry, folderEntry, frameEntries, randomChunks,
} from './objects-fixture.ts'
import { referencesOf } from './references.ts'
import { encodeTag } from './tag.ts'

const person: Person = { name: 'a', email: 'b', timeMs: 0, zoneMinutes: 0 }
const ids = ['a', 'b', 'c'].map((digit) => digit.repeat(64) as Id) as [Id, Id, Id]

describe('referencesOf', () => {
  it('reaches everything below a commit and nothing else', async () => {
    const objects = new CountingObjects()
    const chunks = randomChunks(createRandom(1), 5000)
    const list = buildList(objects.emit, chunks)
    const manifest = objects.write('manifest', encodeManifest({
      profile: 'general', size: list.size, hash: ids[0], segments: [], root: list.node,
    }))
    const frames = buildTree(objects.emit, frameEntries(1000))
    const root = buildTree(objects.emit, [
      folderEntry('frames', frames),
      { ...fileEntry('movie', manifest, list.size), content: 'manifest', hash: ids[0] },
    ])
    const commit = objects.write('commit', encodeCommit({
      tree: root.id, parents: [], author: person, committer: person, message: '',
    }))
    const reached = new Map<Id, ObjectKind>()
    const visit = async (kind: ObjectKind, id: Id): Promise<void> => {
      if (reached.has(id)) return
      reached.set(id, kind)
      if (kind === 'chunk') return
      for (const below of referencesOf(kind, await objects.read(kind, id))) await visit(below.kind, below.id)
    }
    await visit('commit', commit)
    const stored = [...objects.objects.keys()]
    const named = [...chunks, ...frameEntries(1000)].map(({ id }) => id)
    expect(new Set(reached.keys())).toEqual(new Set([...stored, ...named]))
  })

  it('names the tree and the parents of a commit, the target of a tag, and nothing for a chunk', () => {
    const commit = encodeCommit({
      tree: ids[0], parents: [ids[1], ids[2]], author: person, committer: person, message: '',
    })
    expect([...referencesOf('commit', commit)]).toEqual([
      { kind: 'tree', id: ids[0] },
      { kind: 'commit', id: ids[1] },
      { kind: 'commit', id: ids[2] },
    ])
    const tag = encodeTag({ targetKind: 'manifest', target: ids[0], name: 'n', tagger: person, message: '' })
    expect([...referencesOf('tag', tag)]).toEqual([{ kind: 'manifest', id: ids[0] }])
    expect([...referencesOf('chunk', Buffer.from('anything'))]).toEqual([])
  })

  it.each(['list', 'manifest', 'tree', 'commit', 'tag'] as const)('refuses a damaged %s', (kind) => {
    const refused = expect.objectContaining({ code: 'object-damaged' })
    expect(() => referencesOf(kind, Buffer.from('nonsense'))).toThrow(refused)
  })
})
