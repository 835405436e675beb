import { describe, expect, it } from 'vitest'
import type { Random } from '../../fixtures/random.ts'
import { joinPath, rootPath, type BytePath } from '../bytes.ts'
import { treeDepthMax } from '../limits.ts'
import type { Id } from './id.ts'
import {
  buildTree, collect, CountingObjects, fileEntry, folderEntry, forSeeds, frameEntries, name, randomId,
} from './objects-fixture.ts'
import { sameEntry, type TreeEntry } from './tree-entry.ts'
import { diffTrees, walkTree, type TreeChange } from './tree-walk.ts'
import { readTree } from './tree.ts'

const someId = 'ab'.repeat(32) as Id
const otherId = 'cd'.repeat(32) as Id

/** A directory as nested maps, for building and for the slow comparison. */
interface Folder {
  [name: string]: Folder | Id
}

describe('walkTree', () => {
  it('gives each directory before its content, in order of name within one directory', async () => {
    const objects = new CountingObjects()
    const root = store(objects, { a: { x: someId, y: {} }, 'a.b': someId, b: someId })
    const paths = (await collect(walkTree(objects, root.id))).map(({ path, entry }) => `${path} ${entry.kind}`)
    expect(paths).toEqual(['a directory', 'a/x file', 'a/y directory', 'a.b file', 'b file'])
  })

  it('puts the prefix before every path', async () => {
    const objects = new CountingObjects()
    const root = store(objects, { a: { b: someId } })
    const paths = (await collect(walkTree(objects, root.id, name('over/here')))).map(({ path }) => path)
    expect(paths).toEqual(['over/here/a', 'over/here/a/b'])
  })

  it('walks as deep as a tree may be, and refuses to go deeper', async () => {
    const objects = new CountingObjects()
    let folder = buildTree(objects.emit, [fileEntry('f', someId)])
    for (let depth = 1; depth < treeDepthMax; depth++) folder = buildTree(objects.emit, [folderEntry('d', folder)])
    expect(await collect(walkTree(objects, folder.id))).toHaveLength(treeDepthMax)
    folder = buildTree(objects.emit, [folderEntry('d', folder)])
    await expect(collect(walkTree(objects, folder.id))).rejects.toMatchObject({ code: 'tree-too-deep' })
  })

  it('refuses a directory whose entry lies about its size', async () => {
    const objects = new CountingObjects()
    const folder = buildTree(objects.emit, [fileEntry('f', someId, 10)])
    const root = buildTree(objects.emit, [folderEntry('d', { ...folder, size: 11 })])
    await expect(collect(walkTree(objects, root.id))).rejects.toMatchObject({ code: 'object-damaged' })
  })
})

describe('diffTrees', () => {
  it('agrees with a comparison of everything on random trees', async () => {
    await forSeeds(60, async (random) => {
      const objects = new CountingObjects()
      const before = randomFolder(random, 3)
      const after = editFolder(random, before, 3)
      const a = store(objects, before).id
      const b = store(objects, after).id
      const expected = await compareAll(objects, a, b)
      expect((await collect(diffTrees(objects, a, b))).map(plain).sort(byPath)).toEqual(expected)
      const walked = (await collect(walkTree(objects, b))).map(({ path }) => path)
      const kept = (await collect(diffTrees(objects, a, b))).filter((change) => change.after)
      const seen = new Set(kept.map(({ path }) => path))
      expect([...seen], 'in the order of the walk').toEqual(walked.filter((path) => seen.has(path)))
    })
  })

  it('reads a few nodes where little of a large directory differs', async () => {
    const objects = new CountingObjects()
    const entries = frameEntries(50_000)
    const a = buildTree(objects.emit, entries)
    await forSeeds(10, async (random) => {
      const at = random.below(entries.length)
      const extra = fileEntry(`${entries[at]!.name}~`, someId)
      const b = buildTree(objects.emit, entries.toSpliced(at + 1, 0, extra))
      let changes: TreeChange[] = []
      const reads = await objects.readBy(async () => (changes = await collect(diffTrees(objects, a.id, b.id))))
      expect(changes).toEqual([{ path: extra.name, after: extra }])
      expect(reads).toBeLessThan(20)
    })
  })

  it('does not read directories that both sides share', async () => {
    const objects = new CountingObjects()
    const a = store(objects, { shared: { deep: { x: someId } }, f: someId })
    const b = store(objects, { shared: { deep: { x: someId } }, f: otherId })
    const reads = await objects.readBy(async () => {
      expect((await collect(diffTrees(objects, a.id, b.id))).map(({ path }) => path)).toEqual(['f'])
    })
    expect(reads).toBe(2)
  })

  it('reads nothing where both trees are the same', async () => {
    const objects = new CountingObjects()
    expect(await collect(diffTrees(objects, someId, someId))).toEqual([])
    expect(await collect(diffTrees(objects, undefined, undefined))).toEqual([])
  })

  it('reports a file that became a directory, and what is in it', async () => {
    const objects = new CountingObjects()
    const a = store(objects, { n: someId })
    const b = store(objects, { n: { x: someId } })
    const describeChange = ({ path, before, after }: TreeChange) => `${path} ${before?.kind} ${after?.kind}`
    expect((await collect(diffTrees(objects, a.id, b.id))).map(describeChange)).toEqual([
      'n file directory',
      'n/x undefined file',
    ])
    expect((await collect(diffTrees(objects, b.id, a.id))).map(describeChange)).toEqual([
      'n directory file',
      'n/x file undefined',
    ])
  })

  it('sees a change of kind or of time alone', async () => {
    const objects = new CountingObjects()
    const entry = fileEntry('f', someId)
    const plainTree = buildTree(objects.emit, [entry])
    for (const change of [{ kind: 'executable' as const }, { mtimeNs: 1n }]) {
      const changed = buildTree(objects.emit, [{ ...entry, ...change }])
      expect(await collect(diffTrees(objects, plainTree.id, changed.id))).toHaveLength(1)
    }
  })

  it('compares directories of unequal height', async () => {
    const objects = new CountingObjects()
    const entries = frameEntries(30_000)
    const small = buildTree(objects.emit, entries.slice(0, 10))
    const large = buildTree(objects.emit, entries)
    expect(await collect(diffTrees(objects, small.id, large.id))).toHaveLength(entries.length - 10)
    expect(await collect(diffTrees(objects, large.id, small.id))).toHaveLength(entries.length - 10)
  })
})

