import { appendFileSync, chmodSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { pathFromText, rootPath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { everything, specOf, TestRepo } from '../repo.fixture.ts'
import { parsePathspec } from './pathspec.ts'
import { addPaths, readIndex } from './stage.ts'

const code = (name: string) => expect.objectContaining({ code: name })
const nothing = { added: [], modified: [], removed: [], failures: [], ignored: [] }

describe('adding', () => {
  it('stages what is new, changed and removed, and says so', async () => {
    const test = await TestRepo.create()
    await test.commit({ changed: '1', removed: '1', 'd/removed': '1', same: '1', mode: '1' })
    test.write({ changed: '22', removed: undefined, d: undefined, 'new/file': 'new', link: 'l:same', run: 'x:new', empty: null, mode: 'x:1' })
    const report = await addPaths(test.repo, everything)
    expect(report).toMatchObject({
      added: ['empty', 'link', 'new/file', 'run'],
      modified: ['changed', 'mode'],
      removed: ['d/removed', 'removed'],
      bytes: 13,
      failures: [],
    })
    expect(await test.staged()).toEqual({ changed: '22', 'new/file': 'new', link: 'l:same', run: 'x:new', empty: null, same: '1', mode: 'x:1' })
    expect(await test.status()).toHaveLength(8)
  })

  it('stores each distinct content once', async () => {
    const test = await TestRepo.create()
    const content = createRandom(1).bytes(100_000)
    test.write({ a: content, b: content })
    const { stored } = await addPaths(test.repo, everything)
    expect(stored.rawBytes).toBeLessThan(105_000)
    test.write({ c: content })
    expect((await addPaths(test.repo, everything)).stored.rawBytes).toBeLessThan(1000)
  })

  it('stages what became something else', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'file-folder': '1', 'folder-file/a/b': '1', 'folder-file/c': '1', 'file-link': '1', 'link-file': 'l:x', 'empty-file': null, 'file-empty': '1', 'link-folder': 'l:x' })
    const after = { 'file-folder/a': '2', 'folder-file': '2', 'file-link': 'l:y', 'link-file': '2', 'empty-file': '2', 'file-empty': null, 'link-folder/x': '2' }
    test.write({ 'file-folder': undefined, 'link-folder': undefined, ...after })
    await addPaths(test.repo, everything)
    expect(await test.staged()).toEqual(after)
    await test.repo.objects.packs.refresh()
    expect(await test.status()).toEqual(expect.not.arrayContaining([expect.stringMatching(/^(modified|deleted|untracked)/)]))
  })

  it('stages only what is named', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a/x': '1', 'a b/x': '1', 'a-b': '1' })
    test.write({ 'a/x': '2', 'a b/x': '2', 'a-b': '2', 'c.mov': 'new', 'd/e.mov': 'new', 'd/f.txt': 'new' })
    expect(await addPaths(test.repo, specOf('a b', 'a'))).toMatchObject({ modified: ['a/x', 'a b/x'], added: [] })
    expect(await addPaths(test.repo, specOf('*.mov'))).toMatchObject({ added: ['c.mov', 'd/e.mov'] })
    expect(await test.status()).toEqual(['staged modified a/x', 'staged modified a b/x', 'staged added c.mov', 'staged added d/e.mov', 'modified a-b', 'untracked d/f.txt'])
  })

  it('understands names from where the person stands, removed files too', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'a/gone': '1', 'a/x': '1', y: '1' })
    test.write({ 'a/gone': undefined, 'a/x': '2', y: '2' })
    const from = (...names: string[]) => parsePathspec(names.map(pathFromText), pathFromText('a'))
    expect(await addPaths(test.repo, from('gone', '../y'))).toMatchObject({ removed: ['a/gone'], modified: ['y'] })
    expect(await addPaths(test.repo, from('.'))).toMatchObject({ modified: ['a/x'] })
  })

  it('takes a great many names, as a shell writes them out', async () => {
    const test = await TestRepo.create()
    const names = Array.from({ length: 3000 }, (_, i) => `frame-${String(i).padStart(4, '0')}`)
    test.write(Object.fromEntries(names.map((name) => [name, name])))
    test.write({ other: 'x' })
    const { added } = await addPaths(test.repo, specOf(...names))
    expect(added).toEqual(names)
    expect(await test.status()).toHaveLength(3001)
  })

  it('leaves untracked files alone where only tracked ones are asked for', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', b: '1' })
    test.write({ a: '2', b: undefined, c: 'new' })
    expect(await addPaths(test.repo, everything, { trackedOnly: true })).toMatchObject({ modified: ['a'], removed: ['b'], added: [] })
    expect(await test.status()).toEqual(['staged modified a', 'staged deleted b', 'untracked c'])
    await expect(addPaths(test.repo, specOf('c'), { trackedOnly: true })).rejects.toThrow(code('no-such-path'))
  })

  it('passes over what is ignored, unless it is tracked or forced', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'tracked.tmp': '1' })
    test.write({ '.ditsignore': '*.tmp\ncache/\n', 'tracked.tmp': '2', 'other.tmp': 'x', 'cache/x': 'x', 'cache/y/z': 'x', '.git/config': 'x' })
    expect(await addPaths(test.repo, everything)).toMatchObject({ added: ['.ditsignore'], modified: ['tracked.tmp'] })
    expect(await addPaths(test.repo, everything, { force: true })).toMatchObject({ added: ['cache/x', 'cache/y/z', 'other.tmp'] })
  })

  it('stages the rest where names are ignored, and answers which', async () => {
    const test = await TestRepo.create()
    test.write({ '.ditsignore': '*.tmp\ncache/\n', a: '1', 'b.tmp': 'x', 'cache/x': 'x' })
    expect(await addPaths(test.repo, specOf('a', 'b.tmp', 'cache/x', 'cache'))).toMatchObject({
      added: ['a'],
      ignored: [{ path: 'b.tmp', by: `'.ditsignore', line 1` }, { path: 'cache/x', by: `'.ditsignore', line 2` }, { path: 'cache', by: `'.ditsignore', line 2` }],
    })
    await expect(addPaths(test.repo, specOf('b.tmp'))).rejects.toThrow(code('path-ignored'))
    await expect(addPaths(test.repo, specOf('cache/x', 'b.tmp'))).rejects.toThrow(code('path-ignored'))
    expect(await addPaths(test.repo, specOf('cache/x', 'b.tmp'), { force: true })).toMatchObject({ added: ['b.tmp', 'cache/x'] })
  })

  it('is silent about a folder in which everything is ignored', async () => {
    const test = await TestRepo.create()
    test.write({ '.ditsignore': '*.tmp\n', 'd/x.tmp': 'x' })
    expect(await addPaths(test.repo, specOf('d'))).toMatchObject(nothing)
  })

  it.each([
    ['nowhere', "'nowhere' is not there"],
    ['*.exr', "'*.exr' matches no file"],
    ['link/x', "'link/x' lies behind the link 'link'"],
  ])('knows that there is nothing for %s, and then stages nothing', async (name, message) => {
    const test = await TestRepo.create()
    test.write({ a: '1', 'd/x': '1', link: 'l:d' })
    await expect(addPaths(test.repo, specOf('a', name))).rejects.toThrow(expect.objectContaining({ code: 'no-such-path', message }))
    expect(await readIndex(test.repo)).toBeUndefined()
  })

  it('only says what it would stage in a dry run', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', touched: '1', gone: '1' })
    test.write({ a: '2', new: 'n', gone: undefined, touched: '1' })
    const packs = readdirSync(test.path('.dits/packs'))
    expect(await addPaths(test.repo, everything, { dryRun: true })).toMatchObject({ modified: ['a'], added: ['new'], removed: ['gone'] })
    expect(readdirSync(test.path('.dits/packs'))).toEqual(packs)
    expect(await test.status()).toEqual(['modified a', 'deleted gone', 'untracked new'])
  })

  it('counts files that were only touched as nothing, and records nothing', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    const operations = await test.operations()
    utimesSync(test.path('a'), 1, 1)
    expect(await addPaths(test.repo, everything)).toMatchObject(nothing)
    expect(await test.operations()).toEqual(operations)
    const index = await readIndex(test.repo)
    expect(index!.isUnchanged(0, statSync(test.path('a')))).toBe(true)
  })

  it('warns of what cannot be tracked, and stages the rest', async () => {
    const test = await TestRepo.create()
    test.write({ a: '1', 'nested/.dits/format': 'x', 'nested/x': 'x' })
    execFileSync('mkfifo', [test.path('pipe')])
    expect(await addPaths(test.repo, everything)).toMatchObject({ added: ['a'] })
    expect(test.warnings).toEqual(["'nested' is a repository of its own and is left out", "'pipe' is no file, link or folder and is left out"])
  })

  it('stages the rest where single files cannot be stored', async () => {
    const test = await TestRepo.create()
    await test.commit({ b: '1', c: '1' })
    // A file that somebody writes to all the time while it is read.
    let grown = 0
    await test.reopen({ onProgress: ({ task }) => (task === 'reading' && grown++ < 1000 ? appendFileSync(test.path('growing'), 'x') : undefined) })
    test.write({ a: 'new', b: '2', c: undefined, growing: createRandom(1).bytes(5_000_000) })
    const report = await addPaths(test.repo, everything)
    expect(report).toMatchObject({ added: ['a'], modified: ['b'], removed: ['c'], failures: [{ path: 'growing', code: 'file-changing' }] })
    expect(await test.staged()).toEqual({ a: 'new', b: '2' })
    expect(await test.status()).toEqual(['staged added a', 'staged modified b', 'staged deleted c', 'untracked growing'])
  })

  it('stages the rest where files vanish between the look and the reading', async () => {
    const test = await TestRepo.create()
    await test.commit({ b: '1' })
    test.write({ a: '1', b: '2', z: '1' })
    await test.reopen({ onProgress: ({ path }) => (path === 'a' ? test.write({ b: undefined, z: undefined }) : undefined) })
    expect(await addPaths(test.repo, everything)).toMatchObject({ added: ['a'], failures: [{ path: 'b', code: 'file-missing' }, { path: 'z', code: 'file-missing' }] })
    expect(await test.staged()).toEqual({ a: '1', b: '1' })
  })

  it('leaves everything as it was when it is interrupted', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    const controller = new AbortController()
    await test.reopen({ signal: controller.signal, onProgress: ({ bytes }) => (bytes > 3_000_000 ? controller.abort(new DitsError('interrupted', 'interrupted')) : undefined) })
    test.write({ a: '2', clip: createRandom(2).bytes(20_000_000) })
    await expect(addPaths(test.repo, everything)).rejects.toThrow(code('interrupted'))
    await test.reopen()
    expect(await test.status()).toEqual(['modified a', 'untracked clip'])
    expect(readdirSync(test.path('.dits/tmp'))).toEqual([])
    await addPaths(test.repo, everything)
    expect(await test.status()).toEqual(['staged modified a', 'staged added clip'])
  })

  it('does so in several threads, too', async () => {
    const test = await TestRepo.create()
    const controller = new AbortController()
    await test.reopen({ threads: 2, signal: controller.signal, onProgress: ({ bytes }) => (bytes > 3_000_000 ? controller.abort(new DitsError('interrupted', 'interrupted')) : undefined) })
    for (let i = 0; i < 4; i++) test.write({ [`clip-${i}`]: createRandom(i).bytes(20_000_000) })
    await expect(addPaths(test.repo, everything)).rejects.toThrow(code('interrupted'))
    expect(readdirSync(test.path('.dits/tmp'))).toEqual([])
    await test.reopen({ threads: 2 })
    await addPaths(test.repo, everything)
    expect(await test.status()).toHaveLength(4)
    expect((await test.staged())['clip-3']).toBe(createRandom(3).bytes(20_000_000).toString('latin1'))
  })

  it('keeps names that are not UTF-8', async () => {
    const test = await TestRepo.create()
    writeFileSync(Buffer.concat([Buffer.from(`${test.root}/`), Buffer.from([0x61, 0xff])]), 'x')
    await addPaths(test.repo, everything)
    expect(Object.keys(await test.staged())).toEqual(['a\xff'])
    expect((await addPaths(test.repo, parsePathspec(['a\xff' as typeof rootPath], rootPath))).modified).toEqual([])
  })

  it('notices that a file became executable', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    chmodSync(test.path('a'), 0o755)
    expect(await addPaths(test.repo, everything)).toMatchObject({ modified: ['a'] })
    expect(await test.status()).toEqual(['staged mode-changed a'])
  })
})
