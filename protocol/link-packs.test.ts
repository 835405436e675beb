import { linkSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hasCode, markReachable } from '#core'
import { TestRepo } from '../core/repo.fixture.ts'
import { leaveSharedPacks, linkPacksOf, takeSharedPacks } from './link-packs.ts'

const url = 'https://example.org/film'

function sharedFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dits-shared-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('packs of another repository', () => {
  it('are taken over with everything in them', async () => {
    const source = await TestRepo.create()
    const id = await source.commit({ a: 'one', 'b/c': 'two' })
    const test = await TestRepo.create()
    await linkPacksOf(test.repo, source.root)
    await markReachable(test.repo.objects, [{ kind: 'commit', id }])
  })

  it('stay when the other repository is removed', async () => {
    const source = await TestRepo.create()
    const id = await source.commit({ a: 'one' })
    const test = await TestRepo.create()
    await linkPacksOf(test.repo, source.root)
    rmSync(join(source.root, '.dits/packs'), { recursive: true })
    await markReachable((await test.reopen()).objects, [{ kind: 'commit', id }])
  })

  it('cannot be had of a folder that is no repository', async () => {
    const test = await TestRepo.create()
    await expect(linkPacksOf(test.repo, sharedFolder())).rejects.toSatisfy((error) => hasCode(error, 'not-a-repository'))
  })
})

describe('a folder of shared packs', () => {
  it('gives the second clone what the first one left', async () => {
    const folder = sharedFolder()
    const first = await TestRepo.create()
    const id = await first.commit({ a: 'one', b: 'two' })
    await leaveSharedPacks(first.repo, folder, url)
    const second = await TestRepo.create()
    await takeSharedPacks(second.repo, folder, url)
    await markReachable(second.repo.objects, [{ kind: 'commit', id }])
  })

  it('keeps the remotes apart', async () => {
    const folder = sharedFolder()
    const first = await TestRepo.create()
    const id = await first.commit({ a: 'one' })
    await leaveSharedPacks(first.repo, folder, url)
    const second = await TestRepo.create()
    await takeSharedPacks(second.repo, folder, 'https://example.org/other')
    expect(await second.repo.objects.has(id)).toBe(false)
  })

  it('loses the packs that no repository holds any more', async () => {
    const folder = sharedFolder()
    const first = await TestRepo.create()
    await first.commit({ a: 'one' })
    await leaveSharedPacks(first.repo, folder, url)
    const [key] = readdirSync(folder)
    const before = readdirSync(join(folder, key!))
    expect(before.length).toBeGreaterThan(0)
    const packs = join(first.root, '.dits/packs')
    const [kept] = readdirSync(packs)
    linkSync(join(packs, kept!), join(first.root, 'kept'))
    for (const name of readdirSync(packs)) rmSync(join(packs, name))
    await leaveSharedPacks(first.repo, folder, url)
    expect(readdirSync(join(folder, key!))).toEqual([kept])
  })
})
