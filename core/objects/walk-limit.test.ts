import { describe, expect, it } from 'vitest'
import { rootPath } from '../bytes.ts'
import { CountingObjects, fileEntry, folderEntry, name, randomId } from './objects-fixture.ts'
import { createRandom } from '../../fixtures/random.ts'
import { TreeBuilder } from './tree.ts'
import { diffTrees, walkTree } from './tree-walk.ts'

describe('walking a tree', () => {
  it('ends with tree-too-large where directories name each other again and again', async () => {
    const objects = new CountingObjects()
    const bomb = directoryBomb(objects, 60)
    await expect(count(walkTree(objects, bomb))).rejects.toMatchObject({ code: 'tree-too-large' })
    await expect(count(diffTrees(objects, bomb, undefined))).rejects.toMatchObject({ code: 'tree-too-large' })
  })

  it('goes through many equal folders in a folder that is large itself', async () => {
    const objects = new CountingObjects()
    const leaf = build(objects, (tree) => Array.from({ length: 20 }, (_, i) => tree.add(fileEntry(`file-${String(i).padStart(2, '0')}`, randomId(createRandom(i))))))
    const shots = build(objects, (tree) => {
      for (let i = 0; i < 8000; i++) tree.add(folderEntry(`shot-${String(i).padStart(5, '0')}`, leaf))
    })
    expect(await count(walkTree(objects, shots.id, rootPath))).toBe(8000 * 21)
  })
})

/** Each directory holds the next one twice. */
function directoryBomb(objects: CountingObjects, levels: number) {
  let below = build(objects, (tree) => tree.add(fileEntry('x', randomId(createRandom(1)), 0)))
  for (let i = 0; i < levels; i++) {
    const inner = below
    below = build(objects, (tree) => {
      tree.add(folderEntry(name('a'), inner))
      tree.add(folderEntry(name('b'), inner))
    })
  }
  return below.id
}

function build(objects: CountingObjects, fill: (tree: TreeBuilder) => unknown) {
  const tree = new TreeBuilder(objects.emit)
  fill(tree)
  return tree.finish()
}

async function count(walk: AsyncIterable<unknown>): Promise<number> {
  let paths = 0
  for await (const _ of walk) paths++
  return paths
}
