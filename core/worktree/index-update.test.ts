import { describe, expect, it } from 'vitest'
import { rootPath, type BytePath } from '../bytes.ts'
import type { Id, ObjectKind } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import { entryAtPath } from '../objects/tree.ts'
import { walkTree } from '../objects/tree-walk.ts'
import { decodeIndex, type Index, type IndexEntry } from './index-file.ts'
import { indexFromTree, writeIndexTrees } from './index-tree.ts'
import { IndexUpdate } from './index-update.ts'
import { comparePathOrder, isBelow } from './path-order.ts'
import { StatPatch } from './stat-patch.ts'
import { fileEntry, laterMs, seededRandom } from './work-folder.fixture.ts'

const stat = { mtimeMs: 1.5, ctimeMs: 2.5, ino: 3, size: 0, mode: 0o100644 }

class Stage {
  readonly objects = new MemoryObjects()
  written = 0
  readonly emit = (kind: ObjectKind, bytes: Uint8Array): Id => {
    this.written++
    return this.objects.write(kind, bytes)
  }

  update(previous: Index | undefined, changes: readonly (IndexEntry | string)[]): Index {
    const update = new IndexUpdate(previous, this.emit)
    for (const change of changes) {
      if (typeof change === 'string') update.remove(change as BytePath)
      else update.put(change)
    }
    const { bytes, tree } = update.finish({ writtenMs: laterMs })
    const index = decodeIndex(bytes)
    expect(index.tree).toBe(tree.id)
    return index
  }

  async pathsOf(tree: Id): Promise<string[]> {
    const paths: string[] = []
    for await (const { path, entry } of walkTree(this.objects, tree)) paths.push(entry.kind === 'directory' ? `${path}/` : path)
    return paths
  }
}

const pathsOf = (index: Index): string[] => [...index.entries()].map(({ path }) => path)

describe('updating an index', () => {
  it('writes the trees of what is staged', async () => {
    const stage = new Stage()
    const index = stage.update(undefined, ['a', 'd/e/f', 'd/g', 'd-'].map((path) => fileEntry(path)))
    expect(await stage.pathsOf(index.tree as Id)).toEqual(['a', 'd/', 'd/e/', 'd/e/f', 'd/g', 'd-'])
    expect(index.treeOf('d/e' as BytePath)).toBe((await entryAtPath(stage.objects, index.tree as Id, 'd/e' as BytePath))?.id)
  })

  it('writes only the trees of folders that changed', () => {
    const stage = new Stage()
    const first = stage.update(undefined, ['a/b/x', 'a/c/x', 'd/e/x', 'd/f'].map((path) => fileEntry(path)))
    stage.written = 0
    const second = stage.update(first, [fileEntry('a/c/x', 'new')])
    expect(stage.written).toBe(3)
    expect(second.treeOf('d/e' as BytePath)).toBe(first.treeOf('d/e' as BytePath))
    expect(second.treeOf('a/b' as BytePath)).toBe(first.treeOf('a/b' as BytePath))
    expect(second.treeOf('a/c' as BytePath)).not.toBe(first.treeOf('a/c' as BytePath))
  })

  it('takes out entries and whole folders, and what is left empty with them', () => {
    const stage = new Stage()
    const first = stage.update(undefined, ['a/b/x', 'a/b/y', 'a/z', 'c/d/e'].map((path) => fileEntry(path)))
    expect(pathsOf(stage.update(first, ['a/b', 'c/d/e']))).toEqual(['a/z'])
    expect(pathsOf(stage.update(first, ['a/b/x', 'a/bb', 'q']))).toEqual(['a/b/y', 'a/z', 'c/d/e'])
    const none = stage.update(first, ['a', 'c'])
    expect(none.count).toBe(0)
    expect(none.tree).toBe(stage.update(undefined, []).tree)
  })

  it('lets a file take the place of a folder and a folder that of a file', () => {
    const stage = new Stage()
    const first = stage.update(undefined, ['a/x', 'a/y/z', 'b'].map((path) => fileEntry(path)))
    expect(pathsOf(stage.update(first, [fileEntry('a'), fileEntry('b/c')]))).toEqual(['a', 'b/c'])
    expect(pathsOf(stage.update(first, [fileEntry('a'), 'a/x', 'a/y/z', 'b', fileEntry('b/c')]))).toEqual(['a', 'b/c'])
    expect(pathsOf(stage.update(first, ['b/c']))).toEqual(['a/x', 'a/y/z', 'b'])
  })

  it('keeps empty folders, until something is in them', async () => {
    const stage = new Stage()
    const empty: IndexEntry = { ...fileEntry('keep'), kind: 'directory', content: 'tree', size: 0 }
    const first = stage.update(undefined, [fileEntry('a'), empty])
    expect(await stage.pathsOf(first.tree as Id)).toEqual(['a', 'keep/'])
    const second = stage.update(first, [fileEntry('keep/x')])
    expect(await stage.pathsOf(second.tree as Id)).toEqual(['a', 'keep/', 'keep/x'])
  })

  it('gives the same trees as building from nothing, after any changes', async () => {
    const seed = 99
    const random = seededRandom(seed)
    const stage = new Stage()
    const pick = (): string => Array.from({ length: 1 + Math.floor(random() * 3) }, () => 'abc'[Math.floor(random() * 3)]).join('/')
    let index = stage.update(undefined, [])
    let expected = new Map<string, IndexEntry>()
    for (let round = 0; round < 150; round++) {
      const puts = [...new Set([pick(), pick(), pick()])].filter((a, _, all) => !all.some((b) => isBelow(a, b) || isBelow(b, a)))
      for (const path of puts) {
        expected = new Map([...expected].filter(([other]) => !isBelow(other, path) && !isBelow(path, other)))
        expected.set(path, fileEntry(path, `${round}`))
      }
      const dropped = pick()
      const drops = puts.some((path) => path === dropped || isBelow(path, dropped) || isBelow(dropped, path)) ? [] : [dropped]
      for (const path of drops) expected = new Map([...expected].filter(([other]) => other !== path && !isBelow(other, path)))
      const changes = [...puts.map((path) => expected.get(path) as IndexEntry), ...drops]
      const pathOf = (change: IndexEntry | string): string => (typeof change === 'string' ? change : change.path)
      changes.sort((a, b) => comparePathOrder(pathOf(a), pathOf(b)))
      index = stage.update(index, changes)
      const anew = [...expected.values()].sort((a, b) => comparePathOrder(a.path, b.path))
      expect([...index.entries()], `seed ${seed}, round ${round}`).toEqual(anew)
      expect(index.tree, `seed ${seed}, round ${round}`).toBe(stage.update(undefined, anew).tree)
      expect(writeIndexTrees(index, undefined, stage.emit).id).toBe(index.tree)
      expect(pathsOf(decodeIndex(await indexFromTree(stage.objects, index.tree as Id, index)))).toEqual(pathsOf(index))
    }
  })
})

