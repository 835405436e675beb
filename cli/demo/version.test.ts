import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DemoFailure } from './failure.ts'
import { costTable, readWorkingTree, requireSame, type Version } from './version.ts'

let folder: string
let version: Version
const at = (name: string) => path.join(folder, name)

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'dits-demo-test-'))
  mkdirSync(at('footage'))
  mkdirSync(at('.dits'))
  writeFileSync(at('footage/a.mp4'), 'a take')
  writeFileSync(at('notes.txt'), 'a note')
  writeFileSync(at('.dits/HEAD'), 'not part of the project')
  symlinkSync('footage/a.mp4', at('latest'))
  version = { title: 'first', storeBytes: 0, ...readWorkingTree(folder) }
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the proof of the demo', () => {
  it('counts files and links, and leaves the repository out', () => {
    expect([...version.content.keys()].sort()).toEqual(['footage/a.mp4', 'latest', 'notes.txt'])
    expect(version.bytes).toBe(12)
    expect(requireSame(folder, version)).toBe(3)
  })

  it.each([
    ['a byte more', 'notes.txt', () => appendFileSync(at('notes.txt'), '!')],
    ['another byte', 'footage/a.mp4', () => writeFileSync(at('footage/a.mp4'), 'a fake')],
    ['a file that is missing', 'notes.txt', () => unlinkSync(at('notes.txt'))],
    ['a file under another name', 'notes.txt', () => renameSync(at('notes.txt'), at('note.txt'))],
    ['a file too many', 'extra', () => writeFileSync(at('extra'), '')],
    ['a link to elsewhere', 'latest', () => (unlinkSync(at('latest')), symlinkSync('notes.txt', at('latest')))],
  ])('fails on %s, and names it', (_, name, damage) => {
    damage()
    expect(() => requireSame(folder, version)).toThrow(DemoFailure)
    expect(() => requireSame(folder, version)).toThrow(`'${name}'`)
  })
})

it('the table adds up what copies would cost, and what each version added', () => {
  const of = (title: string, bytes: number, storeBytes: number): Version => ({ title, bytes, storeBytes, content: new Map([['a', '']]) })
  expect(costTable([of('first', 2000, 1500), of('second', 3000, 1900)])).toEqual([
    'version    files    size  as full copies  in the store     added',
    '1  first       1  2.0 kB          2.0 kB        1.5 kB  + 1.5 kB',
    '2  second      1  3.0 kB          5.0 kB        1.9 kB   + 400 B',
  ])
})
