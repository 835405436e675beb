import { describe, expect, it } from 'vitest'
import { median } from './measure.ts'
import { tableLines } from './report.ts'

describe('a report', () => {
  it('sets texts to the left, numbers to the right, and a dash where nothing was measured', () => {
    const columns = [
      { key: 'stage', label: 'stage' },
      { key: 'speed', label: 'MB/s' },
      { key: 'ratio', label: 'x copy', digits: 2 },
    ]
    const rows = [
      { stage: 'read', speed: 6543.6, ratio: 0.171 },
      { stage: 'hash', speed: 12, ratio: undefined },
    ]
    expect(tableLines({ title: '', columns, rows })).toEqual(['stage  MB/s  x copy', 'read   6544    0.17', 'hash     12       -'])
  })
})

describe('a median', () => {
  it('is the middle of an odd number of values, and between the two in the middle of an even number', () => {
    expect(median([5, 1, 3])).toBe(3)
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })
})
