import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { nodeRowsMax } from '../limits.ts'
import type { Id } from './id.ts'
import {
  buildTree, collectFlat, CountingObjects, fileEntry, folderEntry, forSeeds, frameEntries, frameName, name,
  nodesBySpecification, randomEntry,
} from './objects-fixture.ts'
import { fnv1a, isBoundary } from './split.ts'
import { decodeTreeNode, encodeTreeInner, encodeTreeLeaf, type TreeChild } from './tree-node.ts'
import { checkName, entryAtPath, findEntry, readTree, TreeBuilder } from './tree.ts'

const someId = 'ab'.repeat(32) as Id

describe('a tree', () => {
  it('gives back what was put in, whatever the kinds of entries', async () => {
    await forSeeds(20, async (random) => {
      const objects = new CountingObjects()
      const names = new Set(Array.from({ length: random.below(2000) }, () => random.bytes(6).toString('hex')))
      const entries = [...names].sort().map((text) => randomEntry(random, text))
      const root = buildTree(objects.emit, entries)
      expect(await collectFlat(readTree(objects, root.id))).toEqual(entries)
      expect(root).toMatchObject({ count: entries.length, size: entries.reduce((sum, { size }) => sum + size, 0) })
    })
  })

  it('keeps names that are not UTF-8 and the longest names', async () => {
    const objects = new CountingObjects()
    const names = ['\x01', 'A'.repeat(1024), '\x80\xff', '\xff'.repeat(1024)]
    const root = buildTree(objects.emit, names.map((text) => fileEntry(text, someId)))
    expect((await collectFlat(readTree(objects, root.id))).map((entry) => entry.name)).toEqual(names)
  })

  it('is a single leaf without rows where the directory is empty', async () => {
    const objects = new CountingObjects()
    const root = buildTree(objects.emit, [])
    expect(Buffer.from(objects.objects.get(root.id)!.bytes).toString('hex')).toBe('01000000')
    expect(await collectFlat(readTree(objects, root.id))).toEqual([])
  })

  it('is cut into the nodes that the format describes', async () => {
    const counts = [0, 1, 15, 16, 17, 255, 256, 257, 1000, 20_000]
    for (const count of counts) {
      const objects = new CountingObjects()
      const entries = frameEntries(count)
      const root = buildTree(objects.emit, entries)
      const expected = nodesBySpecification(entries.map((entry) => fnv1a(entry.name)), isBoundary)
      expect(await rowsByLevel(objects, root.id), `${count} entries`).toEqual(expected)
    }
  })

  it('ends at the single node of a level even where that node ends at a boundary', async () => {
    const later = Array.from({ length: 500 }, (_, i) => frameName(1000 + i))
    const boundary = later.find((text) => isBoundary(fnv1a(text), 0))!
    const objects = new CountingObjects()
    const root = buildTree(objects.emit, [...frameEntries(15), fileEntry(boundary, someId)])
    expect(decodeTreeNode(await objects.read('tree', root.id))).toMatchObject({ level: 0, count: 16 })
  })

  it('has the same id however the same entries came about', async () => {
    await forSeeds(5, (random) => {
      const objects = new CountingObjects()
      const entries = frameEntries(3000)
      const built = buildTree(objects.emit, entries)
      const extra = random.below(3000)
      const grown = [...entries.slice(0, extra), fileEntry(`${frameName(extra - 1)}~`, someId), ...entries.slice(extra)]
      buildTree(objects.emit, grown)
      expect(buildTree(objects.emit, grown.filter((entry) => !entry.name.endsWith('~')))).toEqual(built)
    })
  })

  it.each(['inserted', 'removed', 'changed'])('writes a few nodes where one of 50,000 entries is %s', async (edit) => {
    const objects = new CountingObjects()
    const entries = frameEntries(50_000)
    const root = buildTree(objects.emit, entries)
    const levels = (await rowsByLevel(objects, root.id)).length
    await forSeeds(5, async (random) => {
      const at = random.below(entries.length)
      const edited = {
        inserted: entries.toSpliced(at + 1, 0, fileEntry(`${entries[at]!.name}~`, someId)),
        removed: entries.toSpliced(at, 1),
        changed: entries.with(at, fileEntry(entries[at]!.name, someId)),
      }[edit]!
      const added = await objects.added(() => buildTree(objects.emit, edited))
      // A change rewrites a path; a boundary that comes or goes touches one more node at its level, rarely two.
      expect(added).toBeGreaterThanOrEqual(levels)
      expect(added).toBeLessThanOrEqual(edit === 'changed' ? levels : levels * 3)
    })
  })

  it('holds no more than one open node a level while it is built', () => {
    let written = 0
    const builder = new TreeBuilder((kind, bytes) => {
      written += decodeTreeNode(bytes).entries.length
      return objects.write(kind, bytes)
    })
    const objects = new CountingObjects()
    frameEntries(5000).forEach((entry, i) => {
      builder.add(entry)
      expect(i + 1 - written).toBeLessThanOrEqual(nodeRowsMax)
    })
  })

  it('refuses entries that are out of order or doubled', () => {
    const builder = new TreeBuilder(new CountingObjects().emit)
    builder.add(fileEntry('b', someId))
    expect(() => builder.add(fileEntry('b', someId))).toThrow(expect.objectContaining({ code: 'bad-order' }))
    expect(() => builder.add(fileEntry('a', someId))).toThrow(expect.objectContaining({ code: 'bad-order' }))
  })

  it.each([
    { content: 'tree' as const },
    { hash: 'cd'.repeat(32) as Id },
    { size: (1 << 20) + 1 },
    { size: -1 },
    { size: 0.5 },
    { kind: 'symlink' as const, mtimeNs: 1n },
    { id: 'ab' as Id, hash: 'ab' as Id },
  ])('refuses an entry that contradicts itself: %o', (change) => {
    expect(() => buildTree(new CountingObjects().emit, [{ ...fileEntry('a', someId), ...change }])).toThrow(RangeError)
  })
})

