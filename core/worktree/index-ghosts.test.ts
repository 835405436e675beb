import { describe, expect, it } from 'vitest'
import { pathFromText } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import { IndexBuilder, sealIndex } from './index-builder.ts'
import { decodeIndex, type IndexEntry } from './index-file.ts'
import { IndexUpdate } from './index-update.ts'
import { StatPatch } from './stat-patch.ts'

const id = '7'.repeat(64) as Id
const stat = { mtimeMs: 5000.5, ctimeMs: 5000.5, ino: 3, size: 9, mode: 0o100444 }
const entryOf = (path: string, more: Partial<IndexEntry> = {}): IndexEntry => ({ path: pathFromText(path), kind: 'file', content: 'chunk', size: 9, id, hash: id, stat, ...more })

function build(...entries: IndexEntry[]): Uint8Array {
  const builder = new IndexBuilder()
  for (const entry of entries) builder.add(entry)
  return builder.finish({ writtenMs: 9000 })
}

const versionOf = (bytes: Uint8Array): number => bytes[8]!

describe('ghosts in an index', () => {
  it('are remembered, and make it a version of its own', () => {
    const bytes = build(entryOf('a/ghost', { isGhost: true }), entryOf('b'))
    const index = decodeIndex(bytes)
    expect([versionOf(bytes), index.hasGhosts]).toEqual([2, true])
    expect([...index.entries()].map((entry) => entry.isGhost)).toEqual([true, undefined])
    expect([versionOf(build(entryOf('b'))), decodeIndex(build(entryOf('b'))).hasGhosts]).toEqual([1, false])
  })

  it('stay ghosts beside changes, and go with what is staged in their place', () => {
    const index = decodeIndex(build(entryOf('a/ghost', { isGhost: true }), entryOf('b/ghost', { isGhost: true })))
    const update = new IndexUpdate(index, () => id)
    update.put(entryOf('b/ghost'))
    const changed = decodeIndex(update.finish({ writtenMs: 9000 }).bytes)
    expect([...changed.entries()].map((entry) => entry.isGhost)).toEqual([true, undefined])
  })

  it('come and go with what a look at the disk says, also where its time proves nothing', () => {
    const index = decodeIndex(build(entryOf('a', { isGhost: true }), entryOf('b')))
    const patch = new StatPatch(index)
    patch.set(0, stat, false)
    patch.set(1, { ...stat, mtimeMs: 8999 }, true)
    const bytes = patch.finish({ writtenMs: 9000 })
    const patched = decodeIndex(bytes)
    expect([patched.isGhostAt(0), patched.isGhostAt(1), patched.statAt(1)]).toEqual([false, true, undefined])
    const none = new StatPatch(patched)
    none.setGhost(1, false)
    expect(versionOf(none.finish({ writtenMs: 9000 }))).toBe(1)
  })

  it.each<[string, (bytes: Buffer) => void]>([
    ['in an index of the first version', (bytes) => void bytes.writeUInt32LE(1, 8)],
    ['that are symlinks', (bytes) => void bytes.writeUInt8(bytes[64]! | 2, 64)],
    ['of which there are none', (bytes) => void bytes.writeUInt8(bytes[64]! & ~32, 64)],
  ])('are damage %s', (_, damage) => {
    const bytes = Buffer.from(build(entryOf('a', { isGhost: true })))
    damage(bytes)
    sealIndex(bytes)
    expect(() => decodeIndex(bytes)).toThrow(expect.objectContaining({ code: 'index-damaged' }))
  })
})
