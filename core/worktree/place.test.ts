import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pathFromText, type BytePath } from '../bytes.ts'
import { checkUnchanged } from './content-hash.ts'
import { detectFoldsCase, readDiskClock } from './disk.ts'
import type { FileStat } from './file-stat.ts'
import { Placer, removeLeftovers, type PlacerOptions } from './place.ts'
import { checkSafePath, type Platform } from './safe-name.ts'
import { fileEntry, hardNames, WorkFolder } from './work-folder.fixture.ts'

interface PlaceOptions {
  isExecutable?: boolean
  isReadOnly?: boolean
  mtimeNs?: bigint
}

function place(placer: Placer, path: string, content = path, options: PlaceOptions = {}): FileStat {
  const { isExecutable = false, ...rest } = options
  const file = placer.openFile(path as BytePath, { isExecutable })
  writeSync(file.fd, Buffer.from(content, 'latin1'))
  return file.commit(rest)
}

const unsafe = expect.objectContaining({ code: 'unsafe-path' })

describe('placing files', () => {
  it('makes the folders, the content, the mode and the time', () => {
    const tree = new WorkFolder()
    const placer = new Placer(tree.root)
    const stat = place(placer, 'a/b/c', 'content', { isExecutable: true, mtimeNs: 1_600_000_000_123_456_000n })
    expect(readFileSync(tree.at('a/b/c'), 'latin1')).toBe('content')
    expect(stat.mode & 0o100).toBe(0o100)
    expect(stat.mtimeMs).toBeCloseTo(1_600_000_000_123.456, 2)
    expect(lstatSync(tree.at('a/b/c'))).toMatchObject(stat)
    expect(place(placer, 'locked', '', { isReadOnly: true }).mode & 0o222).toBe(0)
    placer.setReadOnly('locked' as BytePath, false)
    expect(lstatSync(tree.at('locked')).mode & 0o200).toBe(0o200)
    expect(place(placer, 'a/b/c', 'again').mode & 0o100).toBe(0)
    expect(readdirSync(tree.at('a/b'))).toEqual(['c'])
  })

  it('shows nothing of a file before it is complete, and nothing of one that was abandoned', () => {
    const tree = new WorkFolder()
    tree.write('a', 'old')
    const file = new Placer(tree.root).openFile('a' as BytePath)
    writeSync(file.fd, 'half')
    expect(readFileSync(tree.at('a'), 'latin1')).toBe('old')
    file.abandon()
    expect(readdirSync(tree.root)).toEqual(['a'])
  })

  it('takes names of any bytes', async () => {
    const tree = new WorkFolder()
    const placer = new Placer(tree.root)
    for (const name of hardNames) place(placer, `${name} dir/${name}`)
    expect((await tree.stage()).count).toBe(hardNames.length)
  })

  it('places symlinks, also over files, without looking where they lead', () => {
    const tree = new WorkFolder()
    tree.write('a')
    const placer = new Placer(tree.root)
    placer.placeSymlink('a' as BytePath, Buffer.from('../\xff out', 'latin1'))
    expect(readlinkSync(tree.at('a'), 'latin1')).toBe('../\xff out')
    place(placer, 'a', 'file again')
    expect(lstatSync(tree.at('a')).isFile()).toBe(true)
  })

  it('refuses a symlink whose target is no path, and leaves nothing behind', () => {
    const tree = new WorkFolder()
    for (const target of ['', 'a\0b']) expect(() => new Placer(tree.root).placeSymlink('a' as BytePath, Buffer.from(target))).toThrow(unsafe)
    expect(readdirSync(tree.root)).toEqual([])
  })

  it('never goes through a symlink', () => {
    const tree = new WorkFolder()
    const outside = new WorkFolder()
    outside.write('victim')
    tree.link('link', outside.root)
    tree.folder('real')
    tree.link('real/deep', outside.root)
    const placer = new Placer(tree.root)
    for (const folder of ['link', 'real/deep', 'link/new']) {
      expect(() => place(placer, `${folder}/x`), folder).toThrow(unsafe)
      expect(() => placer.placeFolder(`${folder}/x` as BytePath), folder).toThrow(unsafe)
      expect(() => placer.placeSymlink(`${folder}/x` as BytePath, Buffer.from('y')), folder).toThrow(unsafe)
      placer.removeFile(`${folder}/victim` as BytePath)
    }
    expect(readdirSync(outside.root)).toEqual(['victim'])
  })

  it('notices a symlink that it placed itself where a folder was', () => {
    const tree = new WorkFolder()
    const outside = new WorkFolder()
    const placer = new Placer(tree.root)
    place(placer, 'a/b/x')
    placer.removeFile('a/b/x' as BytePath)
    placer.removeEmptiedFolders()
    placer.placeSymlink('a' as BytePath, Buffer.from(outside.root))
    expect(() => place(placer, 'a/b/y')).toThrow(unsafe)
    expect(() => place(placer, 'a/y')).toThrow(unsafe)
    expect(readdirSync(outside.root)).toEqual([])
  })

  it('does not replace a folder by a file, nor leave anything behind then', () => {
    const tree = new WorkFolder()
    tree.write('a/kept')
    tree.folder('empty')
    const placer = new Placer(tree.root)
    expect(() => place(placer, 'a')).toThrow(unsafe)
    expect(() => placer.placeSymlink('empty' as BytePath, Buffer.from('x'))).toThrow(unsafe)
    expect(() => placer.removeFile('a' as BytePath)).toThrow(unsafe)
    expect(readdirSync(tree.root).sort()).toEqual(['a', 'empty'])
  })

  it('refuses a name that differs only in case, where the file system does not tell them apart', () => {
    const tree = new WorkFolder()
    tree.write('Folder/File')
    const options: PlacerOptions = { foldsCase: true }
    const placer = new Placer(tree.root, options)
    expect(() => place(placer, 'Folder/FILE')).toThrow(unsafe)
    expect(() => place(placer, 'folder/other')).toThrow(unsafe)
    place(placer, 'Folder/File', 'same name')
    place(placer, pathFromText('é'))
    expect(() => place(placer, pathFromText('e\u0301'))).toThrow(unsafe)
    placer.removeFile('Folder/File' as BytePath)
    place(placer, 'Folder/FILE')
    place(new Placer(tree.root), 'folder/other')
  })
})

