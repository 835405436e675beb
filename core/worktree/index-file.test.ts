import { describe, expect, it } from 'vitest'
import { rootPath, type BytePath } from '../bytes.ts'
import { hasCode } from '../errors.ts'
import { IndexBuilder, sealIndex } from './index-builder.ts'
import { decodeIndex, type IndexEntry } from './index-file.ts'
import { headerBytes, readHeader } from './index-layout.ts'
import { comparePathOrder } from './path-order.ts'
import { fileEntry, hardNames, idOf, laterMs, seededRandom } from './work-folder.fixture.ts'

const stat = { mtimeMs: 1700000000123.25, ctimeMs: 1700000000124.5, ino: 2 ** 52 + 1, size: 5, mode: 0o100644 }

function build(entries: readonly IndexEntry[], writtenMs = laterMs): Uint8Array {
  const builder = new IndexBuilder()
  for (const entry of entries) builder.add(entry)
  return builder.finish({ writtenMs })
}

describe('an index', () => {
  const entries: IndexEntry[] = [
    { ...fileEntry('a', '12345'), stat },
    { ...fileEntry('b/big'), kind: 'executable', content: 'manifest', size: 2 ** 45 + 3, hash: idOf('whole') },
    { ...fileEntry('b/c/d/deep', '12345'), stat, mtimeNs: -5n },
    { ...fileEntry('b/c/e/deep') },
    { path: 'b/empty' as BytePath, kind: 'directory', content: 'tree', size: 0, id: idOf('none'), hash: idOf('none') },
    { ...fileEntry('b-', 'link!'), kind: 'symlink', stat },
    { ...fileEntry('c'), content: 'manifest', hash: idOf('other'), mtimeNs: 1700000000123456789n },
  ]

  it('gives back what was put in', () => {
    const index = decodeIndex(build(entries))
    expect([...index.entries()]).toEqual(entries)
    expect([...index.entries(2, 4)]).toEqual(entries.slice(2, 4))
    expect(index.writtenMs).toBe(laterMs)
    expect(index.tree).toBeUndefined()
  })

  it('finds entries and folders by path', () => {
    const index = decodeIndex(build(entries))
    for (const entry of entries) expect(index.get(entry.path)).toEqual(entry)
    for (const path of ['', 'b', 'b/c', 'b/c/d/deep/x', 'bb', 'zzz']) expect(index.get(path as BytePath)).toBeUndefined()
    expect(index.lowerBound('b/c')).toBe(2)
    expect(index.lowerBound('zzz')).toBe(entries.length)
    const folder = index.findFolder('b/c' as BytePath)
    expect(folder).toBeDefined()
    expect(index.folderPath(folder ?? 0)).toBe('b/c')
    expect([index.firstEntry(folder ?? 0), index.entryEnd(folder ?? 0)]).toEqual([2, 4])
    for (const path of ['a', 'b/empty', 'b/c/d/deep', 'x', 'b/b']) expect(index.findFolder(path as BytePath)).toBeUndefined()
  })

  it('remembers the trees of folders that were complete, and no others', () => {
    const builder = new IndexBuilder()
    builder.add(fileEntry('a/b/x'))
    builder.setFolderTree('a/b' as BytePath, idOf('a/b'), 7)
    builder.add(fileEntry('a/y'))
    builder.setFolderTree('a' as BytePath, idOf('a'), 2 ** 40)
    builder.add(fileEntry('z/x'))
    builder.setFolderTree(rootPath, idOf('root'), 9)
    const index = decodeIndex(builder.finish({ writtenMs: 0 }))
    expect(index.tree).toBe(idOf('root'))
    expect(index.treeOf('a' as BytePath)).toBe(idOf('a'))
    expect(index.folderTree(index.findFolder('a' as BytePath) ?? 0)?.size).toBe(2 ** 40)
    expect(index.treeOf('a/b' as BytePath)).toBe(idOf('a/b'))
    expect(index.treeOf('z' as BytePath)).toBeUndefined()
    builder.add(fileEntry('z/y'))
    expect(decodeIndex(builder.finish({ writtenMs: 0 })).tree).toBeUndefined()
  })

  it('takes over folders of another index as they are', () => {
    const index = decodeIndex(build(entries))
    const whole = new IndexBuilder()
    whole.addFolder(index, 0)
    expect(whole.finish({ writtenMs: laterMs })).toEqual(index.bytes)
    const moved = new IndexBuilder()
    moved.add(fileEntry('0/1/2'))
    moved.addFolder(index, index.findFolder('b/c' as BytePath) ?? 0)
    moved.add(fileEntry('c'))
    const made = decodeIndex(moved.finish({ writtenMs: laterMs }))
    expect([...made.entries()]).toEqual([fileEntry('0/1/2'), ...entries.slice(2, 4), fileEntry('c')])
  })

  it('holds nothing at all', () => {
    const index = decodeIndex(build([]))
    expect(index.count).toBe(0)
    expect([...index.entries()]).toEqual([])
    expect(index.findFolder(rootPath)).toBe(0)
  })

  it('holds names of any bytes', () => {
    const paths = hardNames.flatMap((name) => [name, `${name} dir/${name}`]).sort(comparePathOrder)
    const index = decodeIndex(build(paths.map((path) => fileEntry(path))))
    expect([...index.entries()].map(({ path }) => path)).toEqual(paths)
  })

  it('leaves out the stat data of racily clean files, also after copying into a later index', () => {
    const index = decodeIndex(build([{ ...fileEntry('a', '12345'), stat }], stat.mtimeMs + 10))
    expect(index.get('a' as BytePath)?.stat).toBeUndefined()
    expect(index.isUnchanged(0, stat)).toBe(false)
    const copy = new IndexBuilder()
    copy.addFolder(index, 0)
    const later = decodeIndex(copy.finish({ writtenMs: laterMs }))
    expect(later.isUnchanged(0, stat)).toBe(false)
    expect(decodeIndex(build([{ ...fileEntry('a', '12345'), stat }], stat.mtimeMs + 30)).isUnchanged(0, stat)).toBe(true)
  })

  it('takes times without a fraction for a coarse clock', () => {
    const coarse = { ...stat, mtimeMs: 1700000000000 }
    const at = (ms: number): boolean =>
      decodeIndex(build([{ ...fileEntry('a', '12345'), stat: coarse }], coarse.mtimeMs + ms)).isUnchanged(0, coarse)
    expect([at(1999), at(2001)]).toEqual([false, true])
  })

  it('keeps no stat data that disagrees with the size', () => {
    const index = decodeIndex(build([{ ...fileEntry('a', '1234'), stat }]))
    expect(index.entry(0).stat).toBeUndefined()
  })

  it('refuses entries out of order, twice, or below a file', () => {
    for (const [first, second] of [['b', 'a'], ['a', 'a'], ['a', 'a/b'], ['a-', 'a/b']] as const) {
      expect(() => build([fileEntry(first), fileEntry(second)]), `${first} ${second}`).toThrow()
    }
  })

  it('refuses paths that are deeper than a tree may be', () => {
    expect(() => build([fileEntry('d/'.repeat(512) + 'x')])).toThrow(expect.objectContaining({ code: 'tree-too-deep' }))
    expect(decodeIndex(build([fileEntry('d/'.repeat(511) + 'x')])).count).toBe(1)
  })

  it('is the same after many random builds', () => {
    const seed = 20240611
    const random = seededRandom(seed)
    for (let round = 0; round < 30; round++) {
      const paths = randomPaths(random)
      const index = decodeIndex(build(paths.map((path) => fileEntry(path))))
      expect([...index.entries()].map(({ path }) => path), `seed ${seed}, round ${round}`).toEqual(paths)
      for (const path of paths) expect(index.get(path as BytePath), `seed ${seed}, round ${round}`).toEqual(fileEntry(path))
      for (let f = 1; f < index.folderCount; f++) expect(index.findFolder(index.folderPath(f))).toBe(f)
    }
  })
})

