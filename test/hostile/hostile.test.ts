import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkRepository } from '../../core/check/check.ts'
import { switchTo } from '../../core/changing/switch.ts'
import { encodeManifest } from '../../core/objects/manifest.ts'
import { idFromBytes, idToBytes, type Id } from '../../core/objects/id.ts'
import { closeRepo, initRepo, type Repo } from '../../core/repo.ts'
import { scratchFolder } from '../faults/scratch.ts'
import { commitAll, fixedEnvironment } from '../faults/small-repo.ts'
import { mustDits, runDits } from '../run-dits.ts'
import { Crafter, type CraftedEntry } from './craft.ts'

/**
 * A repository that someone prepared to harm whoever opens it. Whatever it
 * says, nothing is written outside the working tree, memory and time stay
 * bounded, and the error says what is wrong.
 */

describe('a directory with a name that leads elsewhere', () => {
  const names: [what: string, names: string[]][] = [
    ['the folder above', ['..']],
    ['the folder itself', ['.']],
    ['a path', ['a/b']],
    ['a path that leads out', ['../../escaped']],
    ['an absolute path', ['/etc']],
    ['the repository', ['.dits']],
    ['the repository in capitals', ['.DITS']],
    ['the repository in mixed case', ['.dItS']],
    ['a zero byte', ['a\0b']],
    ['nothing', ['']],
    ['the same twice', ['same', 'same']],
    ['names out of order', ['b', 'a']],
  ]
  it.each(names)('%s is refused as damage', async (_, entries) => {
    const { repo, root, outside } = await prepare()
    const crafter = new Crafter()
    await crafter.store(repo, { name: 'evil', id: crafter.commit(crafter.tree(entries.map((name) => crafter.file(name, 'owned')))) })
    await expect(goTo(repo, 'evil')).rejects.toMatchObject({ code: 'object-damaged' })
    const { problems } = await checkRepository(repo, { full: true })
    expect(problems.map(({ code }) => code)).toContain('object-damaged')
    expect(treeOf(root)).toEqual(['good.txt'])
    expect(treeOf(outside)).toEqual(['repo'])
  })

  it('as unfinished files have it is refused before anything is written or removed', async () => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    const files = ['-first', '.dits-tmp-1'].map((name) => crafter.file(name, 'owned'))
    await crafter.store(repo, { name: 'evil', id: crafter.commit(crafter.tree(files)) })
    await expect(goTo(repo, 'evil')).rejects.toMatchObject({ code: 'unsafe-path' })
    expect(treeOf(root)).toEqual(['good.txt'])
  })
})

describe('a link', () => {
  it('that becomes a folder is not written through', async () => {
    const { repo, root, outside } = await prepare()
    const crafter = new Crafter()
    const target = join(outside, 'victim')
    mkdirSync(target)
    const link: CraftedEntry = { name: 'a', flags: 2, size: target.length, id: crafter.chunk(target) }
    const first = crafter.commit(crafter.tree([link]))
    const folder: CraftedEntry = { name: 'a', flags: 3, size: 5, id: crafter.tree([crafter.file('file', 'owned')]) }
    await crafter.store(repo, { name: 'link', id: first })
    await crafter.store(repo, { name: 'folder', id: crafter.commit(crafter.tree([folder]), [first]) })
    await goTo(repo, 'link')
    await goTo(repo, 'folder')
    expect(readdirSync(target)).toEqual([])
    expect(lstatSync(join(root, 'a')).isDirectory()).toBe(true)
    expect(readFileSync(join(root, 'a', 'file'), 'utf8')).toBe('owned')
  })

  it('that someone put where a folder was is not written, removed or moved through', async () => {
    const { root, outside } = await prepare()
    const victim = join(outside, 'victim')
    mkdirSync(join(root, 'shots'))
    writeFileSync(join(root, 'shots', 'take.txt'), 'one')
    mustDits(root, ['add', '.'])
    mustDits(root, ['commit', '-m', 'One'])
    writeFileSync(join(root, 'shots', 'take.txt'), 'two')
    mustDits(root, ['commit', '-a', '-m', 'Two'])
    mkdirSync(victim)
    writeFileSync(join(victim, 'take.txt'), 'precious')
    for (const argv of [['switch', '--force', '--detach', 'HEAD~1'], ['restore', '.'], ['rm', '-rf', 'shots'], ['mv', 'shots/take.txt', 'moved.txt'], ['clean', '-fd'], ['stash'], ['reset', '--hard']]) {
      rmSync(join(root, 'shots'), { recursive: true, force: true })
      symlinkSync(victim, join(root, 'shots'))
      const run = runDits(root, argv)
      expect([0, 1, 2], `dits ${argv.join(' ')}: ${run.error}`).toContain(run.code)
      expect(treeOf(victim), `dits ${argv.join(' ')}`).toEqual(['take.txt'])
      expect(readFileSync(join(victim, 'take.txt'), 'utf8'), `dits ${argv.join(' ')}`).toBe('precious')
      rmSync(join(root, 'shots'), { recursive: true, force: true })
      mustDits(root, ['switch', '--force', 'main'])
    }
  })

  it.each([['a zero byte', 'a\0b'], ['nothing', ''], ['more than a path may have', 'x/'.repeat(5000)]])('to %s is an error that says so', async (_, target) => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    await crafter.store(repo, { name: 'evil', id: crafter.commit(crafter.tree([{ name: 'a', flags: 2, size: target.length, id: crafter.chunk(target) }])) })
    const run = runDits(root, ['switch', 'evil'])
    expect([2, 3], run.error).toContain(run.code)
    expect(treeOf(root)).not.toContain('a')
  })
})

