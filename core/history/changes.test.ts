import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { ChunkListBuilder } from '../objects/chunk-list.ts'
import { idToBytes, parseId } from '../objects/id.ts'
import { encodeManifest } from '../objects/manifest.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { changesBetween, type Change, type ChangesOptions } from './changes.ts'
import { collect, seededRandom, writeFiles, type Files } from './history-fixture.ts'
import { findRenames } from './renames.ts'

const objects = new MemoryObjects()

function show({ kind, from, path, similarity }: Change): string {
  const share = similarity === undefined || similarity === 1 ? '' : ` ${Math.round(similarity * 100)} %`
  return `${kind} ${from === undefined ? '' : `${from} > `}${path}${share}`
}

async function changes(before: Files | undefined, after: Files | undefined, options: ChangesOptions = {}): Promise<string[]> {
  const [a, b] = [before && writeFiles(objects, before), after && writeFiles(objects, after)]
  return (await collect(changesBetween(objects, a, b, options))).map(show)
}

function text(name: string, lines = 10): string {
  return Array.from({ length: lines }, (_, line) => `${name} ${line}\n`).join('')
}

const [a, b] = [text('a'), text('b')]

describe('changesBetween', () => {
  it('names what happened to files', async () => {
    expect(await changes({ a, b, c: 'c', l: 'l:x' }, { a: 'new', b: `x:${b}`, d: 'd', l: 'l:y' })).toEqual([
      'modified a',
      'mode-changed b',
      'deleted c',
      'added d',
      'modified l',
    ])
  })

  it('reports directories only where they are empty or change places with files', async () => {
    expect(await changes({ d: null, f: a }, { 'e/s': null, 'f/x': b })).toEqual(['deleted d', 'added e/s', 'type-changed f', 'added f/x'])
  })

  it('compares with nothing', async () => {
    expect(await changes(undefined, { a, 'd/b': b })).toEqual(['added a', 'added d/b'])
    expect(await changes({ a }, undefined)).toEqual(['deleted a'])
  })

  it('finds renames, with and without edits, and whole directories that were moved', async () => {
    expect(await changes({ a, b }, { 'd/c': a, b })).toEqual(['renamed a > d/c'])
    expect(await changes({ a, b }, { c: `${a}one more line\n`, b })).toEqual(['renamed a > c 74 %'])
    expect(await changes({ a, b }, { c: text('c'), b })).toEqual(['deleted a', 'added c'])
    expect(await changes({ 'd/1/x': a, 'd/2/x': a }, { 'e/0/x': a, 'e/1/x': a, 'e/2/x': a })).toEqual([
      'added d/1/x > e/0/x',
      'renamed d/1/x > e/1/x',
      'renamed d/2/x > e/2/x',
    ])
  })

  it('tells copies of what changed, and does not take empty files for renamed', async () => {
    expect(await changes({ a, e: '' }, { a: 'new', c: a, f: '' })).toEqual(['modified a', 'added a > c', 'deleted e', 'added f'])
    expect(await changes({ 'd/e': '' }, { 'f/e': '' })).toEqual(['renamed d/e > f/e'])
  })

  it('does not look for renames where it is told so', async () => {
    expect(await changes({ a }, { c: a }, { renames: false })).toEqual(['deleted a', 'added c'])
  })

  it('keeps to paths', async () => {
    const before = { 'd/a': a, 'd/s/x': '1', e: '1', f: '1' }
    const after = { 'g/a': a, 'd/s/x': '2', e: '2', f: '2' }
    const paths = (...list: string[]): ChangesOptions => ({ paths: list as BytePath[] })
    expect(await changes(before, after, paths('d', 'd/s', 'f', 'none'))).toEqual(['deleted d/a', 'modified d/s/x', 'modified f'])
    expect(await changes(before, after, paths('g'))).toEqual(['added g/a'])
    expect(await changes(before, after, paths(''))).toEqual(await changes(before, after))
  })
})

describe('findRenames', () => {
  /** A file of many chunks, of which every test names the seeds. */
  function writeLarge(name: string, seeds: number[]): TreeEntry {
    const list = new ChunkListBuilder((kind, bytes) => objects.write(kind, bytes))
    for (const seed of seeds) {
      const bytes = Buffer.alloc(4096, `chunk ${seed} `)
      list.add(idToBytes(objects.write('chunk', bytes)), bytes.length)
    }
    const { node, size } = list.finish()
    // The hash of the whole file only has to tell one content from another here.
    const hash = objects.write('chunk', Buffer.from(seeds.join()))
    const id = objects.write('manifest', encodeManifest({ profile: 'general', size, hash, segments: [], root: node }))
    return { name: name as BytePath, kind: 'file', content: 'manifest', size, id, hash }
  }

  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
  const at = (entry: TreeEntry) => ({ path: entry.name, entry })

  it('measures what large files have in common by their chunks', async () => {
    const old = [writeLarge('a', range(0, 400)), writeLarge('b', range(1000, 1400)), writeLarge('c', range(2000, 2400))]
    const added = [
      writeLarge('x', [...range(1000, 1300), ...range(5000, 5100)]),
      writeLarge('y', [...range(9000, 9010), ...range(0, 400)]),
      writeLarge('z', [...range(2000, 2100), ...range(6000, 6300)]),
    ]
    const renames = await findRenames(objects, old.map(at), added.map(at))
    expect(renames.map(({ from, to, similarity }) => `${from.path}${to.path} ${similarity.toFixed(2)}`)).toEqual(['ay 0.98', 'bx 0.75'])
  })

  it('gives each file to the one that is most like it, of equal ones to the one that kept its name', async () => {
    const old = [writeLarge('a', range(0, 100))]
    const near = writeLarge('near', range(0, 99))
    const far = writeLarge('far', range(0, 80))
    expect((await findRenames(objects, old.map(at), [far, near].map(at)))[0]?.to.path).toBe('near')
    const same = { path: 'd/a' as BytePath, entry: near }
    expect((await findRenames(objects, old.map(at), [at(near), same]))[0]?.to.path).toBe('d/a')
  })

  it('pairs thousands of files with their equals, whatever their order', async () => {
    const random = seededRandom(7)
    const deleted = Array.from({ length: 5000 }, (_, i) => {
      const id = objects.write('chunk', Buffer.from(`frame ${i % 2500}`))
      const entry: TreeEntry = { name: `f${i}` as BytePath, kind: 'file', content: 'chunk', size: 9, id, hash: id }
      return { path: `old/f${i}` as BytePath, entry }
    })
    const added = deleted.map(({ path, entry }) => ({ path: path.replace('old', 'new') as BytePath, entry }))
    added.sort(() => random() - 0.5)
    const renames = await findRenames(objects, deleted, added)
    expect(renames.length).toBe(5000)
    expect(renames.every(({ from, to }) => from.path.replace('old', 'new') === to.path)).toBe(true)
  })

  it('leaves out files whose content is not here', async () => {
    const missing = (name: string, content: 'chunk' | 'manifest', size: number) => {
      const id = parseId(name.repeat(64))
      return at({ name: name as BytePath, kind: 'file', content, size, id, hash: id })
    }
    expect(await findRenames(objects, [missing('a', 'chunk', 50)], [missing('b', 'chunk', 50)])).toEqual([])
    expect(await findRenames(objects, [missing('c', 'manifest', 200_000)], [missing('d', 'manifest', 200_000)])).toEqual([])
  })

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    const [old, added] = [at(writeLarge('a', [1, 2])), at(writeLarge('b', [2, 3]))]
    await expect(findRenames(objects, [old], [added], { signal })).rejects.toThrow('enough')
  })
})