describe('an index from a tree', () => {
  it('has the entries and the folders of the tree', async () => {
    const stage = new Stage()
    const empty: IndexEntry = { ...fileEntry('e/empty'), kind: 'directory', content: 'tree', size: 0 }
    const staged = stage.update(undefined, [fileEntry('a'), empty, fileEntry('f/g')])
    const index = decodeIndex(await indexFromTree(stage.objects, staged.tree as Id))
    expect([...index.entries()]).toEqual([...staged.entries()])
    expect(index.tree).toBe(staged.tree)
    expect(index.treeOf('e' as BytePath)).toBe(staged.treeOf('e' as BytePath))
  })

  it('keeps the stat data of what is the same before', async () => {
    const stage = new Stage()
    const withStat = (path: string, content: string): IndexEntry => ({
      ...fileEntry(path, content),
      stat: { ...stat, size: content.length },
    })
    const before = stage.update(undefined, [withStat('a/x', '1'), withStat('b/x', '1'), withStat('b/y', '1')])
    const other = stage.update(before, [fileEntry('b/x', '22'), fileEntry('c', '3')])
    const index = decodeIndex(await indexFromTree(stage.objects, other.tree as Id, before))
    expect([...index.entries()].map(({ path, stat }) => [path, stat !== undefined])).toEqual([
      ['a/x', true],
      ['b/x', false],
      ['b/y', true],
      ['c', false],
    ])
  })

  it('does not read folders that are the same before', async () => {
    const stage = new Stage()
    const before = stage.update(undefined, [fileEntry('a/x'), fileEntry('b/x')])
    const other = stage.update(before, [fileEntry('b/x', 'new')])
    stage.objects.objects.delete(before.treeOf('a' as BytePath) as Id)
    const index = decodeIndex(await indexFromTree(stage.objects, other.tree as Id, before))
    expect(pathsOf(index)).toEqual(['a/x', 'b/x'])
  })

  it('is empty for an empty tree', async () => {
    const stage = new Stage()
    const { tree } = stage.update(undefined, [])
    const index = decodeIndex(await indexFromTree(stage.objects, tree as Id))
    expect([index.count, index.tree]).toEqual([0, tree])
    expect(decodeIndex(await indexFromTree(stage.objects, tree as Id, index)).tree).toBe(tree)
  })
})

describe('writing the trees of entries', () => {
  it('reuses what a previous index knows of the same entries', () => {
    const stage = new Stage()
    const entries = ['a/x', 'a/y', 'b/x'].map((path) => fileEntry(path))
    const previous = stage.update(undefined, entries)
    stage.written = 0
    expect(writeIndexTrees(entries, previous, stage.emit)).toMatchObject({ id: previous.tree, count: 2 })
    expect(stage.written).toBe(1)
    const changed = [fileEntry('a/x', 'new'), ...entries.slice(1)]
    expect(writeIndexTrees(changed, previous, stage.emit).id).toBe(stage.update(undefined, changed).tree)
  })
})

describe('renewing stat data', () => {
  it('changes nothing else, and forgets what was racily clean', () => {
    const stage = new Stage()
    const racy = { ...stat, mtimeMs: laterMs - 1 + 0.5, size: 1 }
    const index = stage.update(undefined, [
      { ...fileEntry('a', '1'), stat: racy },
      fileEntry('b', '1'),
      { ...fileEntry('c', '1'), stat: { ...stat, size: 1 } },
    ])
    const patch = new StatPatch(index)
    patch.set(1, { ...stat, size: 1, ino: 77 })
    const renewed = decodeIndex(patch.finish({ writtenMs: laterMs * 2 }))
    expect([...renewed.entries()].map((entry) => entry.stat?.ino)).toEqual([undefined, 77, 3])
    expect(renewed.tree).toBe(index.tree)
    expect(renewed.treeOf(rootPath)).toBe(index.tree)
  })
})