describe('sizes that lie', () => {
  it.each(['tree', 'manifest', 'list'] as const)('in a %s are damage, and leave no half file behind', async (where) => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    const chunks = ['one', 'two', 'three'].map((text) => ({ id: crafter.chunk(text.repeat(1000)), length: text.length * 1000 }))
    const total = chunks.reduce((sum, { length }) => sum + length, 0)
    const rows = chunks.map(({ id, length }, i) => ({ id, length: where === 'list' && i === 2 ? length - 1 : length }))
    const claimed = rows.reduce((sum, { length }) => sum + length, 0)
    const node = encodeList(rows)
    const size = where === 'manifest' ? total + 7 : claimed
    const encoded = Buffer.from(encodeManifest({ profile: 'general', size: claimed, hash: idFromBytes(Buffer.alloc(32)), segments: [], root: node }))
    encoded.writeBigUInt64LE(BigInt(size), 8)
    const entry = { name: 'clip.mov', flags: 4, size: where === 'tree' ? size + 1 : size, id: crafter.add('manifest', encoded) }
    await crafter.store(repo, { name: 'evil', id: crafter.commit(crafter.tree([entry])) })
    await expect(goTo(repo, 'evil')).rejects.toMatchObject({ code: 'object-damaged' })
    expectOnlyGood(root)
    expect(runDits(root, ['cat', 'evil:clip.mov']).code).toBe(3)
  })

  it('of a whole chunk are damage', async () => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    await crafter.store(repo, { name: 'evil', id: crafter.commit(crafter.tree([{ ...crafter.file('a', 'three'), size: 4 }])) })
    await expect(goTo(repo, 'evil')).rejects.toMatchObject({ code: 'object-damaged' })
    expectOnlyGood(root)
  })
})

describe('a bomb', () => {
  it('of ten gigabytes in a compressed record is not inflated', async () => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    const id = crafter.chunk('as it should be')
    const payload = zstdBomb(10 * 1024)
    crafter.records.splice(0, 1, { kind: 'chunk', id, codec: 1, raw: 1024 * 1024, payload })
    await crafter.store(repo, { name: 'evil', id: crafter.commit(crafter.tree([{ name: 'a', flags: 0, size: 1024 * 1024, id }])) })
    for (const argv of [['cat', 'evil:a'], ['switch', 'evil'], ['archive', 'evil']]) {
      const run = runDits(root, argv, { heapMegabytes: 128 })
      expect(run.code, `dits ${argv.join(' ')}: ${run.error}`).toBe(3)
      expect(run.error).toMatch(/damaged/)
    }
    expect(runDits(root, ['fsck', '--full'], { heapMegabytes: 128 }).code).toBe(3)
    expectOnlyGood(root)
  })

  it('in a record is not inflated beyond what the record says', async () => {
    const { repo } = await prepare()
    const crafter = new Crafter()
    const id = crafter.chunk('as it should be')
    crafter.records.splice(0, 1, { kind: 'chunk', id, codec: 1, raw: 65_536, payload: zstdCompressSync(Buffer.alloc(200 * 1024 * 1024)) })
    await crafter.store(repo, { name: 'evil', id: crafter.commit(crafter.tree([{ name: 'a', flags: 0, size: 65_536, id }])) })
    const before = process.memoryUsage().rss
    await expect(repo.objects.read('chunk', id)).rejects.toMatchObject({ code: 'object-damaged' })
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
    const { problems } = await checkRepository(repo, { full: true })
    expect(problems).toContainEqual(expect.objectContaining({ code: 'object-damaged', object: { kind: 'chunk', id } }))
  })

  it('of folders nested too deep is an error', async () => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    let id = crafter.tree([crafter.file('x', '')])
    for (let depth = 0; depth < 5000; depth++) id = crafter.tree([{ name: 'd', flags: 3, size: 0, id }])
    await crafter.store(repo, { name: 'evil', id: crafter.commit(id) })
    await expect(goTo(repo, 'evil')).rejects.toMatchObject({ code: 'tree-too-deep' })
    expect(runDits(root, ['ls-tree', '-r', 'evil']).error).toMatch(/nested more than/)
    expect(runDits(root, ['fsck']).code).not.toBe(70)
    expect(treeOf(root)).toEqual(['good.txt'])
  })

  it('of folders that hold the same folder twice, sixty deep, ends every command in bounded time and memory', async () => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    await crafter.store(repo, { name: 'evil', id: crafter.commit(doubled(crafter, 'x')) })
    for (const argv of [['switch', 'evil'], ['ls-tree', '-r', 'evil'], ['archive', 'evil', '--output', 'evil.tar']]) {
      const run = runDits(root, argv, { heapMegabytes: 256 })
      expect([2, 3], `dits ${argv.join(' ')} ended with ${run.code}: ${run.error}`).toContain(run.code)
    }
    for (const argv of [['status'], ['log', 'evil'], ['fsck'], ['gc', '--grace=0']]) {
      const run = runDits(root, argv, { heapMegabytes: 256 })
      expect([0, 2, 3], `dits ${argv.join(' ')} ended with ${run.code}: ${run.error}`).toContain(run.code)
    }
    expect(treeOf(root)).toEqual(['good.txt'])
  })

  it('of folders on both sides of a merge ends it in bounded time', async () => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    const base = crafter.commit(doubled(crafter, 'base'))
    await crafter.store(repo, { name: 'ours', id: crafter.commit(doubled(crafter, 'ours'), [base]) })
    await crafter.store(repo, { name: 'theirs', id: crafter.commit(doubled(crafter, 'theirs'), [base]) })
    expect(runDits(root, ['diff', 'ours', 'theirs'], { heapMegabytes: 256 }).code).toBe(2)
    await repo.refs.move('refs/heads/main', (await repo.refs.read('refs/heads/main'))!, (await repo.refs.read('refs/heads/ours'))!)
    expect(runDits(root, ['merge', 'theirs'], { heapMegabytes: 256 }).code).toBe(2)
  })
})