describe('removing files', () => {
  it('takes away the folders that are empty then, and no others', () => {
    const tree = new WorkFolder()
    for (const path of ['a/b/c/1', 'a/b/c/2', 'a/b/d/3', 'e/4', 'f/g/5', 'f/h']) tree.write(path)
    const placer = new Placer(tree.root)
    for (const path of ['a/b/c/1', 'a/b/c/2', 'a/b/d/3', 'e/4', 'f/g/5', 'not/there']) placer.removeFile(path as BytePath)
    placer.removeEmptiedFolders((folder) => folder === 'e')
    expect(readdirSync(tree.root).sort()).toEqual(['e', 'f'])
    expect(readdirSync(tree.at('f'))).toEqual(['h'])
    expect(existsSync(tree.root)).toBe(true)
  })

  it('answers whether a folder is gone', () => {
    const tree = new WorkFolder()
    tree.write('full/x')
    tree.folder('empty')
    const placer = new Placer(tree.root)
    const remove = (path: string): boolean => placer.removeFolder(path as BytePath)
    expect([remove('full'), remove('empty'), remove('none')]).toEqual([false, true, true])
  })

  it('clears up what a killed checkout left, except in other repositories', () => {
    const tree = new WorkFolder()
    for (const path of ['.dits-tmp-1', 'a/b/.dits-tmp-2', 'a/b/kept']) tree.write(path)
    for (const path of ['nested/.dits/x', 'nested/.dits-tmp-3', '.dits/.dits-tmp-4']) tree.write(path)
    expect(removeLeftovers(tree.root)).toBe(2)
    expect(readdirSync(tree.at('a/b'))).toEqual(['kept'])
    expect(existsSync(tree.at('nested/.dits-tmp-3'))).toBe(true)
  })
})

