import { describe, expect, it } from 'vitest'
import { parseSize } from './options.ts'

describe('a size on a benchmark’s command line', () => {
  it.each([
    ['1000', 1000],
    ['500M', 500_000_000],
    ['1.5G', 1_500_000_000],
    ['20GB', 20_000_000_000],
    ['2k', 2000],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  it.each(['', 'M', '-1', '1.G', '5 M', '1Mi', '1e9'])("'%s' is refused", (text) => expect(() => parseSize(text)).toThrow(RangeError))
})
