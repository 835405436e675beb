import { execFileSync } from 'node:child_process'
import { lstatSync, truncateSync, utimesSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { decodeIndex } from './index-file.ts'
import { comparePathOrder } from './path-order.ts'
import { StatPatch } from './stat-patch.ts'
import { hardNames, laterMs, WorkFolder } from './work-folder.fixture.ts'

const isRootUser = process.getuid?.() === 0

describe('comparing a working tree with the index', () => {
  it('finds nothing where nothing changed', async () => {
    const tree = new WorkFolder()
    for (const path of ['a', 'b/c', 'b/d/e', 'b-']) tree.write(path)
    tree.link('l', 'nowhere')
    tree.folder('empty')
    const index = await tree.stage()
    expect(index.count).toBe(6)
    expect(await tree.compare(index)).toEqual([])
  })

  it('reports each sort of change, in path order', async () => {
    const tree = new WorkFolder()
    for (const path of ['del', 'dir/gone', 'dir/mod', 'exec', 'same size', 'tofolder', 'tolink', 'was/a', 'was/b/c']) tree.write(path)
    tree.link('link', 'here')
    const index = await tree.stage()
    tree.remove('del')
    tree.remove('dir/gone')
    tree.write('dir/mod', 'longer than before')
    tree.write('dir/new')
    tree.mode('exec', 0o755)
    tree.write('same size', 'SAME SIZE')
    tree.remove('tofolder')
    tree.write('tofolder/in')
    tree.remove('tolink')
    tree.link('tolink', 'x')
    tree.remove('was')
    tree.write('was')
    tree.remove('link')
    tree.link('link', 'Here')
    expect(await tree.compare(index)).toEqual([
      'deleted del',
      'deleted dir/gone',
      'modified dir/mod file',
      'untracked dir/new file',
      'modified exec executable',
      'modified link symlink',
      'modified same size file',
      'deleted tofolder',
      'untracked tofolder directory',
      'type-changed tolink symlink',
      'untracked was file',
      'deleted was/a',
      'deleted was/b/c',
    ])
  })

  it('takes a file of the same content for unchanged, whatever its times', async () => {
    const tree = new WorkFolder()
    tree.write('a', 'content')
    const index = await tree.stage()
    utimesSync(tree.at('a'), 1, 1)
    expect(await tree.compare(index)).toEqual([])
    expect(await tree.compare(index, { hash: false })).toEqual(['maybe a file'])
    const [touched] = await tree.changes(index, { touched: true })
    expect(touched).toMatchObject({ change: 'touched', entry: 0, stat: { mtimeMs: 1000 } })
    const patch = new StatPatch(index)
    patch.set(0, touched?.stat ?? { mtimeMs: 0, ctimeMs: 0, ino: 0, size: 0, mode: 0 })
    const renewed = decodeIndex(patch.finish({ writtenMs: laterMs }))
    expect(await tree.compare(renewed, { hash: false })).toEqual([])
  })

  it('notices a change of the same size within one tick of the clock', async () => {
    const tree = new WorkFolder()
    tree.write('a', 'before')
    const index = await tree.stage(tree.mtimeMs('a'))
    const { atime, mtime } = lstatSync(tree.at('a'))
    truncateSync(tree.at('a'), 6)
    expect(await tree.compare(index)).toEqual([])
    tree.write('a', 'after!')
    utimesSync(tree.at('a'), atime, mtime)
    expect(await tree.compare(index, { timeOnly: true })).toEqual(['modified a file'])
  })

  it('hashes a file that is racily clean even if all its stat data agrees', async () => {
    const tree = new WorkFolder()
    tree.write('a', 'before')
    const old = await tree.stage()
    expect(await tree.compare(old, { hash: false })).toEqual([])
    const racy = await tree.stage(tree.mtimeMs('a'))
    expect(await tree.compare(racy, { hash: false })).toEqual(['maybe a file'])
    expect(await tree.compare(racy)).toEqual([])
  })

  it('looks at times and sizes alone where told to', async () => {
    const tree = new WorkFolder()
    tree.write('a')
    const index = await tree.stage()
    tree.mode('a', 0o600)
    tree.mode('a', 0o644)
    expect(await tree.compare(index, { hash: false })).toEqual(['maybe a file'])
    expect(await tree.compare(index, { hash: false, timeOnly: true })).toEqual([])
  })

  it('passes over the executable bit where files have none', async () => {
    const tree = new WorkFolder()
    tree.write('a')
    const index = await tree.stage()
    tree.mode('a', 0o755)
    expect(await tree.compare(index, { hasExecutableBit: false })).toEqual([])
  })

  it('reports an untracked folder itself, or every file in it', async () => {
    const tree = new WorkFolder()
    tree.write('new/a')
    tree.write('new/sub/b')
    tree.folder('new/void')
    tree.folder('void/inner')
    tree.write('z')
    const index = await new WorkFolder().stage()
    expect(await tree.compare(index)).toEqual(['untracked new directory', 'untracked void directory', 'untracked z file'])
    expect(await tree.compare(index, { untracked: 'all' })).toEqual([
      'untracked new/a file',
      'untracked new/sub/b file',
      'untracked new/void directory',
      'untracked void/inner directory',
      'untracked z file',
    ])
    expect(await tree.compare(index, { untracked: 'none' })).toEqual([])
  })

  it('keeps empty folders apart from folders that are gone or filled', async () => {
    const tree = new WorkFolder()
    for (const name of ['filled', 'gone', 'stays']) tree.folder(name)
    tree.write('emptied/a')
    const index = await tree.stage()
    tree.write('filled/x')
    tree.remove('gone')
    tree.remove('emptied/a')
    expect(await tree.compare(index)).toEqual([
      'untracked emptied directory',
      'deleted emptied/a',
      'untracked filled/x file',
      'deleted gone',
    ])
  })

  it('counts a folder with nothing but system rubbish as empty, one with ignored files as nothing', async () => {
    const tree = new WorkFolder()
    tree.write('.gitignore', '*.o\n')
    tree.write('build/deep/x.o')
    tree.write('footage/.DS_Store')
    const index = await new WorkFolder().stage()
    for (const untracked of ['all', 'folders'] as const) {
      expect(await tree.compare(index, { untracked })).toEqual(['untracked .gitignore file', 'untracked footage directory'])
    }
  })

  it('keeps what is tracked in ignored places, and nothing else there', async () => {
    const tree = new WorkFolder()
    tree.write('out/kept')
    tree.write('out/sub/kept')
    tree.write('log')
    const index = await tree.stage()
    tree.write('.ditsignore', 'out\nlog\n')
    tree.write('out/other')
    tree.write('out/sub/other')
    tree.write('out/kept', 'changed')
    tree.remove('out/sub/kept')
    tree.remove('log')
    expect(await tree.compare(index)).toEqual([
      'untracked .ditsignore file',
      'deleted log',
      'modified out/kept file',
      'deleted out/sub/kept',
    ])
  })

  it('does not enter other repositories', async () => {
    const tree = new WorkFolder()
    tree.write('.dits/own')
    tree.write('plain/.dits/x')
    tree.write('plain/file')
    tree.write('outer/inner/.DITS/x')
    tree.write('outer/inner/file')
    tree.write('tracked/file')
    const index = await new WorkFolder().stage()
    expect(await tree.compare(index, { untracked: 'all' })).toEqual([
      'skipped outer/inner repository',
      'skipped plain repository',
      'untracked tracked/file file',
    ])
    expect(await tree.compare(index)).toContain('skipped plain repository')
  })

  it('still watches what is tracked where another repository came to be', async () => {
    const tree = new WorkFolder()
    tree.write('a/file')
    const index = await tree.stage()
    tree.write('a/.dits/x')
    tree.write('a/other')
    tree.write('a/file', 'changed')
    expect(await tree.compare(index)).toEqual(['skipped a repository', 'modified a/file file'])
  })

  it.skipIf(process.platform === 'win32')('skips what is no file, and says so', async () => {
    const tree = new WorkFolder()
    tree.write('b')
    const index = await tree.stage()
    execFileSync('mkfifo', [tree.at('a') as string])
    tree.remove('b')
    execFileSync('mkfifo', [tree.at('b') as string])
    expect(await tree.compare(index)).toEqual(['skipped a unsupported', 'deleted b', 'skipped b unsupported'])
  })

  it.skipIf(isRootUser)('does not take for deleted what it may not see', async () => {
    const tree = new WorkFolder()
    tree.write('a/b')
    const index = await tree.stage()
    tree.mode('a', 0)
    const found = await tree.compare(index)
    tree.mode('a', 0o755)
    expect(found).toEqual(['skipped a unreadable'])
  })

  it('never follows a symlink', async () => {
    const tree = new WorkFolder()
    const other = new WorkFolder()
    other.write('sub/secret')
    tree.write('sub/secret')
    const index = await tree.stage()
    tree.remove('sub')
    tree.link('sub', `${other.root}/sub`)
    expect(await tree.compare(index)).toEqual(['untracked sub symlink', 'deleted sub/secret'])
    expect(await tree.compare(index, { under: 'sub/secret' as BytePath })).toEqual(['deleted sub/secret'])
  })

  it('passes over files that a checkout is writing', async () => {
    const tree = new WorkFolder()
    tree.write('.dits-tmp-0123')
    expect(await tree.compare(await tree.stage())).toEqual([])
  })

  it('handles names of any bytes', async () => {
    const tree = new WorkFolder()
    for (const name of hardNames) tree.write(`${name} dir/${name}`)
    const index = await tree.stage()
    expect(index.count).toBe(hardNames.length)
    expect(await tree.compare(index)).toEqual([])
    for (const name of hardNames) tree.write(`${name} dir/${name}`, 'changed now')
    const changes = await tree.changes(index)
    expect(changes.map(({ path }) => path)).toEqual(hardNames.map((name) => `${name} dir/${name}`).sort(comparePathOrder))
    expect(new Set(changes.map(({ change }) => change))).toEqual(new Set(['modified']))
  })

  it('handles 10,000 files in a folder, in batches', async () => {
    const tree = new WorkFolder()
    const names = Array.from({ length: 10_000 }, (_, i) => `many/shot_${String(i).padStart(5, '0')}`)
    for (const name of names) tree.write(name, '')
    const none = await new WorkFolder().stage()
    expect((await tree.changes(none, { untracked: 'all' })).map(({ path }) => path)).toEqual(names)
    const index = await tree.stage()
    expect(await tree.compare(index)).toEqual([])
    tree.remove('many/shot_07000')
    expect(await tree.compare(index)).toEqual(['deleted many/shot_07000'])
  }, 60_000)
})

describe('comparing only one path', () => {
  it('looks at a file or below a folder, and nowhere else', async () => {
    const tree = new WorkFolder()
    for (const path of ['a', 'd/e/f', 'd/e/g', 'd/h', 'd/e-', 'z']) tree.write(path)
    const index = await tree.stage()
    for (const path of ['a', 'd/e/f', 'd/h', 'd/e-', 'z']) tree.write(path, 'changed')
    tree.remove('d/e/g')
    tree.write('d/e/new')
    const under = (path: string): Promise<string[]> => tree.compare(index, { under: path as BytePath })
    expect(await under('a')).toEqual(['modified a file'])
    expect(await under('d/e')).toEqual(['modified d/e/f file', 'deleted d/e/g', 'untracked d/e/new file'])
    expect(await under('d/e/g')).toEqual(['deleted d/e/g'])
    expect(await under('d/e/new')).toEqual(['untracked d/e/new file'])
    expect(await under('nothing/there')).toEqual([])
    expect(await under('')).toHaveLength(7)
  })

  it('obeys the ignore files on the way', async () => {
    const tree = new WorkFolder()
    tree.write('.ditsignore', 'out\n')
    tree.write('a/.ditsignore', '*.tmp\n')
    for (const path of ['a/b/x.tmp', 'a/b/y', 'out/z']) tree.write(path)
    const index = await new WorkFolder().stage()
    const under = (path: string): Promise<string[]> => tree.compare(index, { under: path as BytePath, untracked: 'all' })
    expect(await under('a/b')).toEqual(['untracked a/b/y file'])
    expect(await under('a/b/x.tmp')).toEqual([])
    expect(await under('out/z')).toEqual([])
    expect(await tree.compare(index, { under: 'out/z' as BytePath, rules: undefined })).toEqual(['untracked out/z file'])
  })

  it('stops where it is told to', async () => {
    const tree = new WorkFolder()
    tree.write('a')
    const index = await new WorkFolder().stage()
    const signal = AbortSignal.abort()
    await expect(tree.compare(index, { signal })).rejects.toThrow()
  })
})
