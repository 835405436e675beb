import { describe, expect, it } from 'vitest'
import { parseDate } from './parse-date.ts'

const nowMs = Date.parse('2024-05-01T12:00:00+02:00')
const iso = (text: string, zoneMinutes = 120): string => new Date(parseDate(text, nowMs, zoneMinutes)).toISOString()

describe('a date', () => {
  it.each([
    ['2024-04-30', '2024-04-29T22:00:00.000Z'],
    ['2024-04-30 18:30', '2024-04-30T16:30:00.000Z'],
    ['2024-04-30T18:30:15Z', '2024-04-30T18:30:15.000Z'],
    ['2024-04-30 18:30 -0500', '2024-04-30T23:30:00.000Z'],
    ['now', '2024-05-01T10:00:00.000Z'],
    ['today', '2024-04-30T22:00:00.000Z'],
    ['Yesterday', '2024-04-29T22:00:00.000Z'],
    ['2 weeks ago', '2024-04-17T10:00:00.000Z'],
    ['3.days', '2024-04-28T10:00:00.000Z'],
    ['an hour ago', '2024-05-01T09:00:00.000Z'],
    ['@1714557600', '2024-05-01T10:00:00.000Z'],
  ])('%s is %s', (text, expected) => expect(iso(text)).toBe(expected))

  it.each(['', 'soon', '2024-13-01', '24-05-01', '2 fortnights ago', '2024-05-01 25:00'])('is not %j', (text) => {
    expect(() => iso(text)).toThrow(expect.objectContaining({ code: 'bad-date' }))
  })
})
