import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { comparePathOrder, foldersAbove, isBelow } from './path-order.ts'

describe('path order', () => {
  it('puts a folder right before its content and the content before what only starts alike', () => {
    const sorted = ['a', 'a/b', 'a/b/c', 'a/b!', 'a!', 'a!/x', 'a-b', 'a.b', 'ab', 'b']
    expect([...sorted].reverse().sort(comparePathOrder)).toEqual(sorted)
  })

  it('compares names as bytes', () => {
    expect(['\xff', '\x01', '~', 'Z', 'a'].sort(comparePathOrder)).toEqual(['\x01', 'Z', 'a', '~', '\xff'])
  })

  it('knows what lies below what', () => {
    expect(isBelow('a/b', 'a')).toBe(true)
    expect(isBelow('a/b', '')).toBe(true)
    expect(isBelow('ab', 'a')).toBe(false)
    expect(isBelow('a', 'a')).toBe(false)
    expect(isBelow('', '')).toBe(false)
    expect(foldersAbove('a/b/c' as BytePath)).toEqual(['a', 'a/b'])
    expect(foldersAbove('a' as BytePath)).toEqual([])
  })
})
