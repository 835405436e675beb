import { describe, expect, it } from 'vitest'
import { decodeRecord, encodeRecord, type RecordValue } from './record.ts'

const hex = (value: RecordValue) => Buffer.from(encodeRecord(value)).toString('hex')
const decode = (text: string) => decodeRecord('record', Buffer.from(text, 'hex'))

describe('a record', () => {
  it.each<[RecordValue, string]>([
    [null, 'c0'],
    [0, '00'],
    [127, '7f'],
    [128, 'cc80'],
    [255, 'ccff'],
    [256, 'cd0100'],
    [65_536, 'ce00010000'],
    [2 ** 32 - 1, 'ceffffffff'],
    [2 ** 32, 'd30000000100000000'],
    [2 ** 53 - 1, 'd3001fffffffffffff'],
    [-1, 'ff'],
    [-32, 'e0'],
    [-33, 'd0df'],
    [-128, 'd080'],
    [-129, 'd1ff7f'],
    [-32_769, 'd2ffff7fff'],
    [-(2 ** 31), 'd280000000'],
    [-(2 ** 31) - 1, 'd3ffffffff7fffffff'],
    ['', 'a0'],
    ['é', 'a2c3a9'],
    [Buffer.alloc(0), 'c400'],
    [Buffer.from([1]), 'c40101'],
    [[], '90'],
    [[1, [null]], '920191c0'],
  ])('has one encoding, the shortest: %o', (value, bytes) => {
    expect(hex(value)).toBe(bytes)
    expect(decode(bytes)).toEqual(value)
  })

  it.each([31, 32, 63, 64, 85, 86, 255, 256, 21_845, 21_846, 65_535, 65_536])(
    'writes lengths of strings of %d characters in their shortest form', (length) => {
      for (const character of ['x', 'é', '€', '🎬']) {
        const text = character.repeat(length)
        const bytes = Buffer.byteLength(text)
        const head = bytes < 32 ? 1 : bytes < 256 ? 2 : bytes < 65_536 ? 3 : 5
        const encoded = encodeRecord(text)
        expect(encoded.length).toBe(head + bytes)
        expect(decodeRecord('record', encoded) === text).toBe(true)
      }
    },
  )

  it('keeps what it gave back when the next record is encoded', () => {
    const first = encodeRecord(['x'.repeat(50)])
    const copy = Buffer.from(first)
    for (let i = 0; i < 1000; i++) encodeRecord(['y'.repeat(50)])
    expect(copy.equals(first)).toBe(true)
  })

  it.each<[string, string]>([
    ['a longer form of 0', 'cc00'],
    ['a longer form of a length', 'd900'],
    ['a longer form of an array', 'dc0000'],
    ['an unsigned 64-bit integer', 'cf0000000100000000'],
    ['an integer above 2^53-1', 'd30020000000000000'],
    ['an integer below -(2^53-1)', 'd3ffe0000000000000'],
    ['a float', 'ca00000000'],
    ['a double', 'cb0000000000000000'],
    ['true', 'c3'],
    ['a map', '80'],
    ['a long map', 'df00000000'],
    ['an extension', 'd40000'],
    ['a reserved byte', 'c1'],
    ['a string that is not UTF-8', 'a1ff'],
    ['a string with a surrogate in UTF-8', 'a3eda080'],
    ['a string that ends early', 'a2c3'],
    ['a byte string of 4 GB', 'c6ffffffff'],
    ['an array of 4 billion', 'ddffffffff'],
    ['an array that ends early', '9201'],
    ['bytes behind its end', '0000'],
    ['nothing', ''],
    ['nesting', '9191919191c0'],
    ['very deep nesting', '91'.repeat(1_000_000)],
    ['more items than there may be', `dc0401${'c0'.repeat(1025)}`],
  ])('is refused where it holds %s', (_, bytes) => {
    expect(() => decode(bytes)).toThrow(expect.objectContaining({ code: 'object-damaged' }))
  })
})
