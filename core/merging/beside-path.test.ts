import { describe, expect, it } from 'vitest'
import { pathFromText, pathToText, type BytePath } from '../bytes.ts'
import { writeFiles } from '../history/history-fixture.ts'
import type { Id } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import { besidePath, keptMark, openMark, placeNear } from './beside-path.ts'

const id = '1a2b3c4d5e6f'.padEnd(64, '0') as Id
const free = () => false

describe('the name of their version', () => {
  it.each([
    ['shot.mov', 'shot.theirs-1a2b3c4d.mov'],
    ['a/b.c/edit.v2.prproj', 'a/b.c/edit.v2.theirs-1a2b3c4d.prproj'],
    ['Makefile', 'Makefile.theirs-1a2b3c4d'],
    ['.ditsignore', '.ditsignore.theirs-1a2b3c4d'],
    ['take 1. the longer one of both', 'take 1. the longer one of both.theirs-1a2b3c4d'],
  ])('of %s is %s', async (path, expected) => {
    expect(await besidePath(path as BytePath, openMark(id), free)).toBe(expected)
  })

  it('says whose it is where both are kept', async () => {
    expect(await besidePath('f/a.mov' as BytePath, keptMark('feature/one'), free)).toBe('f/a (theirs from feature-one).mov')
    expect(await besidePath('a' as BytePath, keptMark('v1: "cut" <2>'), free)).toBe('a (theirs from v1- -cut- -2-)')
  })

  it('counts up until it is free', async () => {
    const taken = ['a.theirs-1a2b3c4d.mov', 'a.theirs-1a2b3c4d-2.mov', 'a (theirs from b).mov']
    const isTaken = async (path: BytePath) => taken.includes(path)
    expect(await besidePath('a.mov' as BytePath, openMark(id), isTaken)).toBe('a.theirs-1a2b3c4d-3.mov')
    expect(await besidePath('a.mov' as BytePath, keptMark('b'), isTaken)).toBe('a (theirs from b 2).mov')
  })

  it('fits every file system, without half characters', async () => {
    const path = pathFromText(`${'é'.repeat(125)}.mov`)
    const beside = await besidePath(path, keptMark('ö'.repeat(200)), free)
    expect(beside.length).toBeLessThanOrEqual(255)
    expect(pathToText(beside)).not.toContain('\ufffd')
    expect(beside.endsWith(').mov')).toBe(true)
  })
})

describe('where their version can lie', () => {
  it('is beside a file that is in place of its folder', async () => {
    const objects = new MemoryObjects()
    const tree = writeFiles(objects, { 'a/b': 'a file', 'c/d': '1' })
    expect(await placeNear(objects, tree, 'a/b/x/y.mov' as BytePath)).toBe('a/y.mov')
    expect(await placeNear(objects, tree, 'a/y.mov' as BytePath)).toBe('a/y.mov')
    expect(await placeNear(objects, tree, 'new/y.mov' as BytePath)).toBe('new/y.mov')
  })
})
