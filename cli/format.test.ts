import { describe, expect, it } from 'vitest'
import { pathFromBytes, pathFromText } from '../core/bytes.ts'
import { formatAge, formatClock, formatCount, formatDate, formatDuration, formatSize, formatTable, listItem, quoteArgument, quotePath } from './format.ts'

describe('a size', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1_440_000_000, '1.4 GB'],
    [99_940, '99.9 kB'],
    [99_960, '100 kB'],
    [999_400, '999 kB'],
    [999_600, '1.0 MB'],
    [2 ** 60, '1.2 EB'],
  ])('of %d bytes is %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text)
  })
})

describe('numbers and time spans', () => {
  it('are easy to read', () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567'])
    expect([0, 350, 999.6, 4200, 59_960, 187_000, 3_723_000].map(formatDuration)).toEqual(['0 ms', '350 ms', '1.0 s', '4.2 s', '1:00', '3:07', '1:02:03'])
    expect(formatClock(3_999)).toBe('0:04')
  })

  it('say how long ago something was', () => {
    expect(formatAge(0, 0)).toBe('0 seconds ago')
    expect(formatAge(0, 60_000)).toBe('1 minute ago')
    expect(formatAge(0, 3 * 86_400_000)).toBe('3 days ago')
    expect(formatAge(7_200_000, 0)).toBe('in 2 hours')
  })
})

describe('a date', () => {
  const moment = Date.parse('2005-04-07T22:13:13Z')

  it.each([
    ['default', -420, 'Thu Apr 7 15:13:13 2005 -0700'],
    ['iso', -420, '2005-04-07 15:13:13 -0700'],
    ['iso-strict', 120, '2005-04-08T00:13:13+02:00'],
    ['iso-strict', 0, '2005-04-07T22:13:13Z'],
    ['short', 330, '2005-04-08'],
    ['raw', 330, '1112911993 +0530'],
    ['unix', 330, '1112911993'],
  ] as const)('in style %s and zone %d is %s', (style, zone, text) => {
    expect(formatDate(moment, zone, style)).toBe(text)
  })

  it('that no calendar has is still shown', () => {
    expect(formatDate(1e18, 0)).toBe('@1000000000000000000')
  })
})

describe('a table', () => {
  it('lines up its columns, also with wide and combining characters', () => {
    const rows = [
      ['clip.mov', '1'],
      ['映画', '1,000'],
      ['é', '20'],
    ]
    expect(formatTable(rows, ['left', 'right'])).toEqual(['clip.mov      1', '映画      1,000', 'é            20'])
    expect(formatTable([['a', ''], ['bb', 'c']], ['left', 'left'])).toEqual(['a', 'bb  c'])
  })
})

describe('a path', () => {
  it.each([
    ['a b/c.mov', 'a b/c.mov'],
    ['Präsentation/映画.mov', 'Präsentation/映画.mov'],
    ['tab\there', '"tab\\there"'],
    ['say "hi"\\', '"say \\"hi\\"\\\\"'],
    ['bell\x07\x1b[31m', '"bell\\a\\033[31m"'],
    ['\x85', '"\\302\\205"'],
    ['cut\u202evom.exe', '"cut\\342\\200\\256vom.exe"'],
    ['\u202a\u2066\u2069', '"\\342\\200\\252\\342\\201\\246\\342\\201\\251"'],
    ['\ufffd', '\ufffd'],
  ])('%j is printed as %s', (path, text) => {
    expect(quotePath(pathFromText(path))).toBe(text)
  })

  it('shows bytes that are not UTF-8 in octal', () => {
    expect(quotePath(pathFromBytes(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3])))).toBe('"a\\377é\\303"')
    expect(quotePath(pathFromBytes(Buffer.from([0xed, 0xa0, 0x80])))).toBe('"\\355\\240\\200"')
  })

  it('is its own bytes with -z', () => {
    expect(listItem(pathFromText('é\n'), true)).toEqual(Buffer.from('é\n\0'))
    expect(listItem(pathFromText('é\n'), false)).toBe('"é\\n"\n')
    expect(listItem(pathFromText('\u202e'), true)).toEqual(Buffer.from('\u202e\0'))
  })
})

it.each([
  ['HEAD~2', 'HEAD~2'],
  ['second cut', "'second cut'"],
  ["it's", "'it'\\''s'"],
  ['*.mov', "'*.mov'"],
  ['', "''"],
  ['a\nb\'c\\', "$'a\\nb\\'c\\\\'"],
  ['a\u202eb', "$'a\\342\\200\\256b'"],
])('an argument %j is written as %s in a shell', (argument, expected) => {
  expect(quoteArgument(argument)).toBe(expected)
})
