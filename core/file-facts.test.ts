import { describe, expect, it } from 'vitest'
import { createRandom } from '../fixtures/random.ts'
import type { BytePath } from './bytes.ts'
import { readCommit } from './changing/head.ts'
import { entryOfObject, readFileFacts } from './file-facts.ts'
import type { TreeEntry } from './objects/tree-entry.ts'
import { entryAtPath } from './objects/tree.ts'
import { TestRepo } from './repo.fixture.ts'

const noise = createRandom(3).bytes(1_500_000)

async function committed(content: string | Uint8Array): Promise<{ test: TestRepo; entry: TreeEntry }> {
  const test = await TestRepo.create()
  const { tree } = await readCommit(test.repo, await test.commit({ 'a.mov': content }))
  return { test, entry: (await entryAtPath(test.repo.objects, tree, 'a.mov' as BytePath))! }
}

describe('readFileFacts', () => {
  it('counts the chunks of a file and what they take', async () => {
    const { test, entry } = await committed(noise)
    const facts = await readFileFacts(test.repo.objects, entry)
    expect(facts.profile).toBe('video')
    expect(facts.chunks).toBeGreaterThan(5)
    expect(facts).toMatchObject({ distinctChunks: facts.chunks, storedBytes: noise.length, missingChunks: 0 })
  })

  it('counts repeated chunks once', async () => {
    const { test, entry } = await committed(Buffer.alloc(3_000_000))
    const facts = await readFileFacts(test.repo.objects, entry)
    expect(facts.chunks).toBeGreaterThan(5)
    expect(facts.distinctChunks).toBeLessThan(3)
    expect(facts.storedBytes).toBeLessThan(10_000)
  })

  it('knows files of a single chunk, which have no profile', async () => {
    const { test, entry } = await committed('short')
    expect(await readFileFacts(test.repo.objects, entry)).toEqual({ profile: undefined, chunks: 1, distinctChunks: 1, storedBytes: 5, missingChunks: 0 })
  })
})

describe('entryOfObject', () => {
  it('makes an entry of a manifest and of a chunk', async () => {
    const { test, entry } = await committed(noise)
    const { id, size, hash } = entry
    expect(await entryOfObject(test.repo.objects, { id, kind: 'manifest' })).toMatchObject({ content: 'manifest', size, hash })
    const small = await committed('short')
    expect(await entryOfObject(small.test.repo.objects, { id: small.entry.id, kind: 'chunk' })).toMatchObject({ content: 'chunk', size: 5 })
  })

  it('refuses what is no content', async () => {
    const { test } = await committed('short')
    const id = (await test.repo.refs.read('refs/heads/main'))!
    await expect(entryOfObject(test.repo.objects, { id, kind: 'commit' })).rejects.toMatchObject({ code: 'wrong-kind' })
  })
})