describe('a damaged index', () => {
  const bytes = build([fileEntry('a/b/c'), fileEntry('a/d'), { ...fileEntry('b'), content: 'manifest', hash: idOf('h') }])

  it('is noticed wherever a bit flips, and wherever it ends', () => {
    for (let at = 0; at < bytes.length; at += 3) {
      const copy = Buffer.from(bytes)
      copy.writeUInt8((copy[at] ?? 0) ^ 4, at)
      expect(damageOf(copy), `byte ${at}`).toBe(true)
      expect(damageOf(bytes.subarray(0, at)), `cut at ${at}`).toBe(true)
    }
    expect(damageOf(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe(true)
  })

  it('is noticed in its structure even where the checksum is right', () => {
    const seed = 7
    const random = seededRandom(seed)
    const { layout } = readHeader(Buffer.from(bytes))
    const columns = [layout.flags, layout.folder, layout.nameEnd, layout.folderParent, layout.folderFirst, layout.folderNameEnd]
    for (const column of columns) {
      const copy = Buffer.from(bytes)
      copy.writeUInt8(0xf7, column)
      sealIndex(copy)
      expect(damageOf(copy), `column at ${column}`).toBe(true)
    }
    for (let round = 0; round < 2000; round++) {
      const copy = Buffer.from(bytes)
      const at = headerBytes + Math.floor(random() * (copy.length - headerBytes - 32))
      copy.writeUInt8(Math.floor(random() * 256), at)
      sealIndex(copy)
      const index = damageOf(copy) ? undefined : decodeIndex(copy)
      const paths = index ? [...index.entries()].map(({ path }) => path) : []
      expect([...paths].sort(comparePathOrder), `seed ${seed}, round ${round}`).toEqual(paths)
    }
  })
})

function damageOf(bytes: Uint8Array): boolean {
  try {
    decodeIndex(bytes)
    return false
  } catch (error) {
    if (!hasCode(error, 'index-damaged')) throw error
    return true
  }
}

function randomPaths(random: () => number): string[] {
  const names = ['a', 'a!', 'b', 'ab', '\xff', 'Z']
  const paths = new Set<string>()
  for (let k = 0; k < 40; k++) {
    const depth = 1 + Math.floor(random() * 4)
    paths.add(Array.from({ length: depth }, () => names[Math.floor(random() * names.length)]).join('/'))
  }
  const sorted = [...paths].sort(comparePathOrder)
  return sorted.filter((path) => !sorted.some((other) => other.startsWith(`${path}/`)))
}
