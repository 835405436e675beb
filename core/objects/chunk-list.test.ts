import { describe, expect, it } from 'vitest'
import { createRandom, type Random } from '../../fixtures/random.ts'
import { nodeRowsMax } from '../limits.ts'
import { windowRows } from './chunk-list-diff.ts'
import {
  ChunkListBuilder, decodeListNode, diffChunkLists, readChunks, type ChunkChange, type ChunkRef,
} from './chunk-list.ts'
import { idToBytes, type Id } from './id.ts'
import { encodeListNode, listRowId } from './list-node.ts'
import {
  buildList, collect, collectFlat, CountingObjects, forSeeds, nodesBySpecification, randomChunks, type TestChunk,
} from './objects-fixture.ts'
import { isBoundary } from './split.ts'

describe('a chunk list', () => {
  it('gives back what was put in, with offsets', async () => {
    await forSeeds(20, async (random) => {
      const objects = new CountingObjects()
      const chunks = randomChunks(random, random.below(3000))
      const root = buildList(objects.emit, chunks)
      const expected = withOffsets(chunks)
      expect(await collectFlat(readChunks(objects, root.node))).toEqual(expected)
      expect(root).toMatchObject({ chunks: chunks.length, size: chunks.reduce((sum, { length }) => sum + length, 0) })
    })
  })

  it('is cut into the nodes that the format describes', async () => {
    for (const count of [0, 1, 15, 16, 17, 255, 256, 257, 1000, 20_000]) {
      const objects = new CountingObjects()
      const chunks = randomChunks(createRandom(count), count)
      const root = buildList(objects.emit, chunks)
      const expected = nodesBySpecification(chunks.map(({ id }) => idToBytes(id)).map(firstWord), isBoundary)
      expect(await rowsByLevel(objects, root.node), `${count} chunks`).toEqual(expected)
      expect(root.level).toBe(expected.length - 1)
    }
  })

  it('does not store its root', () => {
    const objects = new CountingObjects()
    buildList(objects.emit, randomChunks(createRandom(1), 10))
    expect(objects.objects.size).toBe(0)
  })

  it('stores the nodes of repeated content once', async () => {
    const objects = new CountingObjects()
    const chunk = randomChunks(createRandom(1), 1)[0]!
    const root = buildList(objects.emit, Array.from({ length: 256 * 256 }, () => chunk))
    expect(objects.objects.size).toBeLessThan(5)
    expect(await collectFlat(readChunks(objects, root.node))).toHaveLength(256 * 256)
  })

  it('copies the ids that it is given', async () => {
    const objects = new CountingObjects()
    const builder = new ChunkListBuilder(objects.emit)
    const id = Buffer.alloc(32)
    for (let i = 0; i < 3; i++) builder.add(id.fill(i), 1)
    const chunks = await collectFlat(readChunks(objects, builder.finish().node))
    expect(chunks.map((chunk) => chunk.id.slice(0, 2))).toEqual(['00', '01', '02'])
  })

  it.each([0, -1, 0.5, Number.NaN, (1 << 20) + 1])('refuses a chunk of %d bytes', (length) => {
    expect(() => new ChunkListBuilder(() => '' as Id).add(Buffer.alloc(32), length)).toThrow(RangeError)
  })

  it.each(['inserted', 'removed'])('writes a few nodes where one of 50,000 chunks is %s', async (edit) => {
    const objects = new CountingObjects()
    const chunks = randomChunks(createRandom(7), 50_000)
    const root = buildList(objects.emit, chunks)
    await forSeeds(5, async (random) => {
      const at = random.below(chunks.length)
      const extra = randomChunks(random, 1)[0]!
      const edited = edit === 'inserted' ? chunks.toSpliced(at, 0, extra) : chunks.toSpliced(at, 1)
      expect(await objects.added(() => buildList(objects.emit, edited))).toBeLessThanOrEqual((root.level + 1) * 3)
    })
  })

  it('holds no more than one open node a level while it is built', () => {
    let written = 0
    const objects = new CountingObjects()
    const builder = new ChunkListBuilder((kind, bytes) => {
      const node = decodeListNode(bytes)
      if (node.level === 0) written += node.rows
      return objects.write(kind, bytes)
    })
    randomChunks(createRandom(1), 5000).forEach(({ id, length }, i) => {
      builder.add(idToBytes(id), length)
      expect(i + 1 - written).toBeLessThanOrEqual(nodeRowsMax)
    })
  })
})

