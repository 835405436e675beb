import { describe, expect, it } from 'vitest'
import { pathFromText } from '../bytes.ts'
import { formatFilter, matches, parseFilter } from './filter.ts'

describe('a content filter', () => {
  it.each<[string, string, number, boolean]>([
    ['none', 'a.mov', 1, false],
    ['none', 'empty', 0, true],
    ['none', 'shots/.ditsignore', 20, true],
    ['none', '.ditsattributes', 20, true],
    ['none', '.ditsignore', 2 << 20, false],
    ['size:10K', 'a.mov', 10240, true],
    ['size:10K', 'a.mov', 10241, false],
    ['path:Level_3/**', 'Level_3/maps/a.uasset', 1e9, true],
    ['path:Level_3/**', 'Level_2/maps/a.uasset', 1, false],
    ['path:Level_3/**', 'old/Level_3/a.uasset', 1, false],
    ['path:*.txt,*.md', 'docs/notes.md', 1, true],
    ['path:**,!*.psd', 'art/cover.psd', 1, false],
    ['path:**,!*.psd', 'art/cover.png', 1, true],
    ['path:**,!/Level_3', 'Level_3/maps/a.uasset', 1, false],
    ['path:**,!/Level_3', 'Level_4/maps/a.uasset', 1, true],
    ['path:one\\,two.mov', 'one,two.mov', 1, true],
  ])('%s wants of %s with %i bytes: %s', (filter, path, size, wanted) => {
    expect(matches(parseFilter(filter), pathFromText(path), size)).toBe(wanted)
  })

  it.each(['', 'all', 'size:', 'size:many', 'path:', 'path: , ', 'none:1', 'path'])('is not read from %j', (text) => {
    expect(() => parseFilter(text)).toThrow(expect.objectContaining({ code: 'bad-filter' }))
  })

  it('has an end', () => {
    expect(() => parseFilter(`path:${'a'.repeat(70_000)}`)).toThrow(expect.objectContaining({ code: 'bad-filter' }))
  })

  it.each(['none', 'size:10240', 'path:a\\,b,!c/**'])('is written as it is read: %s', (text) => {
    expect(formatFilter(parseFilter(text))).toBe(text)
  })
})