describe('checkName', () => {
  const bad = ['', '.', '..', '.dits', '.DITS', '.Dits', 'a/b', 'a\0', 'x'.repeat(1025), '\u0100']
  it.each(bad)('refuses %j', (text) => {
    expect(() => checkName(name(text))).toThrow(expect.objectContaining({ code: 'bad-name' }))
  })

  it.each(['a', '...', '.ditsignore', 'dits', '\n', 'x'.repeat(1024), '\xff'])('takes %j', (text) => {
    expect(() => checkName(name(text))).not.toThrow()
  })
})

describe('findEntry', () => {
  it('finds what is there, and nothing else, reading one node a level', async () => {
    const objects = new CountingObjects()
    const entries = frameEntries(20_000)
    const root = buildTree(objects.emit, entries)
    const levels = (await rowsByLevel(objects, root.id)).length
    await forSeeds(50, async (random) => {
      const entry = random.pick(entries)
      const reads = await objects.readBy(async () => {
        expect(await findEntry(objects, root.id, entry.name)).toEqual(entry)
      })
      expect(reads).toBe(levels)
      expect(await findEntry(objects, root.id, `${entry.name}~` as BytePath)).toBeUndefined()
    })
    expect(await findEntry(objects, root.id, name('a'))).toBeUndefined()
    expect(await findEntry(objects, root.id, name('z'))).toBeUndefined()
  })
})

describe('entryAtPath', () => {
  const objects = new CountingObjects()
  const file = fileEntry('f', someId)
  const inner = folderEntry('inner', buildTree(objects.emit, [file]))
  const outer = folderEntry('outer', buildTree(objects.emit, [file, inner]))
  const root = buildTree(objects.emit, [outer])

  it.each([
    { path: '', found: folderEntry('', root) },
    { path: 'outer', found: outer },
    { path: 'outer/inner', found: inner },
    { path: 'outer/inner/f', found: file },
    { path: 'outer/f/f', found: undefined },
    { path: 'outer/none', found: undefined },
    { path: 'outer/', found: undefined },
    { path: '/outer', found: undefined },
    { path: 'outer/../outer', found: undefined },
  ])('answers for $path', async ({ path, found }) => {
    expect(await entryAtPath(objects, root.id, name(path))).toEqual(found)
  })

  it('refuses a path that is deeper than any tree', async () => {
    const path = name(Array.from({ length: 513 }, () => 'd').join('/'))
    await expect(entryAtPath(objects, root.id, path)).rejects.toMatchObject({ code: 'tree-too-deep' })
  })
})

