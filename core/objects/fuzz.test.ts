import { describe, expect, it } from 'vitest'
import { broken } from '../../fixtures/broken.ts'
import { createRandom } from '../../fixtures/random.ts'
import { hasCode } from '../errors.ts'
import { decodeListNode } from './chunk-list.ts'
import { decodeCommit, encodeCommit, type Person } from './commit.ts'
import { encodeListNode } from './list-node.ts'
import { decodeManifest, encodeManifest, type Segment } from './manifest.ts'
import {
  buildList, buildTree, CountingObjects, forSeeds, frameName, randomChunks, randomEntry, randomId,
} from './objects-fixture.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import { decodeTag, encodeTag } from './tag.ts'
import { decodeTreeNode, encodeTreeInner, encodeTreeLeaf } from './tree-node.ts'

/** Every decoder: samples of what it reads, and how what it made is written again. */
const decoders: { what: string; samples: Uint8Array[]; again: (bytes: Uint8Array) => Uint8Array }[] = [
  { what: 'list node', samples: nodesOf('list'), again: (bytes) => encodeListNode(decodeListNode(bytes)) },
  { what: 'tree node', samples: nodesOf('tree'), again: treeAgain },
  { what: 'manifest', samples: manifests(), again: (bytes) => encodeManifest(decodeManifest(bytes)) },
  { what: 'commit', samples: commits(), again: (bytes) => encodeCommit(decodeCommit(bytes)) },
  { what: 'tag', samples: tags(), again: (bytes) => encodeTag(decodeTag(bytes)) },
  { what: 'record', samples: [...commits(), ...tags()], again: (bytes) => encodeRecord(decodeRecord('record', bytes)) },
]

describe.each(decoders)('the decoder of a $what', ({ samples, again }) => {
  it('writes its samples again as they were', () => {
    for (const sample of samples) expect(Buffer.compare(again(sample), sample)).toBe(0)
  })

  it('answers broken bytes with a value that is written as the same bytes, or with object-damaged', async () => {
    let refused = 0
    await forSeeds(3000, (random) => {
      const bytes = broken(random, random.pick(samples))
      try {
        if (Buffer.compare(again(bytes), bytes) !== 0) throw new Error(`not canonical: ${bytes.toString('hex')}`)
      } catch (error) {
        if (!hasCode(error, 'object-damaged')) throw error
        refused++
      }
    })
    expect(refused).toBeGreaterThan(1000)
  })

  it('refuses every truncation and random bytes', async () => {
    const shortest = samples.reduce((a, b) => (a.length < b.length ? a : b))
    for (let length = 0; length < shortest.length; length++) {
      const cut = shortest.subarray(0, length)
      expect(() => again(cut), `${length} bytes`).toThrow(expect.objectContaining({ code: 'object-damaged' }))
    }
    await forSeeds(200, (random) => {
      try {
        again(random.bytes(random.below(200)))
      } catch (error) {
        if (!hasCode(error, 'object-damaged')) throw error
      }
    })
  })
})

function treeAgain(bytes: Uint8Array): Uint8Array {
  const node = decodeTreeNode(bytes)
  return node.level === 0 ? encodeTreeLeaf(node.entries) : encodeTreeInner(node.level, node.children)
}

/** The nodes of a small and of a larger search tree, at every level. */
function nodesOf(kind: 'list' | 'tree'): Uint8Array[] {
  const random = createRandom(1)
  const objects = new CountingObjects()
  const roots: Uint8Array[] = []
  for (const count of [2, 30, 8000]) {
    if (kind === 'list') roots.push(buildList(objects.emit, randomChunks(random, count)).node)
    else buildTree(objects.emit, Array.from({ length: count }, (_, i) => randomEntry(random, frameName(i))))
  }
  const stored = [...objects.objects.values()].map(({ bytes }) => bytes)
  return [...roots, ...stored.slice(0, 20), ...stored.slice(-5)]
}

function manifests(): Uint8Array[] {
  const random = createRandom(2)
  const parameters = random.bytes(20)
  return [2, 30, 3000].flatMap((count) => {
    const list = buildList(new CountingObjects().emit, randomChunks(random, count))
    const rest = list.size - 100
    const segments: Segment[] = [
      { type: 'plain', size: 100 },
      { type: 'deflate', codec: 1, size: 50, stored: rest, parameters },
    ]
    const manifest = { profile: 'project', hash: randomId(random), root: list.node } as const
    return [
      encodeManifest({ ...manifest, size: list.size, segments: [] }),
      encodeManifest({ ...manifest, size: 150, segments }),
    ]
  })
}

function commits(): Uint8Array[] {
  const random = createRandom(3)
  const person: Person = { name: 'Ada €', email: 'ada@example.org', timeMs: 1_700_000_000_123, zoneMinutes: -480 }
  const committer = { ...person, timeMs: -5 }
  const commit = { tree: randomId(random), author: person, committer, message: 'Grade\n\nmore 🎬' }
  return [
    encodeCommit({ ...commit, parents: [] }),
    encodeCommit({ ...commit, parents: [randomId(random), randomId(random)], signature: random.bytes(96) }),
  ]
}

function tags(): Uint8Array[] {
  const random = createRandom(4)
  const tagger: Person = { name: 'Ada', email: 'ada@example.org', timeMs: 5, zoneMinutes: 0 }
  const tag = { targetKind: 'commit', target: randomId(random), name: 'cut-2', tagger, message: 'ok' } as const
  return [encodeTag(tag), encodeTag({ ...tag, signature: random.bytes(96) })]
}
