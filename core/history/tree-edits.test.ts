import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import { readFiles, writeFile, writeFiles, type Files } from './history-fixture.ts'
import { TreeEdits } from './tree-edits.ts'

const objects = new MemoryObjects()

/** Applies edits written as a path to content; `undefined` removes. */
async function edit(files: Files, edits: Record<string, string | undefined>, prune: string[] = []) {
  const list = new TreeEdits()
  for (const [path, content] of Object.entries(edits)) {
    list.set(path as BytePath, content === undefined ? undefined : writeFile(objects, 'any', content))
  }
  for (const path of prune) list.pruneIfEmpty(path as BytePath)
  const { tree, blocked } = await list.apply(objects, (kind, bytes) => objects.write(kind, bytes), writeFiles(objects, files))
  return { files: await readFiles(objects, tree), blocked: blocked.map(({ path }) => path) }
}

describe('TreeEdits', () => {
  it('adds, replaces and removes, and makes directories on the way', async () => {
    const { files } = await edit({ a: '1', b: '1', 'd/x': '1' }, { a: '2', b: undefined, 'e/f/g': 'new', 'd/x': undefined })
    expect(files).toEqual({ a: '2', d: null, 'e/f/g': 'new' })
  })

  it('gives the same tree as writing it at once', async () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`d/f${i}`, `${i}`]))
    const edits = new TreeEdits()
    edits.set('d/f500' as BytePath, writeFile(objects, 'any', 'new'))
    edits.set('d/z' as BytePath, writeFile(objects, 'any', 'new'))
    const { tree } = await edits.apply(objects, (kind, bytes) => objects.write(kind, bytes), writeFiles(objects, many))
    expect(tree).toBe(writeFiles(objects, { ...many, 'd/f500': 'new', 'd/z': 'new' }))
  })

  it('prunes where nothing is left, also where nothing was edited', async () => {
    expect((await edit({ 'd/x': '1', e: null, 'f/x': '1' }, { 'd/x': undefined }, ['d', 'e', 'f'])).files).toEqual({ 'f/x': '1' })
    expect((await edit({ 'd/e/x': '1' }, { 'd/e/x': undefined }, ['d/e'])).files).toEqual({ d: null })
  })

  it('applies an edit of a directory before those below it, whatever their order', async () => {
    expect((await edit({ 'd/x': '1', 'd/y': '1' }, { 'd/z': 'new', d: undefined })).files).toEqual({ 'd/z': 'new' })
  })

  it('keeps a file that is in the way, and hands back what found no place', async () => {
    expect(await edit({ f: '1' }, { 'f/a': '2', 'f/b/c': '3', 'f/d': undefined })).toEqual({ files: { f: '1' }, blocked: ['f/a', 'f/b/c'] })
  })

  it('changes nothing where there are no edits', async () => {
    expect(await edit({ a: '1', d: null }, {})).toEqual({ files: { a: '1', d: null }, blocked: [] })
  })
})
