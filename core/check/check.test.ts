import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { PackIndexBuilder } from '../pack/pack-index.ts'
import { storePacks } from '../pack/packs.fixture.ts'
import { TestRepo } from '../repo.fixture.ts'
import { DiskStore } from '../store/disk-store.ts'
import { PrefixStore } from '../store/prefix-store.ts'
import { checkRepository, rebuildIndexes } from './check.ts'
import { openCheckable } from './checkable.ts'

function packFile(test: TestRepo, name: string): string {
  return join(test.repo.folder, 'packs', name)
}

function damage(file: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file)
  change(bytes)
  writeFileSync(file, bytes)
}

describe('rebuildIndexes', () => {
  it('gives back every record of a pack whose header is damaged, and counts the header as damage', async () => {
    const test = await TestRepo.create()
    const objects = await storePacks(test.repo.store, 'a', { packs: 1, objects: 10, seed: 1 })
    damage(packFile(test, 'a-0.pack'), (bytes) => bytes.fill(0, 0, 16))
    rmSync(packFile(test, 'a-0.idx'))
    expect(await rebuildIndexes(test.repo)).toEqual([{ pack: 'a-0', objects: 10, skipped: 1 }])
    for (const { id, kind, bytes } of objects) expect(Buffer.compare(await test.repo.objects.read(kind, id), bytes)).toBe(0)
  })

  it('goes on past packs of which no index can be made, and says which', async () => {
    const test = await TestRepo.create()
    await storePacks(test.repo.store, 'a', { packs: 4, objects: 10, seed: 2 })
    damage(packFile(test, 'a-0.pack'), (bytes) => bytes.fill(0))
    damage(packFile(test, 'a-2.pack'), (bytes) => void (bytes[8] = 9))
    for (const n of [0, 1, 2, 3]) rmSync(packFile(test, `a-${n}.idx`))
    expect(await rebuildIndexes(test.repo)).toMatchObject([
      { pack: 'a-0', objects: 0, problem: { code: 'pack-damaged' } },
      { pack: 'a-1', objects: 10, skipped: 0 },
      { pack: 'a-2', objects: 0, problem: { code: 'unsupported-version' } },
      { pack: 'a-3', objects: 10, skipped: 0 },
    ])
    expect(test.repo.objects.packs.names).toEqual(['a-1', 'a-3'])
  })

  it('leaves no look-up table that would hide what an index gained', async () => {
    const test = await TestRepo.create()
    const objects = await storePacks(test.repo.store, 'a', { packs: 40, objects: 5, seed: 3 })
    // An index with nothing in it, and of another pack's length, which is how it is found.
    await test.repo.store.put('packs/a-7.idx', new PackIndexBuilder().encode(1))
    await test.repo.objects.packs.refresh()
    await test.repo.objects.packs.cover()
    const lost = objects.filter(({ pack }) => pack === 'a-7')
    expect(await test.repo.objects.has(lost[0]!.id)).toBe(false)
    expect(await rebuildIndexes(test.repo)).toEqual([{ pack: 'a-7', objects: 5, skipped: 0 }])
    for (const { id } of lost) expect(await test.repo.objects.packs.locate(id)).toBeDefined()
    await test.reopen()
    for (const { id } of lost) expect(await test.repo.objects.packs.locate(id)).toBeDefined()
  })
})

describe('checkRepository', () => {
  it('finds in the store of a server what it finds in a folder', async () => {
    const test = await TestRepo.create()
    const objects = await storePacks(test.repo.store, 'a', { packs: 2, objects: 10, seed: 4 })
    await test.repo.refs.move('refs/heads/main', undefined, objects[0]!.id)
    damage(packFile(test, 'a-1.pack'), (bytes) => void (bytes[16 + 48]! ^= 1))
    cpSync(test.repo.folder, join(test.repo.root, 'repos', 'film.dits'), { recursive: true })
    const server = await DiskStore.open(test.repo.root)
    onTestFinished(() => server.close())
    const store = new PrefixStore(server, 'repos/film.dits')
    for (const full of [false, true]) {
      const report = await checkRepository(await openCheckable(store, test.repo.env), { full })
      expect(report).toEqual(await checkRepository(test.repo, { full }))
      expect(report.problems.length).toBeGreaterThan(full ? 1 : 0)
    }
  })

  it('says once for a file how many of its chunks are missing', async () => {
    const test = await TestRepo.create()
    const random = createRandom(4)
    await test.commit({ 'lost.bin': random.bytes(400_000), 'small.bin': random.bytes(900), 'kept.txt': 'kept' })
    // The indexes forget all chunks but the smallest, so that the trees and manifests are still there.
    await test.repo.objects.packs.refresh()
    for (const name of test.repo.objects.packs.names) {
      const index = await test.repo.objects.packs.index(name)
      const rest = new PackIndexBuilder()
      for (let rank = 0; rank < index.count; rank++) {
        const { kind, codec, offset, stored, raw } = index.row(rank)
        const code = { chunk: 1, list: 2, manifest: 3, tree: 4, commit: 5, tag: 6 }[kind]
        if (kind !== 'chunk' || raw < 10) rest.add(index.idBytes(rank), code, codec, offset, stored, raw)
      }
      await test.repo.store.put(`packs/${name}.idx`, rest.encode(index.packBytes))
    }
    const { problems } = await checkRepository(await test.reopen(), { full: false })
    const missing = problems.filter(({ code }) => code === 'object-missing').sort((a, b) => (b.chunks ?? 0) - (a.chunks ?? 0))
    expect(missing).toMatchObject([
      { chunks: expect.any(Number), message: expect.stringMatching(/^\d+ chunks are missing, the first of them '[0-9a-f]{64}'$/), files: [{ path: 'lost.bin' }] },
      { chunks: 1, message: expect.stringMatching(/^chunk '[0-9a-f]{64}' is missing$/), files: [{ path: 'small.bin' }] },
    ])
    expect(missing[0]!.chunks).toBeGreaterThan(5)
  })
})