describe('a damaged tree', () => {
  const good = [fileEntry('a', someId), fileEntry('b', someId)]
  const bytesOf = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(encodeTreeLeaf(good))
    change(bytes)
    return bytes
  }

  it.each<[string, Uint8Array]>([
    ['an unknown format', bytesOf((bytes) => (bytes[0] = 2))],
    ['a level above the limit', Buffer.concat([bytesOf((bytes) => (bytes[1] = 12))])],
    ['more rows than its length', bytesOf((bytes) => bytes.writeUInt16LE(3, 2))],
    ['fewer rows than its length', bytesOf((bytes) => bytes.writeUInt16LE(1, 2))],
    ['bytes behind its end', Buffer.concat([encodeTreeLeaf(good), Buffer.alloc(1)])],
    ['an unknown flag', bytesOf((bytes) => (bytes[4] = 16))],
    ['a symlink with an mtime', bytesOf((bytes) => (bytes[4] = 2 | 8))],
    ['a directory with a manifest', bytesOf((bytes) => (bytes[4] = 3 | 4))],
    ['a size above 2^53-1', bytesOf((bytes) => (bytes[4 + 2 + 7] = 1))],
    ['a chunk larger than a chunk may be', bytesOf((bytes) => bytes.writeUInt32LE((1 << 20) + 1, 6))],
    ['names out of order', encodeTreeLeaf(good.toReversed())],
    ['a doubled name', encodeTreeLeaf([good[0]!, good[0]!])],
    ['an empty name', encodeTreeLeaf([fileEntry('', someId)])],
    ['a name with a slash', encodeTreeLeaf([fileEntry('a/b', someId)])],
    ['a name with a zero byte', encodeTreeLeaf([fileEntry('a\0', someId)])],
    ['the name ..', encodeTreeLeaf([fileEntry('..', someId)])],
    ['the name .dits', encodeTreeLeaf([fileEntry('.DiTs', someId)])],
    ['a name that is too long', encodeTreeLeaf([fileEntry('x'.repeat(1025), someId)])],
    ['more rows than a node may have', encodeTreeLeaf(frameEntries(257))],
    ['no rows above level 0', encodeTreeInner(1, [])],
    ['an empty node below', encodeTreeInner(1, [{ name: name('a'), size: 0, count: 0, id: someId }])],
    ['counts above 2^32-1', encodeTreeInner(1, [
      { name: name('a'), size: 0, count: 2 ** 32 - 1, id: someId },
      { name: name('b'), size: 0, count: 1, id: someId },
    ])],
    ['no bytes', Buffer.alloc(0)],
  ])('is refused: %s', (_, bytes) => {
    expect(() => decodeTreeNode(bytes)).toThrow(expect.objectContaining({ code: 'object-damaged' }))
  })

  const objects = new CountingObjects()
  const leaf = (...names: string[]): TreeChild => {
    const id = objects.write('tree', encodeTreeLeaf(names.map((text) => fileEntry(text, someId, 10))))
    return { name: name(names.at(-1)!), size: names.length * 10, count: names.length, id }
  }
  const inner = (level: number, ...rows: TreeChild[]): Id => objects.write('tree', encodeTreeInner(level, rows))
  const first = leaf('a', 'b')
  const second = leaf('c', 'd')

  it('is read where the parent tells the truth', async () => {
    const entries = await collectFlat(readTree(objects, inner(1, first, second)))
    expect(entries.map((entry) => entry.name)).toEqual(['a', 'b', 'c', 'd'])
  })

  it.each<[string, Id]>([
    ['a root with one row above level 0', inner(1, first)],
    ['a lie about the size', inner(1, { ...first, size: 19 }, second)],
    ['a lie about the count', inner(1, first, { ...second, count: 3 })],
    ['a lie about the last name', inner(1, first, { ...second, name: name('e') })],
    ['a child of another level', inner(2, first, second)],
    ['names that overlap the node before', inner(1, first, leaf('b', 'd'))],
    ['the same node twice', inner(1, first, { ...first, name: name('c') })],
    [
      'names that overlap the node before, a level down',
      inner(
        2,
        { name: name('b'), size: 20, count: 2, id: inner(1, first) },
        { name: name('d'), size: 20, count: 2, id: inner(1, leaf('a', 'd')) },
      ),
    ],
  ])('is refused on descent: %s', async (_, id) => {
    await expect(collectFlat(readTree(objects, id))).rejects.toMatchObject({ code: 'object-damaged' })
  })
})

/** How many rows each node has, level by level from the leaves. */
async function rowsByLevel(objects: CountingObjects, root: Id): Promise<number[][]> {
  const levels: number[][] = []
  const visit = async (id: Id): Promise<void> => {
    const node = decodeTreeNode(await objects.read('tree', id))
    ;(levels[node.level] ??= []).push(node.entries.length + node.children.length)
    for (const child of node.children) await visit(child.id)
  }
  await visit(root)
  return levels
}
