import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { DitsError } from '../errors.ts'
import { TestRepo } from '../repo.fixture.ts'
import { switchTo } from './switch.ts'

const interruption = new DitsError('interrupted', 'interrupted')
const wouldOverwrite = expect.objectContaining({ code: 'would-overwrite' })

/** `main` with `files`, and `side`, one commit further; HEAD is on `main`. */
async function twoBranches(main: Record<string, string | null>, side: Record<string, string | null | undefined>): Promise<TestRepo> {
  const test = await TestRepo.create()
  await test.commit(main)
  await test.branch('side')
  await test.commit(side)
  await test.switch('main')
  return test
}

/** Switches, and is cut off after the first file. */
async function cutOff(test: TestRepo, branch: string): Promise<void> {
  const controller = new AbortController()
  await test.reopen({ signal: controller.signal, onProgress: ({ task, files = 0 }) => (task === 'writing' && files === 1 ? controller.abort(interruption) : undefined) })
  await expect(test.switch(branch)).rejects.toThrow('interrupted')
  await test.reopen()
}

describe('switching', () => {
  it('brings files, links, modes and empty folders to those of the other branch, and back', async () => {
    const main = { 'a.txt': 'a', 'run.sh': 'echo', link: 'l:a.txt', 'gone/deep.txt': 'x', empty: null, same: 'same' }
    const side = { 'a.txt': 'b', 'run.sh': 'x:echo', link: 'l:run.sh', 'gone/deep.txt': undefined, gone: undefined, empty: undefined, 'new/a/b.txt': 'n', 'new/c': null }
    const test = await twoBranches(main, side)
    expect(test.disk()).toEqual(main)
    const report = await test.switch('side')
    expect(report).toMatchObject({ written: 4, removed: 1, saved: false })
    expect(test.disk()).toEqual({ 'a.txt': 'b', 'run.sh': 'x:echo', link: 'l:run.sh', 'new/a/b.txt': 'n', 'new/c': null, same: 'same' })
    expect(await test.status()).toEqual([])
    await test.switch('main')
    expect(test.disk()).toEqual(main)
    expect(await test.status()).toEqual([])
  })

  it('turns files into folders, folders into files, and links into either', async () => {
    const main = { a: 'file', 'b/x': 'in b', 'b/y/z': 'deep', c: 'l:a', 'd/x': 'in d' }
    const side = { a: undefined, 'a/x': 'in a', b: 'file', c: undefined, 'c/x': 'in c', d: 'l:b' }
    const test = await twoBranches(main, side)
    await test.switch('side')
    expect(test.disk()).toEqual({ 'a/x': 'in a', b: 'file', 'c/x': 'in c', d: 'l:b' })
    await test.switch('main')
    expect(test.disk()).toEqual(main)
    expect(await test.status()).toEqual([])
  })

  it('does not touch what is the same in both', async () => {
    const test = await twoBranches({ 'a.txt': 'a', same: 'same' }, { 'a.txt': 'b' })
    const { ino, mtimeMs } = statSync(test.path('same'))
    await test.switch('side')
    expect(statSync(test.path('same'))).toMatchObject({ ino, mtimeMs })
  })

  it('carries changes that are staged, that are not, and untracked files', async () => {
    const test = await twoBranches({ a: 'a', b: 'b', c: 'c' }, { c: 'side' })
    await test.write({ a: 'staged' }).add()
    test.write({ b: 'changed', 'new.txt': 'untracked' })
    await test.switch('side')
    expect(test.disk()).toEqual({ a: 'staged', b: 'changed', c: 'side', 'new.txt': 'untracked' })
    expect(await test.status()).toEqual(['staged modified a', 'modified b', 'untracked new.txt'])
    await test.switch('main')
    expect(await test.status()).toEqual(['staged modified a', 'modified b', 'untracked new.txt'])
  })

  it('keeps what is there already as the other branch has it, tracked or not', async () => {
    const test = await twoBranches({ a: 'a' }, { a: 'side', 'new.txt': 'new' })
    test.write({ a: 'side', 'new.txt': 'new' })
    const { ino } = statSync(test.path('new.txt'))
    expect(await test.switch('side')).toMatchObject({ written: 0 })
    expect(statSync(test.path('new.txt')).ino).toBe(ino)
    expect(await test.status()).toEqual([])
  })

  it('writes a file that was deleted by hand where the branches differ', async () => {
    const test = await twoBranches({ a: 'a', b: 'b' }, { a: 'side' })
    test.write({ a: undefined, b: undefined })
    await test.switch('side')
    expect(await test.status()).toEqual(['deleted b'])
  })

  it('leaves folders with untracked files, and removes those that it empties', async () => {
    const test = await twoBranches({ 'a/x': 'x', 'b/c/x': 'x', k: 'k' }, { a: undefined, b: undefined })
    test.write({ 'a/mine': 'mine' })
    await test.switch('side')
    expect(test.disk()).toEqual({ 'a/mine': 'mine', k: 'k' })
  })

  describe('refuses, changing nothing, where uncommitted work is in the way:', () => {
    const cases: [string, Record<string, string | null>, Record<string, string | null | undefined>, Record<string, string | null | undefined>, string][] = [
      ['a changed file', { a: 'a', z: 'z' }, { a: 'side', z: 'side' }, { a: 'mine' }, "'a'"],
      ['a changed file that goes', { a: 'a', z: 'z' }, { a: undefined, z: 'side' }, { a: 'mine' }, "'a'"],
      ['a file that became executable', { a: 'a' }, { a: 'side' }, { a: 'x:a' }, "'a'"],
      ['a file that became a link', { a: 'a' }, { a: 'side' }, { a: 'l:elsewhere' }, "'a'"],
      ['an untracked file', { a: 'a' }, { b: 'side', a: 'side' }, { b: 'mine' }, "'b'"],
      ['an untracked link', { a: 'a' }, { b: 'side', a: 'side' }, { b: 'l:mine' }, "'b'"],
      ['an untracked file where a folder comes', { a: 'a' }, { 'b/x': 'side', a: 'side' }, { b: 'mine' }, "'b'"],
      ['an untracked file where folders come', { a: 'a' }, { 'b/c/x': 'side', a: 'side' }, { b: 'mine' }, "'b'"],
      ['an untracked link to a folder where a folder comes', { 'a/x': 'a' }, { 'b/x': 'side', 'a/x': 'side' }, { b: 'l:a' }, "'b'"],
      ['an untracked folder where a file comes', { a: 'a' }, { b: 'side', a: 'side' }, { 'b/c/mine': 'mine' }, "'b/c/mine'"],
      ['an untracked file in a folder that becomes a file', { a: 'a', 'b/x': 'x' }, { b: 'side', a: 'side' }, { 'b/mine': 'mine' }, "'b/mine'"],
      ['a changed file in a folder that becomes a file', { a: 'a', 'b/x': 'x' }, { b: 'side', a: 'side' }, { 'b/x': 'mine' }, "'b/x'"],
      ['a link in the place of a folder that changes', { a: 'a', 'b/x': 'x' }, { 'b/x': 'side', a: 'side' }, { b: 'l:a' }, "'b'"],
      ['a file in the place of a folder that changes', { a: 'a', 'b/x': 'x' }, { 'b/x': 'side', a: 'side' }, { b: 'mine' }, "'b'"],
      ['a folder in the place of a file that changes', { a: 'a', b: 'b' }, { b: 'side', a: 'side' }, { b: undefined, 'b/mine': 'mine' }, "'b/mine'"],
    ]
    it.each(cases)('%s', async (_, main, side, mine, named) => {
      const test = await twoBranches(main, side)
      test.write(mine)
      const [disk, staged, head, operations] = [test.disk(), await test.staged(), await test.repo.refs.readHead(), await test.operations()]
      await expect(test.switch('side')).rejects.toThrow(expect.objectContaining({ code: 'would-overwrite', message: expect.stringContaining(named) }))
      expect(test.disk()).toEqual(disk)
      expect(await test.staged()).toEqual(staged)
      expect(await test.repo.refs.readHead()).toEqual(head)
      expect(await test.operations()).toEqual(operations)
    })

    it.each(cases)('with force it is replaced, and undo brings it back: %s', async (_, main, side, mine) => {
      const test = await twoBranches(main, side)
      const wanted = await (async () => {
        await test.switch('side')
        const disk = test.disk()
        await test.switch('main')
        return disk
      })()
      test.write(mine)
      const before = test.disk()
      expect(await test.switch('side', { force: true })).toMatchObject({ saved: true })
      expect(test.disk()).toEqual(wanted)
      expect(await test.status()).toEqual([])
      await test.undo()
      expect(test.disk()).toEqual(before)
      expect(await test.repo.refs.readHead()).toEqual({ branch: 'refs/heads/main' })
      await test.undo({ redo: true })
      expect(test.disk()).toEqual(wanted)
      expect(await test.repo.refs.readHead()).toEqual({ branch: 'refs/heads/side' })
      expect(await test.status()).toEqual([])
      await test.undo()
      expect(test.disk()).toEqual(before)
    })

    it('a file that is staged, and differs in the other branch', async () => {
      const test = await twoBranches({ a: 'a' }, { a: 'side' })
      await test.write({ a: 'mine' }).add()
      await expect(test.switch('side')).rejects.toThrow(wouldOverwrite)
      expect(test.disk()).toEqual({ a: 'mine' })
    })

    it('a repository of its own, even with force', async () => {
      const test = await twoBranches({ a: 'a' }, { b: 'side' })
      test.write({ 'b/.dits/format': 'another', 'b/x': 'x' })
      await expect(test.switch('side', { force: true })).rejects.toThrow(wouldOverwrite)
      expect(readFileSync(test.path('b/.dits/format'), 'utf8')).toBe('another')
    })
  })

  it('leaves the folder in which the person stands, and says so', async () => {
    const test = await twoBranches({ a: 'a', 'sub/deep/x': 'x', 'sub/y/z': 'z' }, { sub: undefined })
    await test.reopen({ cwd: test.path('sub/deep') })
    await test.switch('side')
    expect(test.disk()).toEqual({ a: 'a', 'sub/deep': null })
    expect(test.warnings).toEqual([`'sub/deep' stays, though nothing tracked is in it, because you are there`])
    await test.switch('main')
    expect(test.disk()).toEqual({ a: 'a', 'sub/deep/x': 'x', 'sub/y/z': 'z' })
  })

  it('replaces empty folders, and folders with nothing but rubbish of the system, by a file', async () => {
    const test = await twoBranches({ a: 'a' }, { b: 'side' })
    test.write({ 'b/c/d': null, 'b/.DS_Store': 'rubbish' })
    await test.switch('side')
    expect(test.disk()).toEqual({ a: 'a', b: 'side' })
  })

  it('never reads or removes through a symlink in the place of a folder', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'dits-outside-'))
    onTestFinished(() => rmSync(outside, { recursive: true }))
    writeFileSync(join(outside, 'x'), 'x')
    const test = await twoBranches({ a: 'a', 'b/x': 'x' }, { b: undefined })
    rmSync(test.path('b'), { recursive: true })
    symlinkSync(outside, test.path('b'))
    await test.switch('side')
    expect(readFileSync(join(outside, 'x'), 'utf8')).toBe('x')
    expect(test.disk()).toEqual({ a: 'a', b: `l:${outside}` })
  })

  it('with force also gives up what is staged and what was deleted, and undo brings it back', async () => {
    const test = await twoBranches({ a: 'a', b: 'b', d: 'd' }, { a: 'side' })
    await test.write({ a: 'staged', 'new.txt': 'new' }).add()
    test.write({ b: 'changed', d: undefined, 'untracked.txt': 'u' })
    await test.switch('side', { force: true })
    expect(test.disk()).toEqual({ a: 'side', b: 'b', d: 'd', 'untracked.txt': 'u' })
    await test.undo()
    expect(test.disk()).toEqual({ a: 'staged', b: 'changed', d: 'd', 'new.txt': 'new', 'untracked.txt': 'u' })
    expect(await test.status()).toEqual(['staged modified a', 'staged added new.txt', 'modified b', 'untracked untracked.txt'])
  })

  it('to where HEAD is already changes and records nothing', async () => {
    const test = await twoBranches({ a: 'a' }, { a: 'side' })
    test.write({ a: 'mine' })
    const operations = await test.operations()
    expect(await test.switch('main')).toMatchObject({ written: 0, removed: 0 })
    expect(await test.operations()).toEqual(operations)
    expect(test.disk()).toEqual({ a: 'mine' })
  })

  it('to a commit leaves the branch', async () => {
    const test = await TestRepo.create()
    const first = await test.commit({ a: '1' })
    await test.commit({ a: '2' })
    await switchTo(test.repo, { id: first, head: { id: first } }, { force: false })
    expect(test.disk()).toEqual({ a: '1' })
    expect(await test.repo.refs.readHead()).toEqual({ id: first })
    const third = await test.commit({ a: '3' })
    expect(await test.repo.refs.readHead()).toEqual({ id: third })
    await test.undo()
    expect(await test.repo.refs.readHead()).toEqual({ id: first })
  })

  it('to a new branch makes it, and undo removes it again', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    test.write({ a: 'mine' })
    await test.branch('grade')
    expect(test.disk()).toEqual({ a: 'mine' })
    await test.undo()
    expect(await test.repo.refs.read('refs/heads/grade')).toBeUndefined()
    expect(await test.repo.refs.readHead()).toEqual({ branch: 'refs/heads/main' })
    expect(test.disk()).toEqual({ a: 'mine' })
  })

  it('works where the index was lost: what is there is recognised by its content', async () => {
    const test = await twoBranches({ a: 'a', same: 'same' }, { a: 'side' })
    rmSync(join(test.root, '.dits', 'index'))
    await expect(test.switch('side')).rejects.toThrow(wouldOverwrite)
    expect(await test.switch('main')).toMatchObject({ written: 0 })
    expect(await test.status()).toEqual([])
    await test.switch('side')
    expect(test.disk()).toEqual({ a: 'side', same: 'same' })
  })

  it('goes on where it was interrupted, or goes back by undo', async () => {
    const big = (seed: number) => createRandom(seed).bytes(3_000_000).toString('latin1')
    const files = (seed: number) => Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`clip-${i}`, Buffer.from(big(seed + i), 'latin1')]))
    const test = await TestRepo.create()
    await test.commit({ 'gone.txt': 'gone', ...files(1) })
    await test.branch('side')
    await test.commit({ 'gone.txt': undefined, 'new.txt': 'new', ...files(11) })
    const side = test.disk()
    await test.switch('main')
    const main = test.disk()
    const interrupt = async () => {
      const controller = new AbortController()
      await test.reopen({ signal: controller.signal, onProgress: ({ files: done = 0 }) => (done === 2 ? controller.abort(interruption) : undefined) })
      await expect(test.switch('side')).rejects.toThrow('interrupted')
      await test.reopen()
      expect(test.disk()).not.toEqual(main)
      expect(await test.repo.refs.readHead()).toEqual({ branch: 'refs/heads/main' })
      expect(test.warnings.at(-1)).toMatch(/half-way.*dits undo/)
    }
    await interrupt()
    await test.undo()
    expect(test.disk()).toEqual(main)
    expect(await test.status()).toEqual([])
    await interrupt()
    await test.switch('side')
    expect(test.disk()).toEqual(side)
    expect(await test.status()).toEqual([])
    await test.undo()
    expect(test.disk()).toEqual(main)
  })

  const leftovers = { '.dits-tmp-1': 'half', 'deep/er/.dits-tmp-2': 'half' }
  const goings: [string, (test: TestRepo) => Promise<unknown>][] = [
    ['by going on', (test) => test.switch('side')],
    ['by going back', (test) => test.undo()],
  ]
  it.each(goings)('clears up what a killed switch was writing, %s', async (_, go) => {
    const test = await twoBranches({ a: 'a', 'deep/er/b': 'b' }, { a: 'side', 'deep/er/b': 'side', c: 'c' })
    await cutOff(test, 'side')
    test.write(leftovers)
    await go(test)
    expect(Object.keys(test.disk()).filter((path) => path in leftovers)).toEqual([])
    expect(await test.status()).toEqual([])
    test.write({ '.dits-tmp-3': 'of a command that was not cut off' })
    await test.switch(await test.repo.refs.readHead().then((head) => ('branch' in head && head.branch === 'refs/heads/side' ? 'main' : 'side')))
    expect(test.disk()).toHaveProperty('.dits-tmp-3')
  })

  it('keeps uncommitted work that a half-way switch with force replaced', async () => {
    const test = await twoBranches({ a: 'a', b: 'b', c: 'c' }, { a: 'side', b: 'side', c: 'side' })
    test.write({ a: 'my a', c: 'my c' })
    const before = test.disk()
    const controller = new AbortController()
    await test.reopen({ signal: controller.signal, onProgress: ({ task, files = 0 }) => (task === 'writing' && files === 1 ? controller.abort(interruption) : undefined) })
    await expect(test.switch('side', { force: true })).rejects.toThrow('interrupted')
    await test.reopen()
    expect(test.disk()).not.toEqual(before)
    await test.undo()
    expect(test.disk()).toEqual(before)
    expect(await test.status()).toEqual(['modified a', 'modified c'])
  })

  it('that meets damaged content half-way is taken back by undo', async () => {
    const test = await TestRepo.create()
    const files = { 'a.mov': 'a1', 'b.mov': createRandom(6).bytes(40_000), gone: 'gone' }
    await test.commit(files)
    await test.branch('side')
    await test.commit({ 'a.mov': 'a2', 'b.mov': 'b2', gone: undefined, new: 'new' })
    const after = test.disk()
    const damaged = readdirSync(test.path('.dits/packs')).filter((name) => name.endsWith('.pack')).map((name) => test.path(`.dits/packs/${name}`))
    const pack = damaged.find((path) => statSync(path).size > 40_000)!
    const bytes = readFileSync(pack)
    const at = bytes.indexOf(Buffer.from(files['b.mov']).subarray(20_000, 20_032))
    bytes[at]! ^= 1
    writeFileSync(pack, bytes)
    await test.reopen()
    await expect(test.switch('main')).rejects.toMatchObject({ code: 'object-damaged' })
    expect(test.warnings.join()).toContain('go back with: dits undo')
    await test.reopen()
    await test.undo()
    expect(test.disk()).toEqual(after)
    expect(await test.status()).toEqual([])
  })

  it('leaves no unfinished file behind when it is interrupted in the middle of one', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: 'a' })
    await test.branch('side')
    await test.commit({ 'clip.mov': createRandom(5).bytes(6_000_000) })
    await test.switch('main')
    const controller = new AbortController()
    await test.reopen({ signal: controller.signal })
    const switching = test.switch('side')
    setImmediate(() => controller.abort(interruption))
    await expect(switching).rejects.toThrow('interrupted')
    expect(Object.keys(test.disk()).filter((name) => name.startsWith('.dits-tmp'))).toEqual([])
  })
})
