import { describe, expect, it } from 'vitest'
import { HistoryBuilder, readFiles, writeFiles, type Files } from './history-fixture.ts'
import { mergeCommits } from './merge-commits.ts'

/** Commits are trees by name with the names of their parents. */
function build(commits: Record<string, [parents: string, files: Files]>) {
  const history = new HistoryBuilder()
  const numbers = new Map<string, number>()
  for (const [name, [parents, files]] of Object.entries(commits)) {
    const own = parents.split(' ').filter(Boolean)
    history.commit(own.map((parent) => numbers.get(parent)!), { tree: writeFiles(history.objects, files) })
    numbers.set(name, history.ids.length - 1)
  }
  const idOf = (name: string) => history.ids[numbers.get(name)!]!
  return async (ours: string, theirs: string) => {
    const { objects } = history
    const before = objects.objects.size
    const options = { ours: idOf(ours), theirs: idOf(theirs) }
    const { tree, conflicts, bases } = await mergeCommits(objects, (kind, bytes) => objects.write(kind, bytes), options)
    return {
      files: await readFiles(objects, tree),
      conflicts: conflicts.map(({ path, reason }) => `${reason} ${path}`),
      bases: bases.map((id) => [...numbers].find(([, number]) => history.ids[number] === id)?.[0]),
      written: objects.objects.size - before,
    }
  }
}

describe('mergeCommits', () => {
  it('merges over the common ancestor', async () => {
    const merge = build({ root: ['', { a: '1', b: '1' }], x: ['root', { a: '2', b: '1' }], y: ['root', { a: '1', b: '2' }] })
    expect(await merge('x', 'y')).toMatchObject({ files: { a: '2', b: '2' }, conflicts: [], bases: ['root'] })
  })

  it('takes both histories where they share nothing', async () => {
    const merge = build({ x: ['', { a: '1', s: 's' }], y: ['', { b: '2', s: 's' }] })
    expect(await merge('x', 'y')).toMatchObject({ files: { a: '1', b: '2', s: 's' }, conflicts: [], bases: [] })
  })

  it('gives theirs where ours is an ancestor, and writes nothing', async () => {
    const merge = build({ x: ['', { a: '1' }], y: ['x', { a: '2' }] })
    expect(await merge('x', 'y')).toMatchObject({ files: { a: '2' }, conflicts: [], bases: ['x'], written: 0 })
  })

  it('merges several bases first, so that what both brought is no conflict', async () => {
    const merge = build({
      root: ['', { a: '1', b: '1', c: '1' }],
      x: ['root', { a: '2', b: '1', c: '1' }],
      y: ['root', { a: '1', b: '2', c: '1' }],
      left: ['x y', { a: '3', b: '2', c: '1' }],
      right: ['y x', { a: '2', b: '3', c: '1' }],
    })
    const merged = await merge('left', 'right')
    expect(merged).toMatchObject({ files: { a: '3', b: '3', c: '1' }, conflicts: [], bases: ['y', 'x'] })
  })

  it('reports a choice between the bases that the two sides made differently', async () => {
    const merge = build({
      root: ['', { a: '1' }],
      x: ['root', { a: '2' }],
      y: ['root', { a: '3' }],
      left: ['x y', { a: '2' }],
      right: ['y x', { a: '3' }],
    })
    expect(await merge('left', 'right')).toMatchObject({ files: { a: '2' }, conflicts: ['both-changed a'] })
    expect(await merge('right', 'left')).toMatchObject({ files: { a: '3' }, conflicts: ['both-changed a'] })
  })

  it('goes through bases that have several bases themselves', async () => {
    const merge = build({
      root: ['', { a: '1', b: '1' }],
      x: ['root', { a: '2', b: '1' }],
      y: ['root', { a: '1', b: '2' }],
      x2: ['x y', { a: '2', b: '2', c: 'x' }],
      y2: ['y x', { a: '2', b: '2', d: 'y' }],
      left: ['x2 y2', { a: 'left', b: '2', c: 'x', d: 'y' }],
      right: ['y2 x2', { a: '2', b: 'right', c: 'x', d: 'y' }],
    })
    expect(await merge('left', 'right')).toMatchObject({ files: { a: 'left', b: 'right', c: 'x', d: 'y' }, conflicts: [] })
  })
})
