import { describe, expect, it } from 'vitest'
import type { Id } from '../objects/id.ts'
import { Graph } from './graph.ts'
import { collect, randomHistory, seededRandom } from './history-fixture.ts'
import { walkCommits } from './walk.ts'

/** Draws commits written as 'name: parent parent'. */
function draw(...commits: string[]): string[] {
  const graph = new Graph()
  return commits.flatMap((text) => {
    const [id = '', parents = ''] = text.split(':')
    const rows = graph.add({ id: id as Id, parents: parents.split(' ').filter(Boolean) as Id[] })
    return rows.map((row) => (row.id === undefined ? row.text : `${row.text} ${row.id}`))
  })
}

describe('Graph', () => {
  it('draws one line for a line of commits', () => {
    expect(draw('c: b', 'b: a', 'a:')).toEqual(['* c', '* b', '* a'])
  })

  it('opens a lane for a merge and closes it at the fork', () => {
    expect(draw('d: b c', 'c: a', 'b: a', 'a:')).toEqual(['* d', '|\\', '| * c', '* | b', '|/', '* a'])
  })

  it('starts a lane for each tip and closes gaps beside the joins', () => {
    expect(draw('x: a', 'y: a', 'z: a', 'a:')).toEqual(['* x', '| * y', '|/', '| * z', '|/', '* a'])
    expect(draw('x: a', 'm: c b', 'c: a', 'b: a', 'a:')).toEqual([
      '* x',
      '| * m',
      '| |\\',
      '| * | c',
      '|/ /',
      '| * b',
      '|/',
      '* a',
    ])
  })

  it('crosses lanes that lie between a commit and the lane of its parent', () => {
    expect(draw('x: a', 'y: b', 'z: a', 'b:', 'a:')).toEqual(['* x', '| * y', '| | * z', '| |/', '|/|', '| * b', '* a'])
  })

  it('spreads for a merge of three', () => {
    expect(draw('m: a b c', 'a:', 'b:', 'c:')).toEqual(['* m', '|\\', '| |\\', '* | | a', ' / /', '* | b', ' /', '* c'])
  })

  it('moves the lanes right of a merge aside', () => {
    expect(draw('m: a b', 'n: c', 'b: a', 'a: c', 'c:')).toEqual(['* m', '|\\', '| | * n', '| * | b', '|/ /', '* | a', '|/', '* c'])
    expect(draw('x: p', 'y: q', 'p: a b')).toEqual(['* x', '| * y', '* | p', '|\\ \\'])
  })

  it('joins a merge whose second parent already has a lane', () => {
    expect(draw('x: a', 'm: b a', 'b: a', 'a:')).toEqual(['* x', '| * m', '|/|', '| * b', '|/', '* a'])
  })

  for (let seed = 1; seed <= 10; seed++) {
    it(`ends with no open lane, and shows every commit in one row (seed ${seed})`, async () => {
      const { history } = randomHistory(seededRandom(seed), 60, 0)
      const graph = new Graph()
      const shown: number[] = []
      for (const { id, commit } of await collect(walkCommits(history.objects, history.ids, { order: 'topo' }))) {
        for (const row of graph.add({ id, parents: commit.parents })) {
          expect(row.text).toBe(row.cells.join('').trimEnd())
          expect(row.cells.filter((cell) => cell === '*').length).toBe(row.id === undefined ? 0 : 1)
          if (row.id !== undefined) shown.push(history.numberOf(row.id))
        }
      }
      expect(shown.sort((a, b) => a - b)).toEqual(history.ids.map((_, number) => number))
      expect(graph.add({ id: 'last' as Id, parents: [] }).map((row) => row.text)).toEqual(['*'])
    })
  }
})
