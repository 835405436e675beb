import { chmodSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { commitStaged } from '../changing/commit.ts'
import { abortMerge } from '../merging/abort.ts'
import { mergeInto } from '../merging/merge.ts'
import { applyStash } from '../merging/stash-apply.ts'
import { pushStash } from '../merging/stash-push.ts'
import { movePaths } from '../staging/move.ts'
import { removePaths } from '../staging/remove.ts'
import { addPaths } from '../staging/stage.ts'
import { everything, pathsOf, specOf, TestRepo } from '../repo.fixture.ts'
import { fetchStructure, ghostsOnDisk, makeCheckedOut, online, type PartialPair } from './partial-repo.fixture.ts'

const random = createRandom(31)
const [first, second, third] = [random.bytes(60_000), random.bytes(60_000), random.bytes(60_000)]

/** A partial repository in which both sides have gone on: the remote has a new clip, here there is a note. */
async function makeDiverged(theirs: Record<string, Uint8Array | string>, ours: Record<string, Uint8Array | string>): Promise<PartialPair> {
  const full = await TestRepo.create()
  await full.commit({ 'clip.mov': first, 'still.png': second, 'notes.txt': 'notes' })
  const pair = await makeCheckedOut(full, 'none')
  await full.commit(theirs, { allowEmpty: true })
  await fetchStructure(pair)
  await pair.partial.write(ours).add()
  await commitStaged(pair.partial.repo, { message: 'ours', allowEmpty: true })
  pair.source.calls = []
  return pair
}

const theirBranch = async ({ partial }: PartialPair) => ({ id: (await partial.repo.refs.read('refs/remotes/origin/main'))!, name: 'origin/main', kind: 'remote' as const })

describe('merging with ghosts', () => {
  it('merges what nobody has to read without bringing anything', async () => {
    const pair = await makeDiverged({ 'clip.mov': third }, { 'mine.txt': 'mine' })
    const { partial, source } = pair
    expect(await mergeInto(partial.repo, await theirBranch(pair), { forward: 'may', commit: true })).toMatchObject({ outcome: 'merged' })
    expect(source.calls).toEqual([])
    expect(ghostsOnDisk(partial, 'clip.mov', 'still.png', 'notes.txt')).toEqual(['clip.mov', 'still.png', 'notes.txt'])
    expect(await partial.status()).toEqual([])
  })

  it('brings their version of a file in conflict, and giving up leaves all as it was', async () => {
    const pair = await makeDiverged({ 'notes.txt': 'their notes' }, {})
    const { partial, source } = pair
    await partial.reopen(online(source))
    chmodSync(partial.path('notes.txt'), 0o644)
    writeFileSync(partial.path('notes.txt'), 'our notes')
    await addPaths(partial.repo, everything, { force: true })
    await commitStaged(partial.repo, { message: 'our notes' })
    const before = partial.disk()
    await partial.reopen()
    await expect(mergeInto(partial.repo, await theirBranch(pair), { forward: 'may', commit: true })).rejects.toMatchObject({ code: 'content-unavailable' })
    expect([partial.disk(), await partial.status()]).toEqual([before, []])
    await partial.reopen(online(source))
    expect(await mergeInto(partial.repo, await theirBranch(pair), { forward: 'may', commit: true })).toMatchObject({ outcome: 'conflicts' })
    expect(Object.values(partial.disk())).toContain('their notes')
    await abortMerge(partial.repo, 'merge')
    expect(partial.disk()).toEqual(before)
    expect(ghostsOnDisk(partial, 'clip.mov', 'still.png')).toEqual(['clip.mov', 'still.png'])
  })
})

describe('working beside ghosts', () => {
  it('moves one with its staged content, removes one, and undo brings both back', async () => {
    const pair = await makeDiverged({}, { 'mine.txt': 'mine' })
    const { partial, source } = pair
    await movePaths(partial.repo, pathsOf('clip.mov'), pathsOf('moved.mov')[0]!, { force: false })
    expect(await partial.status()).toEqual(['staged renamed moved.mov'])
    await removePaths(partial.repo, specOf('still.png'), { cached: false, force: false, recursive: false })
    expect(ghostsOnDisk(partial, 'moved.mov', 'notes.txt')).toEqual(['moved.mov', 'notes.txt'])
    await partial.undo()
    await partial.undo()
    expect(ghostsOnDisk(partial, 'clip.mov', 'still.png')).toEqual(['clip.mov', 'still.png'])
    expect(await partial.status()).toEqual([])
    expect(source.calls).toEqual([])
  })

  it('puts changes aside and brings them back', async () => {
    const pair = await makeDiverged({}, { 'mine.txt': 'mine' })
    const { partial, source } = pair
    partial.write({ 'mine.txt': 'changed' })
    await pushStash(partial.repo, { spec: everything, untracked: true, keepIndex: false })
    expect(partial.disk()['mine.txt']).toBe('mine')
    await applyStash(partial.repo, undefined, { index: false, drop: true })
    expect(partial.disk()['mine.txt']).toBe('changed')
    expect(ghostsOnDisk(partial, 'clip.mov', 'still.png', 'notes.txt')).toHaveLength(3)
    expect(source.calls).toEqual([])
  })
})
