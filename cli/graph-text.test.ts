import { describe, expect, it } from 'vitest'
import type { Id } from '../core/objects/id.ts'
import { GraphText } from './graph-text.ts'

const commit = (id: string, ...parents: string[]): { id: Id; parents: Id[] } => ({ id: id as Id, parents: parents as Id[] })

describe('a graph with text', () => {
  it('sets lines beside the lanes, and lanes beside lines', () => {
    const graph = new GraphText()
    const lines = [
      ...graph.beside(commit('m', 'a', 'b'), ['merge', '', '  text']),
      graph.between(),
      ...graph.beside(commit('a', 'r'), ['a']),
      ...graph.beside(commit('b', 'r'), ['b']),
      ...graph.beside(commit('r'), ['root', 'end']),
      graph.between(),
    ]
    expect(lines).toEqual(['*   merge', '|\\', '| |   text', '| |', '* | a', '| * b', '|/', '* root', '  end', ''])
  })
})