describe('readChunks with a range', () => {
  const objects = new CountingObjects()
  const chunks = randomChunks(createRandom(3), 20_000)
  const root = buildList(objects.emit, chunks)
  const all = withOffsets(chunks)

  it('gives exactly the chunks that overlap it', async () => {
    await forSeeds(50, async (random) => {
      const from = random.below(root.size)
      const to = from + random.below(1 << random.below(25))
      const expected = from < to ? all.filter(({ offset, length }) => offset < to && offset + length > from) : []
      expect(await collectFlat(readChunks(objects, root.node, { from, to }))).toEqual(expected)
    })
  })

  it('starts and ends at chunk borders where the range does', async () => {
    const { offset, length } = all[5000]!
    const range = { from: offset, to: offset + length }
    expect(await collectFlat(readChunks(objects, root.node, range))).toEqual([all[5000]])
    const none = { from: root.size, to: root.size + 10 }
    expect(await collectFlat(readChunks(objects, root.node, none))).toEqual([])
  })

  it('reads one node a level for one byte', async () => {
    const { offset } = all[12_345]!
    const range = { from: offset, to: offset + 1 }
    expect(await objects.readBy(() => collectFlat(readChunks(objects, root.node, range)))).toBe(root.level)
  })
})

describe('diffChunkLists', () => {
  it('agrees with a comparison of everything where chunks are edited here and there', async () => {
    await forSeeds(60, async (random) => {
      const objects = new CountingObjects()
      const before = randomChunks(random, random.below(3000))
      const after = edit(random, before)
      const changes = await collect(diffChunkLists(objects, ...roots(objects, before, after)))
      expect(changes.filter(({ side }) => side === 'a').map(({ chunk }) => chunk)).toEqual(onlyIn(before, after))
      expect(changes.filter(({ side }) => side === 'b').map(({ chunk }) => chunk)).toEqual(onlyIn(after, before))
    })
  })

  it('leaves one and the same sequence, also where chunks repeat and move', async () => {
    await forSeeds(60, async (random) => {
      const objects = new CountingObjects()
      const stock = randomChunks(random, 1 + random.below(40))
      const part = () => Array.from({ length: random.below(800) }, () => random.pick(stock))
      const [x, y, z] = [part(), part(), part()]
      const before = [...x, ...y, ...z]
      const after = edit(random, [...y, ...x, ...part()])
      const changes = await collect(diffChunkLists(objects, ...roots(objects, before, after)))
      expect(without(before, changes, 'a')).toEqual(without(after, changes, 'b'))
    })
  })

  it('reads a few nodes where little of a long list differs', async () => {
    const objects = new CountingObjects()
    const chunks = randomChunks(createRandom(9), 100_000)
    await forSeeds(5, async (random) => {
      const extra = randomChunks(random, 3)
      const edited = chunks.toSpliced(random.below(chunks.length), 0, ...extra)
      const [a, b] = roots(objects, chunks, edited)
      let changes: ChunkChange[] = []
      const reads = await objects.readBy(async () => (changes = await collect(diffChunkLists(objects, a, b))))
      expect(changes.map(({ side, chunk }) => `${side} ${chunk.id}`)).toEqual(extra.map(({ id }) => `b ${id}`))
      expect(reads).toBeLessThan(20)
    })
  })

  it('finds the rest again behind an insertion that is longer than the window', async () => {
    const objects = new CountingObjects()
    const random = createRandom(11)
    const chunks = randomChunks(random, 30_000)
    const extra = randomChunks(random, windowRows * 3)
    const [a, b] = roots(objects, chunks, chunks.toSpliced(10_000, 0, ...extra))
    const changes = await collect(diffChunkLists(objects, a, b))
    expect(changes.map(({ side, chunk }) => `${side} ${chunk.id}`)).toEqual(extra.map(({ id }) => `b ${id}`))
  })

  it('reports everything of lists that have nothing in common, of any heights', async () => {
    const objects = new CountingObjects()
    const random = createRandom(13)
    const long = randomChunks(random, 20_000)
    for (const count of [0, 1, 500, 12_000]) {
      const other = randomChunks(random, count)
      const [a, b] = roots(objects, long, other)
      const changes = await collect(diffChunkLists(objects, a, b))
      expect(chunksOf(changes, 'a')).toEqual(withOffsets(long))
      expect(chunksOf(changes, 'b')).toEqual(withOffsets(other))
    }
  })

  it('reads nothing where both lists are the same', async () => {
    const objects = new CountingObjects()
    const chunks = randomChunks(createRandom(1), 5000)
    const [a, b] = roots(objects, chunks, chunks)
    expect(await objects.readBy(async () => expect(await collect(diffChunkLists(objects, a, b))).toEqual([]))).toBe(0)
  })
})

