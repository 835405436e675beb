import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { pathFromText } from '../bytes.ts'
import { readCommit } from '../changing/head.ts'
import { ContentReader } from '../checkout/content-reader.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { entryAtPath } from '../objects/tree.ts'
import { TestRepo } from '../repo.fixture.ts'
import { bringContent, contentIsHere } from './hydrate-content.ts'
import { makePartial, type PartialPair } from './partial-repo.fixture.ts'

const random = createRandom(7)
/** About 750 chunks of the small profile: a list of two levels below its root. */
const deep = random.bytes(3_000_000)
const flat = random.bytes(60_000)

async function makePair(options: { offline?: boolean } = {}): Promise<PartialPair> {
  const full = await TestRepo.create()
  await full.commit({ 'deep.txt': deep, 'flat.txt': flat, 'same.txt': flat, 'one.txt': 'a single chunk', empty: '' })
  return makePartial(full, 'none', options)
}

async function entryOf({ partial }: PartialPair, path: string): Promise<TreeEntry> {
  const { tree } = await readCommit(partial.repo, (await partial.head())!)
  return (await entryAtPath(partial.repo.objects, tree, pathFromText(path)))!
}

async function read(pair: PartialPair, path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of new ContentReader(pair.partial.repo.objects).stream(await entryOf(pair, path))) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe('bringing content', () => {
  it('asks for manifests, then lists level by level, then chunks, however many files there are', async () => {
    const pair = await makePair()
    const names = ['deep.txt', 'flat.txt', 'same.txt', 'one.txt', 'empty']
    const brought = await bringContent(pair.partial.repo, await Promise.all(names.map((name) => entryOf(pair, name))))
    expect(pair.source.rounds[0]).toBe('2 manifest')
    expect(pair.source.rounds.at(-1)).toMatch(/ chunk$/)
    expect(pair.source.rounds.filter((round) => round.endsWith('list')).length).toBeGreaterThan(0)
    expect(brought).toBe(pair.source.calls.flat().length)
    expect(await read(pair, 'deep.txt')).toEqual(deep)
    expect(await read(pair, 'same.txt')).toEqual(flat)
    expect((await read(pair, 'one.txt')).toString()).toBe('a single chunk')
  })

  it('asks for nothing that is here', async () => {
    const pair = await makePair()
    await bringContent(pair.partial.repo, [await entryOf(pair, 'flat.txt')])
    pair.source.calls = []
    await bringContent(pair.partial.repo, [await entryOf(pair, 'flat.txt'), await entryOf(pair, 'same.txt'), await entryOf(pair, 'empty')])
    expect(pair.source.calls).toEqual([])
  })

  it('goes on where it was cut off', async () => {
    const pair = await makePair()
    let left = 3
    pair.source.beforeObject = ({ kind }) => {
      if (kind === 'list' && --left === 0) throw new Error('the cable was cut')
    }
    const entry = await entryOf(pair, 'deep.txt')
    await expect(bringContent(pair.partial.repo, [entry])).rejects.toThrow('the cable was cut')
    expect(await contentIsHere(pair.partial.repo.objects, entry)).toBe(false)
    pair.source.beforeObject = () => {}
    pair.source.calls = []
    await bringContent(pair.partial.repo, [entry])
    expect(pair.source.rounds[0]).not.toMatch(/manifest/)
    expect(await read(pair, 'deep.txt')).toEqual(deep)
  })

  it('can bring only what says how files are made of chunks', async () => {
    const pair = await makePair()
    await bringContent(pair.partial.repo, [await entryOf(pair, 'deep.txt')], { recipesOnly: true })
    expect(pair.source.calls.flat().filter(({ kind }) => kind === 'chunk')).toEqual([])
    expect(await contentIsHere(pair.partial.repo.objects, await entryOf(pair, 'deep.txt'))).toBe(false)
  })

  it('says so where nothing can bring it, and an empty file needs nothing', async () => {
    const pair = await makePair({ offline: true })
    await expect(bringContent(pair.partial.repo, [await entryOf(pair, 'flat.txt')])).rejects.toMatchObject({ code: 'content-unavailable' })
    expect(await bringContent(pair.partial.repo, [await entryOf(pair, 'empty')])).toBe(0)
    expect(await read(pair, 'empty')).toEqual(Buffer.alloc(0))
  })

  it('opens its source once, and closes it with the repository', async () => {
    const pair = await makePair()
    await bringContent(pair.partial.repo, [await entryOf(pair, 'flat.txt')])
    await bringContent(pair.partial.repo, [await entryOf(pair, 'one.txt')])
    await pair.partial.reopen()
    expect(pair.source.closed).toBe(1)
  })
})

describe('whether content is here', () => {
  it('is true only when the last chunk has come', async () => {
    const pair = await makePair()
    const entry = await entryOf(pair, 'flat.txt')
    const { objects } = pair.partial.repo
    expect(await contentIsHere(objects, entry)).toBe(false)
    await bringContent(pair.partial.repo, [entry], { recipesOnly: true })
    expect(await contentIsHere(objects, entry)).toBe(false)
    await bringContent(pair.partial.repo, [entry])
    expect(await contentIsHere(objects, entry)).toBe(true)
  })
})
