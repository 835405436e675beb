import { lstatSync, rmdirSync, symlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pathFromText } from '../bytes.ts'
import { TestRepo } from '../repo.fixture.ts'
import { movePaths } from './move.ts'

const code = (name: string) => expect.objectContaining({ code: name })
const move = (test: TestRepo, names: string[], options = { force: false }) =>
  movePaths(test.repo, names.slice(0, -1).map(pathFromText), pathFromText(names.at(-1)!), options)

describe('moving', () => {
  it('renames a file and stages that, without reading it again', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', k: 'k' })
    const { ino } = lstatSync(test.path('a'))
    expect(await move(test, ['a', 'new/b'])).toEqual([{ from: 'a', to: 'new/b' }])
    expect(test.disk()).toEqual({ k: 'k', 'new/b': '1' })
    expect(lstatSync(test.path('new/b')).ino).toBe(ino)
    expect(await test.status()).toEqual(['staged renamed new/b'])
    await test.undo()
    expect(test.disk()).toEqual({ a: '1', k: 'k' })
    expect(await test.status()).toEqual([])
  })

  it('moves several things into a folder, and folders with what is not tracked in them', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', 'd/x': '1', 'd/e/y': '1', 'target/z': '1', link: 'l:a' })
    test.write({ 'd/mine': 'm' })
    await move(test, ['a', 'd', 'link', 'target'])
    expect(test.disk()).toEqual({ 'target/a': '1', 'target/d/x': '1', 'target/d/e/y': '1', 'target/d/mine': 'm', 'target/link': 'l:a', 'target/z': '1' })
    expect(await test.status()).toEqual([
      'staged renamed target/a',
      'staged renamed target/d/e/y',
      'staged renamed target/d/x',
      'staged renamed target/link',
      'untracked target/d/mine',
    ])
  })

  it('gives no file the name of a folder that is not there', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', 'd/x': '1', empty: null, k: 'k' })
    const intoFolder = { force: true, targetIsFolder: true }
    await expect(move(test, ['a', 'new'], intoFolder)).rejects.toThrow(expect.objectContaining({ code: 'no-such-path', hint: 'make it first with: mkdir new' }))
    await expect(move(test, ['a', 'k'], intoFolder)).rejects.toThrow(code('no-such-path'))
    await move(test, ['d', 'new'], intoFolder)
    await move(test, ['empty', 'still'], intoFolder)
    expect(test.disk()).toEqual({ a: '1', 'new/x': '1', still: null, k: 'k' })
  })

  it('stages what was moved by hand into a folder that is not tracked', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', 'd/x': '1', k: 'k' })
    test.write({ a: undefined, 'd/x': undefined, 'new/a': '1', 'new/d/x': '1' })
    rmdirSync(test.path('d'))
    expect(await move(test, ['a', 'new'])).toEqual([{ from: 'a', to: 'new/a' }])
    expect(await move(test, ['d', 'new'])).toEqual([{ from: 'd/x', to: 'new/d/x' }])
    expect(await test.status()).toEqual(['staged renamed new/a', 'staged renamed new/d/x'])
  })

  it('moves to the root, and renames by case', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'd/Take.mov': '1' })
    await move(test, ['d/Take.mov', ''])
    await move(test, ['Take.mov', 'take.MOV'])
    expect(test.disk()).toEqual({ 'take.MOV': '1' })
    expect(await test.staged()).toEqual({ 'take.MOV': '1' })
  })

  it('takes changes that are not staged along', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    test.write({ a: 'mine' })
    await move(test, ['a', 'b'])
    expect(test.disk()).toEqual({ b: 'mine' })
    expect(await test.status()).toEqual(['staged renamed b', 'modified b'])
    await expect(test.undo()).rejects.toThrow(code('would-overwrite'))
  })

  it.each(['committed', 'changed', 'untracked'])('replaces a %s file only with force, and undo brings it back', async (name) => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', committed: 'c', changed: 'c' })
    test.write({ changed: 'mine', untracked: 'mine' })
    const before = test.disk()
    await expect(move(test, ['a', name])).rejects.toThrow(code('path-exists'))
    expect(test.disk()).toEqual(before)
    await move(test, ['a', name], { force: true })
    expect(test.disk()[name]).toBe('1')
    await test.undo()
    expect(test.disk()).toEqual(before)
    expect(await test.status()).toEqual(['modified changed', 'untracked untracked'])
  })

  const refusals: [string, string[], string][] = [
    ['what is not there', ['gone', 'x'], 'no-such-path'],
    ['what is not tracked', ['mine', 'x'], 'not-tracked'],
    ['a folder into itself', ['d', 'd/e/f'], 'path-exists'],
    ['the root', ['', 'x'], 'path-exists'],
    ['a file to itself', ['a', 'a'], 'path-exists'],
    ['two files to one name', ['a', 'd/x', 'nowhere'], 'no-such-path'],
    ['two files of one name into a folder', ['a', 'd/a', 'target'], 'path-exists'],
    ['a folder and what is in it', ['d', 'd/x', 'target'], 'path-exists'],
    ['what is in a folder and the folder', ['d/x', 'd', 'target'], 'path-exists'],
    ['below a file', ['a', 'd/x/y'], 'path-exists'],
    ['below a link', ['d/x', 'link/y'], 'path-exists'],
    ['through a link', ['link/x', 'y'], 'no-such-path'],
    ['into the repository', ['a', '.dits/refs'], 'unsafe-path'],
    ['over a folder of the same name', ['e', 'target'], 'path-exists'],
  ]
  it.each(refusals)('refuses %s, and moves nothing', async (_, names, expected) => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', 'd/a': '2', 'd/x': '1', 'd/e/y': '1', 'e/z': '1', 'target/e/z': '1' })
    test.write({ mine: 'm' })
    symlinkSync('d', test.path('link'))
    const before = test.disk()
    const operations = await test.operations()
    await expect(move(test, names, { force: true })).rejects.toThrow(code(expected))
    expect(test.disk()).toEqual(before)
    expect(await test.operations()).toEqual(operations)
  })

  it('puts back what it had moved where a later one cannot be renamed', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: '1', 'd/b': '1', 'target/k': '1' })
    // A folder that vanishes between the look and the renaming.
    const { recordChangeOf } = { recordChangeOf: test.repo.oplog.append.bind(test.repo.oplog) }
    test.repo.oplog.append = async (operation) => {
      test.write({ d: undefined })
      return recordChangeOf(operation)
    }
    await expect(move(test, ['a', 'd/b', 'target'])).rejects.toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect(test.disk()).toEqual({ a: '1', 'target/k': '1' })
    expect(await test.status()).toEqual(['deleted d/b'])
  })

  it('only says what it would move in a dry run', async () => {
    const test = await TestRepo.create()
    await test.commit({ 'd/a': '1', 'd/b': '1' })
    expect(await movePaths(test.repo, [pathFromText('d')], pathFromText('e'), { force: false, dryRun: true })).toEqual([
      { from: 'd/a', to: 'e/a' },
      { from: 'd/b', to: 'e/b' },
    ])
    expect(test.disk()).toEqual({ 'd/a': '1', 'd/b': '1' })
  })
})