describe('paths that a tree may carry and a working tree must not', () => {
  const refused: Record<string, Platform[]> = {
    '': ['linux'],
    '..': ['linux'],
    'a/../../b': ['linux'],
    '/etc/passwd': ['linux'],
    'a//b': ['linux'],
    './a': ['linux'],
    'a\0b': ['linux'],
    '.dits/config': ['linux', 'darwin', 'win32'],
    'a/.DITS/x': ['linux', 'darwin', 'win32'],
    '.dits-tmp-x': ['linux'],
    [pathFromText('.di\u200cts/config')]: ['darwin'],
    '.dits. /config': ['win32'],
    '.dits::$INDEX_ALLOCATION/config': ['win32'],
    'dits~1/config': ['win32'],
    'a\\..\\b': ['win32'],
    'c:evil': ['win32'],
    'nul': ['win32'],
    'a/COM1.txt': ['win32'],
    [pathFromText('lpt²')]: ['win32'],
    'dot.': ['win32'],
  }
  it('are refused where they matter', () => {
    for (const [path, platforms] of Object.entries(refused)) {
      for (const platform of platforms) expect(() => checkSafePath(path as BytePath, platform), `${path} on ${platform}`).toThrow(unsafe)
    }
  })

  it('do not include harmless names', () => {
    const fine = ['a..b', '.ditsignore', 'dits', 'console', 'nul-', 'com', '.dits2', pathFromText('é 🎬'), '\xff']
    for (const path of fine) for (const platform of ['linux', 'darwin', 'win32'] as const) checkSafePath(path as BytePath, platform)
    for (const path of ['...', 'nul', 'a:b', 'a\\b', 'dits~1', 'dot.']) checkSafePath(path as BytePath, 'linux')
  })

  it('are refused by everything that writes or removes', () => {
    const tree = new WorkFolder()
    tree.write('.dits/config')
    const placer = new Placer(tree.root)
    const path = '.dits/config' as BytePath
    for (const act of [
      () => placer.openFile(path),
      () => placer.placeSymlink(path, Buffer.from('x')),
      () => placer.placeFolder(path),
      () => placer.removeFile(path),
      () => placer.removeFolder(path),
      () => placer.setReadOnly(path, true),
    ]) expect(act).toThrow(unsafe)
  })
})

describe('checking that nothing uncommitted would be overwritten', () => {
  it('tells what is the same from what is not', async () => {
    const tree = new WorkFolder()
    for (const path of ['a', 'b', 'exec', 'folder/x']) tree.write(path)
    tree.link('link', 'target')
    tree.folder('empty')
    const index = await tree.stage()
    const check = async (path: string): Promise<string> => checkUnchanged(tree.root, index.get(path as BytePath) ?? fileEntry(path))
    for (const path of ['a', 'b', 'exec', 'folder/x', 'link', 'empty']) expect(await check(path), path).toBe('same')
    tree.write('a', 'A')
    tree.write('b', 'longer')
    tree.mode('exec', 0o755)
    tree.remove('link')
    tree.link('link', 'Target')
    tree.remove('folder/x')
    tree.remove('empty')
    tree.write('empty')
    for (const path of ['a', 'b', 'exec', 'link', 'empty']) expect(await check(path), path).toBe('different')
    expect(await check('folder/x')).toBe('missing')
    expect(await check('folder/x/y')).toBe('missing')
  })

  it('compares the content where there is no stat data', async () => {
    const tree = new WorkFolder()
    tree.write('a', 'content')
    expect(await checkUnchanged(tree.root, fileEntry('a', 'content'))).toBe('same')
    expect(await checkUnchanged(tree.root, fileEntry('a', 'CONTENT'))).toBe('different')
  })

  it('hashes a file that is larger than a buffer', async () => {
    const tree = new WorkFolder()
    const content = 'x'.repeat(5 * 2 ** 20 + 17)
    tree.write('a', content)
    expect(await checkUnchanged(tree.root, fileEntry('a', content))).toBe('same')
    expect(await checkUnchanged(tree.root, fileEntry('a', `${content.slice(1)}y`))).toBe('different')
  })
})

describe('what a file system is like', () => {
  it('is found out by trying, without leaving anything', () => {
    const tree = new WorkFolder()
    const before = readDiskClock(tree.root)
    tree.write('a')
    expect(tree.mtimeMs('a')).toBeGreaterThanOrEqual(before)
    expect(readDiskClock(tree.root)).toBeGreaterThanOrEqual(tree.mtimeMs('a'))
    tree.write('probe')
    expect(detectFoldsCase(tree.root)).toBe(existsSync(tree.at('PROBE')))
    expect(readdirSync(tree.root).sort()).toEqual(['a', 'probe'])
  })
})
