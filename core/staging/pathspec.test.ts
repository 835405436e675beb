import { describe, expect, it } from 'vitest'
import { pathFromText } from '../bytes.ts'
import { parsePathspec, resolvePath, startingPoints } from './pathspec.ts'

const spec = (names: string[], prefix = '') => parsePathspec(names.map(pathFromText), pathFromText(prefix))
const matches = (name: string, path: string) => spec([name]).matches(pathFromText(path))

describe('a pathspec', () => {
  it('means everything where nothing is named, or the root is', () => {
    expect(spec([]).matches(pathFromText('any/thing'))).toBe(true)
    expect(spec(['.']).all).toBe(true)
    expect(spec([':/'], 'shots').all).toBe(true)
    expect(spec(['.'], 'shots').all).toBe(false)
  })

  it.each([
    ['shots', 'shots', true],
    ['shots', 'shots/a/b.mov', true],
    ['shots', 'shots-old/a.mov', false],
    ['shots/', 'shots/a.mov', true],
    ['*.mov', 'a.mov', true],
    ['*.mov', 'shots/a.mov', true],
    ['*.mov', 'a.mov.txt', false],
    ['take?', 'take1', true],
    ['take?', 'take/x', false],
    ['take?', 'take12', false],
    ['take[1-3].mov', 'take2.mov', true],
    ['take[1-3].mov', 'take4.mov', false],
    ['take[!1-3].mov', 'take4.mov', true],
    ['take[^1-3].mov', 'take1.mov', false],
    ['take[3-1].mov', 'take2.mov', false],
    ['take[-1].mov', 'take-.mov', true],
    ['take[]x].mov', 'take].mov', true],
    ['take[1].mov', 'take[1].mov', true],
    ['take[1.mov', 'take[1.mov', true],
    ['a\\*.mov', 'a*.mov', true],
    ['a\\*.mov', 'ab.mov', false],
    ['a(b)+.{mov}$*', 'a(b)+.{mov}$x', true],
    ['sh*', 'shots/a.mov', true],
    ['Größe*', 'Größe.psd', true],
  ])('%s and %s: %s', (name, path, expected) => {
    expect(matches(name, path)).toBe(expected)
  })

  it('is read from the folder in which the person stands', () => {
    expect(spec(['a.mov'], 'shots/one').literals).toEqual(['shots/one/a.mov'])
    expect(spec(['../two', '*.psd'], 'shots/one')).toMatchObject({ literals: ['shots/two'], patterns: ['shots/one/*.psd'] })
    expect(resolvePath(pathFromText(':/audio'), pathFromText('shots'))).toBe('audio')
  })

  it('never leads out of the repository', () => {
    expect(() => spec(['../../x'], 'shots')).toThrow(expect.objectContaining({ code: 'outside-repository' }))
  })

  it('is looked for from what it names, in path order, and once', () => {
    expect(startingPoints(spec(['a b', 'a', 'a/x', 'a', 'z/*.mov', 'z/q/[ab]/c']))).toEqual(['a', 'a b', 'z'])
    expect(startingPoints(spec(['x', '*.mov']))).toEqual([''])
    expect(startingPoints(spec([]))).toEqual([''])
  })
})

describe('a pattern of many runs', () => {
  it('is answered at once, whatever the name', () => {
    const pattern = `${'*a'.repeat(30)}b`
    expect(matches(pattern, 'a'.repeat(200))).toBe(false)
    expect(matches(pattern, `${'a'.repeat(200)}b`)).toBe(true)
    expect(matches(pattern, `${'a'.repeat(200)}b/below`)).toBe(true)
  })
})
