import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { decodeCommit, encodeCommit, type Commit, type Person } from './commit.ts'
import type { Id } from './id.ts'
import { randomId } from './objects-fixture.ts'
import { encodeRecord, type RecordValue } from './record.ts'
import { decodeTag, encodeTag, type Tag } from './tag.ts'

const ada: Person = { name: 'Ada Lovelace', email: 'ada@example.org', timeMs: 1_700_000_000_123, zoneMinutes: 60 }
const tree = 'ab'.repeat(32) as Id
const signature = Buffer.alloc(96, 9)
const commit: Commit = { tree, parents: [], author: ada, committer: ada, message: 'Grade the second reel' }
const tag: Tag = { targetKind: 'commit', target: tree, name: 'reel-2', tagger: ada, message: '' }

describe('a commit', () => {
  const random = createRandom(1)
  it.each<[string, Partial<Commit>]>([
    ['a first commit', {}],
    ['a merge', { parents: [randomId(random), randomId(random)] }],
    ['as many parents as there may be', { parents: Array.from({ length: 64 }, () => randomId(random)) }],
    ['a signature', { signature }],
    ['any text', { message: 'héé 🎬\n\n' + 'x'.repeat(100_000), author: { ...ada, name: '', email: 'Żółć 🎥' } }],
    ['a time before 1970', { author: { ...ada, timeMs: -1, zoneMinutes: -1440 } }],
    ['the first time', { author: { ...ada, timeMs: -(2 ** 53 - 1) } }],
    ['the last time', { author: { ...ada, timeMs: 2 ** 53 - 1, zoneMinutes: 1440 } }],
    ['times at the limits of 32 bits', {
      author: { ...ada, timeMs: 2 ** 32 }, committer: { ...ada, timeMs: -(2 ** 31) - 1 },
    }],
  ])('comes back as it was: %s', (_, change) => {
    const changed = { ...commit, ...change }
    expect(decodeCommit(encodeCommit(changed))).toEqual(changed)
  })

  it.each<[string, Partial<Person>]>([
    ['a line end', { name: 'a\nb' }],
    ['a carriage return', { email: 'a\r' }],
    ['a zero byte', { name: 'a\0' }],
    ['angle brackets', { email: '<a@b>' }],
    ['a lone surrogate', { name: '\ud800' }],
    ['a fraction of a millisecond', { timeMs: 0.5 }],
    ['a time that is no number', { timeMs: Number.NaN }],
    ['a time beyond 2^53', { timeMs: 2 ** 53 }],
    ['a zone of more than a day', { zoneMinutes: 1441 }],
  ])('refuses a person with %s, written or read', (_, change) => {
    const author = { ...ada, ...change }
    expect(() => encodeCommit({ ...commit, author })).toThrow(expect.objectContaining({ code: 'bad-person' }))
    expect(() => encodeTag({ ...tag, tagger: author })).toThrow(expect.objectContaining({ code: 'bad-person' }))
    const person = [author.name, author.email, author.timeMs, author.zoneMinutes]
    const bytes = encodeFields([1, Buffer.alloc(32), [], person, person, '', null])
    expect(() => decodeCommit(bytes)).toThrow(expect.objectContaining({ code: 'object-damaged' }))
  })

  it.each<[string, Partial<Commit>]>([
    ['too many parents', { parents: Array.from({ length: 65 }, () => tree) }],
    ['a message with a lone surrogate', { message: 'a\udc00' }],
    ['a message without end', { message: 'x'.repeat(5_000_000) }],
    ['half a signature', { signature: Buffer.alloc(64) }],
  ])('cannot be made with %s', (_, change) => {
    expect(() => encodeCommit({ ...commit, ...change })).toThrow(expect.objectContaining({ code: 'bad-commit' }))
  })

  const person = ['a', 'b', 0, 0]
  const id = Buffer.alloc(32)
  it.each<[string, RecordValue]>([
    ['another format', [2, id, [], person, person, '', null]],
    ['a field too few', [1, id, [], person, person, '']],
    ['a field too many', [1, id, [], person, person, '', null, null]],
    ['a tree that is no id', [1, Buffer.alloc(31), [], person, person, '', null]],
    ['a tree that is text', [1, 'x'.repeat(32), [], person, person, '', null]],
    ['a parent that is no id', [1, id, [null], person, person, '', null]],
    ['parents that are no list', [1, id, null, person, person, '', null]],
    ['too many parents', [1, id, Array.from({ length: 65 }, () => id), person, person, '', null]],
    ['a person of three fields', [1, id, [], ['a', 'b', 0], person, '', null]],
    ['a name that is bytes', [1, id, [], [id, 'b', 0, 0], person, '', null]],
    ['a time that is text', [1, id, [], ['a', 'b', '0', 0], person, '', null]],
    ['a message that is bytes', [1, id, [], person, person, id, null]],
    ['a signature of 64 bytes', [1, id, [], person, person, '', Buffer.alloc(64)]],
    ['a signature that is 0', [1, id, [], person, person, '', 0]],
    ['no array at all', 'commit'],
  ])('is refused with %s', (_, fields) => {
    expect(() => decodeCommit(encodeRecord(fields))).toThrow(expect.objectContaining({ code: 'object-damaged' }))
  })
})

describe('a tag', () => {
  it.each<[string, Partial<Tag>]>([
    ['on a commit', {}],
    ['on a manifest, signed', { targetKind: 'manifest', signature, message: 'Delivered' }],
  ])('comes back as it was: %s', (_, change) => {
    const changed = { ...tag, ...change }
    expect(decodeTag(encodeTag(changed))).toEqual(changed)
  })

  it.each<[string, Partial<Tag>]>([
    ['no name', { name: '' }],
    ['a line end in its name', { name: 'a\nb' }],
    ['a lone surrogate in its name', { name: '\ud800' }],
    ['half a signature', { signature: Buffer.alloc(32) }],
  ])('cannot be made with %s', (_, change) => {
    expect(() => encodeTag({ ...tag, ...change })).toThrow(expect.objectContaining({ code: 'bad-tag' }))
  })

  const person = ['a', 'b', 0, 0]
  const id = Buffer.alloc(32)
  it.each<[string, RecordValue]>([
    ['another format', [2, 5, id, 'n', person, '', null]],
    ['a kind that is unknown', [1, 7, id, 'n', person, '', null]],
    ['kind 0', [1, 0, id, 'n', person, '', null]],
    ['an empty name', [1, 5, id, '', person, '', null]],
    ['a commit in its place', [1, id, [], person, person, '', null]],
  ])('is refused with %s', (_, fields) => {
    expect(() => decodeTag(encodeRecord(fields))).toThrow(expect.objectContaining({ code: 'object-damaged' }))
  })
})

/** Encodes numbers that no record may have as floating point, which no reader may take. */
function encodeFields(fields: RecordValue): Uint8Array {
  const numbers: number[] = []
  const collectNumbers = (value: RecordValue): RecordValue => {
    if (Array.isArray(value)) return value.map(collectNumbers)
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
    numbers.push(value)
    return marker
  }
  const marker = Buffer.alloc(7, 0xee)
  const bytes = Buffer.from(encodeRecord(collectNumbers(fields)))
  for (const value of numbers) {
    // A byte string of seven takes nine bytes, as a double does.
    const at = bytes.indexOf(marker) - 2
    bytes[at] = 0xcb
    bytes.writeDoubleBE(value, at + 1)
  }
  return bytes
}