describe('a link of objects that is of the wrong kind', () => {
  it('is found, and ends what follows it', async () => {
    const { repo, root } = await prepare()
    const crafter = new Crafter()
    const chunk = crafter.chunk('no tree')
    await crafter.store(repo, { name: 'evil', id: crafter.commit(chunk) })
    await crafter.store(repo, { name: 'chunk', id: chunk })
    for (const branch of ['evil', 'chunk']) expect([2, 3], branch).toContain(runDits(root, ['switch', branch]).code)
    const { problems } = await checkRepository(repo, { full: true })
    expect(problems.map(({ code }) => code)).toContain('object-damaged')
    expect(existsSync(join(root, 'good.txt'))).toBe(true)
  })
})

/** A repository with one commit, in a folder of which nothing but the repository may change. */
async function prepare(): Promise<{ repo: Repo; root: string; outside: string }> {
  const outside = await scratchFolder()
  const root = join(outside, 'repo')
  mkdirSync(root)
  const repo = await initRepo(root, { branch: 'main', env: fixedEnvironment() })
  writeFileSync(join(root, 'good.txt'), 'good\n')
  await commitAll(repo, 'Good')
  onTestFinished(() => closeRepo(repo))
  return { repo, root, outside }
}

async function goTo(repo: Repo, branch: string): Promise<void> {
  const id = (await repo.refs.read(`refs/heads/${branch}`))!
  await switchTo(repo, { id, head: { branch: `refs/heads/${branch}` } }, { force: false })
}

/** What was half done shows no content of the crafted version, and goes. */
function expectOnlyGood(root: string): void {
  expect(treeOf(root).filter((name) => name !== 'good.txt')).toEqual([])
  mustDits(root, ['reset', '--hard', 'main'])
  expect(treeOf(root)).toEqual(['good.txt'])
}

function treeOf(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('.dits/') && !name.startsWith('repo/') && name !== '.dits')
    .sort()
}

/** A chunk list in one node. */
function encodeList(rows: { id: Id; length: number }[]): Buffer {
  const lengths = Buffer.alloc(4 * rows.length)
  rows.forEach(({ length }, i) => lengths.writeUInt32LE(length, 4 * i))
  return Buffer.concat([Buffer.from([1, 0, rows.length, 0]), ...rows.map(({ id }) => idToBytes(id)), lengths])
}

/** A directory of sixty levels, each with the next one twice. */
function doubled(crafter: Crafter, name: string): Id {
  let id = crafter.tree([crafter.file(name, '')])
  for (let level = 0; level < 60; level++) id = crafter.tree([{ name: 'a', flags: 3, size: 0, id }, { name: 'b', flags: 3, size: 0, id }])
  return id
}

/** A frame of so many megabytes of zeros: one that compresses a megabyte, without its end, again and again. */
function zstdBomb(megabytes: number): Buffer {
  const piece = zstdCompressSync(Buffer.alloc(1024 * 1024), { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_contentSizeFlag]: 0 } })
  return Buffer.concat(Array.from({ length: megabytes }, () => piece))
}
