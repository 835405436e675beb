import { describe, expect, it } from 'vitest'
import { etagOf, markPut, versionOf, wasCarriedOut, type FoundValue, type PutMark } from './s3-marks.ts'

const stored = (mark: PutMark, etag = '"e"'): FoundValue => ({ ETag: etag, Metadata: mark.metadata })
const after = (found: FoundValue) => ({ if: { version: versionOf(found) } })
const absent = { if: 'absent' } as const

describe('the marks of writes', () => {
  it('tell a write that was carried out, also after others built on it', () => {
    const mine = markPut(absent)
    expect(wasCarriedOut(mine, absent, stored(mine))).toBe(true)
    let now = stored(mine)
    for (let i = 0; i < 31; i++) now = stored(markPut(after(now)))
    expect(wasCarriedOut(mine, absent, now)).toBe(true)
    expect(wasCarriedOut(mine, absent, stored(markPut(after(now))))).toBeUndefined()
  })

  it('tell a write that came too late, where the value was created or replaced by another', () => {
    const theirs = stored(markPut(absent))
    expect(wasCarriedOut(markPut(absent), absent, theirs)).toBe(false)
    const mine = markPut(after(theirs))
    const replaced = stored(markPut(after(theirs)))
    expect(wasCarriedOut(mine, after(theirs), replaced)).toBe(false)
    expect(wasCarriedOut(mine, after(theirs), stored(markPut(after(replaced))))).toBe(false)
  })

  it('say nothing where what came later hides it', () => {
    const start = stored(markPut(absent))
    const condition = after(start)
    const mine = markPut(condition)
    for (const now of [undefined, { ETag: '"x"' }, { ETag: '"x"', Metadata: { 'dits-puts': 'b a d' } }, stored(markPut(undefined))]) {
      expect(wasCarriedOut(mine, condition, now)).toBeUndefined()
      expect(wasCarriedOut(markPut(absent), absent, now)).toBeUndefined()
    }
  })

  it('say nothing of versions that something else wrote, and go on from them', () => {
    const foreign = { ETag: '"f"' }
    const mine = markPut(after(foreign))
    expect(wasCarriedOut(mine, after(foreign), stored(mine))).toBe(true)
    expect(wasCarriedOut(mine, after(foreign), stored(markPut(after(foreign))))).toBeUndefined()
  })

  it('stay far below what S3 can keep beside a value', () => {
    let now = stored(markPut(undefined))
    for (let i = 0; i < 100; i++) now = stored(markPut(after(now)))
    expect(now.Metadata!['dits-puts']!.length).toBeLessThan(512)
  })

  it('keep the ETag in the version, and take no version that others made', () => {
    expect(etagOf(versionOf({ ETag: '"abc-2"' }))).toBe('abc-2')
    for (const version of ['', 'abc', '"abc" ', 'a b c', 'abc\r\nx: y ', '* \n']) expect(etagOf(version)).toBeUndefined()
  })
})
