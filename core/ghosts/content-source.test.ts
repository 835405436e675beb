import { describe, expect, it, onTestFinished } from 'vitest'
import { contentSourceContract } from '../../test/contracts/content-source.ts'
import { createRandom } from '../../fixtures/random.ts'
import type { ObjectRef } from '../reachable.ts'
import { TestRepo } from '../repo.fixture.ts'
import { walkTree } from '../objects/tree-walk.ts'
import { readCommit } from '../changing/head.ts'
import { referencesOf } from '../objects/references.ts'
import { DiskStore } from '../store/disk-store.ts'
import { createSupply } from './content-source.ts'
import { makePartial } from './partial-repo.fixture.ts'

contentSourceContract('a copying source', async () => {
  const full = await TestRepo.create()
  await full.commit({ 'a.mov': createRandom(3).bytes(200_000), 'b.txt': 'text' })
  const { partial, source } = await makePartial(full, 'none')
  const wanted: ObjectRef[] = []
  for await (const { entry } of walkTree(full.repo.objects, (await readCommit(full.repo, (await full.head())!)).tree)) {
    wanted.push({ kind: entry.content, id: entry.id })
    if (entry.content === 'manifest') wanted.push(...referencesOf('manifest', await full.repo.objects.read('manifest', entry.id)))
  }
  return {
    source,
    wanted,
    reopen: async () => {
      const store = await DiskStore.open(partial.repo.folder)
      onTestFinished(() => store.close())
      return store
    },
  }
})

describe('a supply of content', () => {
  it('has no source where nobody named one', async () => {
    const supply = createSupply(undefined)
    expect(await supply.open()).toBeUndefined()
    await supply.close()
  })

  it('opens its source again after that failed', async () => {
    let tries = 0
    const supply = createSupply(async () => {
      if (++tries === 1) throw new Error('nobody answered')
      return { bring: async () => {} }
    })
    await expect(supply.open()).rejects.toThrow('nobody answered')
    expect(await supply.open()).toBeDefined()
    await supply.open()
    expect(tries).toBe(2)
  })
})
