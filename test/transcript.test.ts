import { describe, expect, it } from 'vitest'
import { compareOutput, parseTranscript, type Bindings } from './transcript.ts'

describe('a transcript', () => {
  it('is commands with their output and exit codes', () => {
    const text = '# remark\n\n$ one\nout\n\n# between\n$ two\n> more\n# printed\n[exit 2]\n'
    expect(parseTranscript(text)).toEqual([
      { command: 'one', line: 3, expected: ['out'], exitCode: 0 },
      { command: 'two\nmore', line: 7, expected: ['# printed'], exitCode: 2 },
    ])
  })
})

describe('expected output', () => {
  const same = (expected: string[], actual: string, bindings: Bindings = new Map()) =>
    compareOutput(expected, actual, bindings) === undefined

  it('must be printed as it stands', () => {
    expect(same(['a.b', 'c'], 'a.b\nc\n')).toBe(true)
    expect(same(['a.b', 'c'], 'axb\nc\n')).toBe(false)
    expect(same(['a'], 'a\nb\n')).toBe(false)
    expect(same([], 'b\n')).toBe(false)
    expect(same([], '')).toBe(true)
  })

  it('may hold placeholders', () => {
    expect(same(['commit <id>'], 'commit 0123456789ab\n')).toBe(true)
    expect(same(['commit <id>'], 'commit xyz\n')).toBe(false)
    expect(same(['a <...> z'], 'a to z\n')).toBe(true)
    expect(same(['a', '...', 'z'], 'a\nb\nc\nz\n')).toBe(true)
    expect(same(['<odd> stays'], '<odd> stays\n')).toBe(true)
  })

  it('holds a named placeholder to what it was before', () => {
    const bindings: Bindings = new Map()
    expect(same(['<id:first> <id:first>'], 'aaaaaa bbbbbb\n', bindings)).toBe(false)
    expect(same(['<id:first>'], 'aaaaaa\n', bindings)).toBe(true)
    expect(same(['<id:first>'], 'bbbbbb\n', bindings)).toBe(false)
    expect(same(['<id:first>'], 'aaaaaa\n', bindings)).toBe(true)
  })
})