describe('a damaged list', () => {
  const id = Buffer.alloc(32, 7)
  const good = buildList(() => '' as Id, randomChunks(createRandom(1), 3)).node
  const bytesOf = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(good)
    change(bytes)
    return bytes
  }
  const inner = (level: number, ...rows: { id: Uint8Array; size: number; hash: number }[]) =>
    encodeListNode({
      level,
      rows: rows.length,
      ids: Buffer.concat(rows.map((row) => row.id)),
      sizes: Float64Array.from(rows, ({ size }) => size),
      hashes: Uint32Array.from(rows, ({ hash }) => hash),
    })

  it.each<[string, Uint8Array]>([
    ['an unknown format', bytesOf((bytes) => (bytes[0] = 0))],
    ['a level above the limit', bytesOf((bytes) => (bytes[1] = 12))],
    ['more rows than its length', bytesOf((bytes) => (bytes[2] = 4))],
    ['more rows than a node may have', Buffer.concat([Buffer.from([1, 0, 1, 1]), Buffer.alloc(257 * 36, 1)])],
    ['bytes behind its end', Buffer.concat([good, Buffer.alloc(1)])],
    ['a chunk of no bytes', bytesOf((bytes) => bytes.writeUInt32LE(0, 4 + 3 * 32))],
    ['a chunk larger than a chunk may be', bytesOf((bytes) => bytes.writeUInt32LE((1 << 20) + 1, 4 + 3 * 32))],
    ['no rows above level 0', inner(1)],
    ['an empty node below', inner(1, { id, size: 0, hash: 0 })],
    ['a total above 2^53-1', inner(1, { id, size: 2 ** 53 - 1, hash: 0 }, { id, size: 1, hash: 0 })],
    ['no bytes', Buffer.alloc(0)],
  ])('is refused: %s', (_, bytes) => {
    expect(() => decodeListNode(bytes)).toThrow(expect.objectContaining({ code: 'object-damaged' }))
  })

  const objects = new CountingObjects()
  const leaf = objects.write('list', good)
  const { size, hashes } = decodeListNode(good)
  const row = { id: idToBytes(leaf), size, hash: hashes[2]! }

  it('is read where the parent tells the truth', async () => {
    expect(await collectFlat(readChunks(objects, inner(1, row, row)))).toHaveLength(6)
  })

  it.each<[string, Uint8Array]>([
    ['a root with one row above level 0', inner(1, row)],
    ['a lie about the size', inner(1, row, { ...row, size: size + 1 })],
    ['a lie about the hash', inner(1, row, { ...row, hash: row.hash ^ 1 })],
    ['a child of another level', inner(2, row, row)],
    ['an empty leaf', inner(1, row, { id: idToBytes(objects.write('list', inner(0))), size: 1, hash: 0 })],
  ])('is refused on descent: %s', async (_, root) => {
    await expect(collectFlat(readChunks(objects, root))).rejects.toMatchObject({ code: 'object-damaged' })
    await expect(collect(diffChunkLists(objects, root, good))).rejects.toMatchObject({ code: 'object-damaged' })
  })
})

function firstWord(id: Uint8Array): number {
  return Buffer.from(id).readUInt32LE(0)
}

function withOffsets(chunks: readonly TestChunk[]): ChunkRef[] {
  let offset = 0
  return chunks.map(({ id, length }) => ({ id, offset: (offset += length) - length, length }))
}

function roots(objects: CountingObjects, a: readonly TestChunk[], b: readonly TestChunk[]): [Uint8Array, Uint8Array] {
  return [buildList(objects.emit, a).node, buildList(objects.emit, b).node]
}

/** A few insertions, removals and replacements of runs. */
function edit(random: Random, chunks: readonly TestChunk[]): TestChunk[] {
  const edited = [...chunks]
  for (let i = random.below(6); i > 0; i--) {
    const removed = random.below(2) * random.below(60)
    edited.splice(random.below(edited.length + 1), removed, ...randomChunks(random, random.below(60)))
  }
  return edited
}

function onlyIn(chunks: readonly TestChunk[], others: readonly TestChunk[]): ChunkRef[] {
  const known = new Set(others.map(({ id }) => id))
  return withOffsets(chunks).filter(({ id }) => !known.has(id))
}

function chunksOf(changes: readonly ChunkChange[], side: 'a' | 'b'): ChunkRef[] {
  return changes.filter((change) => change.side === side).map(({ chunk }) => chunk)
}

/** The ids that remain where the changes of one side are taken out; a change that names no chunk of the list throws. */
function without(chunks: readonly TestChunk[], changes: readonly ChunkChange[], side: 'a' | 'b'): Id[] {
  const dropped = new Map(chunksOf(changes, side).map((chunk) => [chunk.offset, chunk]))
  const rest = withOffsets(chunks).filter(({ id, offset }) => dropped.get(offset)?.id !== id)
  if (rest.length !== chunks.length - dropped.size) throw new Error(`side ${side} has changes that are not in its list`)
  return rest.map(({ id }) => id)
}

/** How many rows each node has, level by level from the leaves. */
async function rowsByLevel(objects: CountingObjects, root: Uint8Array): Promise<number[][]> {
  const levels: number[][] = []
  const visit = async (bytes: Uint8Array): Promise<void> => {
    const node = decodeListNode(bytes)
    ;(levels[node.level] ??= []).push(node.rows)
    if (node.level === 0) return
    for (let i = 0; i < node.rows; i++) await visit(await objects.read('list', listRowId(node, i)))
  }
  await visit(root)
  return levels
}
