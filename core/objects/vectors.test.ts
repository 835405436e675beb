import { describe, expect, it } from 'vitest'
import { encodeCommit, type Person } from './commit.ts'
import { hashObject, idFromBytes, type Id, type ObjectKind } from './id.ts'
import { encodeManifest } from './manifest.ts'
import { buildList, buildTree, CountingObjects, fileEntry, folderEntry, frameEntries } from './objects-fixture.ts'
import { encodeTag } from './tag.ts'
import type { TreeEntry } from './tree-entry.ts'

/**
 * The format, pinned: where one of these changes, repositories that exist can
 * no longer be read. Ids were checked with `b3sum` and `b3sum --derive-key`.
 */

const email = 'af616461406578616d706c652e6f7267'
const digits = (digit: string) => digit.repeat(64) as Id
const ada: Person = { name: 'Ada', email: 'ada@example.org', timeMs: 1_700_000_000_123, zoneMinutes: 60 }

describe('the id of a chunk', () => {
  it.each([
    ['no bytes', 0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
    ['one byte', 1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
    ['1024 bytes', 1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
    ['1025 bytes', 1025, 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444'],
  ])('is the BLAKE3 of its bytes, by the published vector for %s', (_, length, id) => {
    const bytes = Uint8Array.from({ length }, (_, i) => i % 251)
    expect(idOf('chunk', bytes)).toBe(id)
  })
})

describe('the bytes of', () => {
  it('a tree', () => {
    const objects = new CountingObjects()
    const entries: TreeEntry[] = [
      {
        ...fileEntry('a.mov', digits('1'), 2 ** 32 + 1), content: 'manifest', hash: digits('2'), mtimeNs: -1n,
      },
      folderEntry('b', { id: digits('3'), size: 5 }),
      { ...fileEntry('c\xff', digits('4'), 3), kind: 'symlink' },
      { ...fileEntry('d', digits('5'), 0), kind: 'executable' },
    ]
    const { id } = buildTree(objects.emit, entries)
    expect(split(objects.objects.get(id)!.bytes, [4, 4, 32, 8, 9, 128, 32, 8])).toEqual([
      '01000400',
      '0c030201',
      '0100000001000000050000000000000003000000000000000000000000000000',
      '0500010002000100',
      '612e6d6f766263ff64',
      digits('1') + digits('3') + digits('4') + digits('5'),
      digits('2'),
      'ffffffffffffffff',
    ])
    expect(id).toBe('4133fce6d821b7ab1a3246ee6b304f5fe4e0f696fae1432b2a3097f2b3afd789')
  })

  it('a manifest', () => {
    const chunks = ['6', '7'].map((digit, i) => ({ id: digits(digit), length: 1000 + i }))
    const root = buildList(() => digits('0'), chunks)
    const bytes = encodeManifest({
      profile: 'project',
      size: 901 + 1001,
      hash: digits('8'),
      segments: [
        { type: 'deflate', codec: 2, size: 901, stored: 1000, parameters: Buffer.from([0xab, 0xcd]) },
        { type: 'plain', size: 1001 },
      ],
      root: root.node,
    })
    expect(split(bytes, [8, 8, 32, 24, 2, 24, 4, 64, 8])).toEqual([
      '0101000002000000',
      '6e07000000000000',
      digits('8'),
      '010202000000000085030000000000' + '00e803000000000000',
      'abcd',
      '0000000000000000e903000000000000e903000000000000',
      '01000200',
      digits('6') + digits('7'),
      'e8030000e9030000',
    ])
    expect(idOf('manifest', bytes)).toBe('9e0b36b1a02a4281ea465fc86088e8c7cbb85a38ee3f687dd940c1d74a501b32')
  })

  it('an inner node of a chunk list', () => {
    const chunks = Array.from({ length: 300 }, (_, i) => {
      return { id: i.toString(16).padStart(8, '0').padEnd(64, '0') as Id, length: 7 }
    })
    const objects = new CountingObjects()
    const root = buildList(objects.emit, chunks)
    expect(root.level).toBe(1)
    expect(idOf('list', root.node)).toBe('d5026dcc4e4d49a28204ca08df6c429bc105a1b394b99987349442565a02668d')
  })

  it('a directory of three levels', () => {
    const { id } = buildTree(new CountingObjects().emit, frameEntries(10_000))
    expect(id).toBe('6b60dd5254c7b5c611ae8d85ffd978dc3420d345057230a485e30fe05fa08b82')
  })

  it('a commit', () => {
    const bytes = encodeCommit({
      tree: digits('1'),
      parents: [digits('2')],
      author: ada,
      committer: { ...ada, zoneMinutes: -300 },
      message: 'Cut é',
    })
    expect(split(bytes, [2, 34, 1, 34, 1, 4, 16, 9, 1, 1, 4, 16, 9, 3, 7, 1])).toEqual([
      '9701',
      `c420${digits('1')}`,
      '91',
      `c420${digits('2')}`,
      '94',
      'a3416461',
      email,
      'd30000018bcfe5687b',
      '3c',
      '94',
      'a3416461',
      email,
      'd30000018bcfe5687b',
      'd1fed4',
      'a643757420c3a9',
      'c0',
    ])
    expect(idOf('commit', bytes)).toBe('7f471667c7a0a7826cc07b7f5aaae6d62216c7def0411eba7f250c9301fa943a')
  })

  it('a tag', () => {
    const bytes = encodeTag({
      targetKind: 'commit',
      target: digits('1'),
      name: 'v1',
      tagger: ada,
      message: '',
      signature: Buffer.alloc(96, 0xaa),
    })
    expect(split(bytes, [3, 34, 3, 1, 4, 16, 9, 1, 1, 2, 96])).toEqual([
      '9701' + '05',
      `c420${digits('1')}`,
      'a27631',
      '94',
      'a3416461',
      email,
      'd30000018bcfe5687b',
      '3c',
      'a0',
      'c460',
      'aa'.repeat(96),
    ])
    expect(idOf('tag', bytes)).toBe('ecb5d092d8777706d8bf737bb8aeaa8258eedf0436bf704f075da31cfec56ed1')
  })
})

function idOf(kind: ObjectKind, bytes: Uint8Array): Id {
  return idFromBytes(hashObject(kind, bytes))
}

/** The bytes as hex, in pieces of these lengths. */
function split(bytes: Uint8Array, lengths: readonly number[]): string[] {
  const hex = Buffer.from(bytes).toString('hex')
  let at = 0
  const pieces = lengths.map((length) => hex.slice(at, (at += length * 2)))
  return at === hex.length ? pieces : [...pieces, hex.slice(at)]
}