function store(objects: CountingObjects, folder: Folder): { id: Id; size: number } {
  const entries = Object.keys(folder).sort().map((text): TreeEntry => {
    const value = folder[text]!
    return typeof value === 'string' ? fileEntry(text, value) : folderEntry(text, store(objects, value))
  })
  return buildTree(objects.emit, entries)
}

function randomFolder(random: Random, depth: number): Folder {
  const folder: Folder = {}
  const count = random.below(random.below(4) === 0 ? 400 : 6)
  for (let i = 0; i < count; i++) {
    const goesDeeper = depth > 0 && random.below(count > 10 ? 100 : 3) === 0
    folder[`n${random.below(1000)}`] = goesDeeper ? randomFolder(random, depth - 1) : randomId(random)
  }
  return folder
}

function editFolder(random: Random, folder: Folder, depth: number): Folder {
  const edited: Folder = {}
  for (const [text, value] of Object.entries(folder)) {
    const edit = random.below(30)
    if (edit === 0) continue
    if (edit === 1) edited[text] = randomId(random)
    else if (edit === 2) edited[text] = randomFolder(random, 1)
    else edited[text] = typeof value === 'string' || edit > 20 ? value : editFolder(random, value, depth - 1)
  }
  for (let i = random.below(3); i > 0; i--) edited[`n${random.below(1000)}`] = randomId(random)
  return edited
}

/** The changes by reading both trees whole. */
async function compareAll(objects: CountingObjects, a: Id, b: Id): Promise<TreeChange[]> {
  const [left, right] = await Promise.all([wholeTree(objects, a), wholeTree(objects, b)])
  const changes: TreeChange[] = []
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    const before = left.get(path)
    const after = right.get(path)
    const bothFolders = before?.kind === 'directory' && after?.kind === 'directory'
    if (bothFolders || sameEntry(before, after)) continue
    changes.push({ path, ...(before && { before }), ...(after && { after }) })
  }
  return changes.sort(byPath)
}

async function wholeTree(objects: CountingObjects, id: Id, prefix = rootPath): Promise<Map<BytePath, TreeEntry>> {
  const all = new Map<BytePath, TreeEntry>()
  for await (const entries of readTree(objects, id)) {
    for (const entry of entries) {
      const path = joinPath(prefix, entry.name)
      all.set(path, entry)
      if (entry.kind !== 'directory') continue
      for (const [key, value] of await wholeTree(objects, entry.id, path)) all.set(key, value)
    }
  }
  return all
}

function plain({ path, before, after }: TreeChange): TreeChange {
  return { path, ...(before && { before }), ...(after && { after }) }
}

function byPath(a: TreeChange, b: TreeChange): number {
  return a.path < b.path ? -1 : 1
}
