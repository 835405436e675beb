import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import { decodeOperation, encodeOperation } from '../oplog-record.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { clearMergeState, invertMove, objectsOfState, readLiveMerge, readMergeState, writeMergeState, type MergeState } from './merge-state.ts'

const id = (digit: string) => digit.repeat(64) as Id

const state: MergeState = {
  command: 'cherry-pick',
  phase: 'opening',
  request: [id('1')],
  heads: [id('1')],
  todo: [id('2')],
  pick: { mainline: 1, noteOrigin: true },
  endsWith: 'commit',
  theirName: 'fünf',
  message: 'two\nlines',
  author: { name: 'Ada', email: 'ada@example.com', timeMs: 5, zoneMinutes: -60 },
  conflicts: [
    {
      path: 'f/\xff.mov' as BytePath,
      reason: 'renamed-twice',
      base: { path: 'a' as BytePath, kind: 'file', content: 'chunk', size: 3, id: id('3'), hash: id('3'), mtimeNs: 12345678901234567890n },
      theirs: { path: 'b' as BytePath, kind: 'directory', content: 'tree', size: 0, id: id('4'), hash: id('4') },
      beside: 'f/x' as BytePath,
      besideStat: { mtimeMs: 1.5, ctimeMs: 2.25, ino: 3, size: 4, mode: 0o100644 },
    },
  ],
  head: id('5'),
  disk: id('6'),
  staged: id('7'),
  from: { head: id('8'), staged: id('9') },
  original: {},
  drops: 'refs/stash/1',
}

describe('the state of a merge', () => {
  it('is read as it was written, with what was open before', async () => {
    const store = new MemoryStore()
    const { previous: _, ...open } = { ...state, previous: undefined }
    for (const written of [state, { ...state, previous: { ...open, phase: 'open' as const } }]) {
      await writeMergeState({ store }, written)
      expect(await readMergeState({ store })).toEqual(written)
    }
    await clearMergeState({ store })
    expect(await readMergeState({ store })).toBeUndefined()
  })

  it('is damage where a byte of it changed, or a field is not what it should be', async () => {
    const store = new MemoryStore()
    await writeMergeState({ store }, state)
    const { bytes } = (await store.get('merge'))!
    const bad = Buffer.from(bytes)
    bad[100]! ^= 1
    await store.put('merge', bad)
    await expect(readMergeState({ store })).rejects.toMatchObject({ code: 'merge-state-damaged' })
    await writeMergeState({ store }, { ...state, request: ['x' as Id] })
    await expect(readMergeState({ store })).rejects.toMatchObject({ code: 'merge-state-damaged' })
  })

  it('is over where HEAD stands elsewhere', async () => {
    const store = new MemoryStore()
    await writeMergeState({ store }, state)
    expect(await readLiveMerge({ store }, id('5'))).toBeDefined()
    expect(await readLiveMerge({ store }, id('8'))).toBeDefined()
    expect(await readLiveMerge({ store }, id('1'))).toBeUndefined()
    await writeMergeState({ store }, { ...state, phase: 'open' })
    expect(await readLiveMerge({ store }, id('8'))).toBeUndefined()
  })

  it('refuses more conflicts than can be read back', async () => {
    const store = new MemoryStore()
    const conflicts = Array.from({ length: 60_000 }, () => state.conflicts[0]!)
    await expect(writeMergeState({ store }, { ...state, conflicts })).rejects.toMatchObject({ code: 'too-many-conflicts' })
    expect(await readMergeState({ store })).toBeUndefined()
  })

  it('keeps everything that it names', () => {
    const ids = new Set([...objectsOfState(state)].map((object) => `${object.kind} ${object.id[0]}`))
    expect([...ids].sort()).toEqual(['chunk 3', 'commit 1', 'commit 2', 'commit 5', 'commit 8', 'tree 4', 'tree 6', 'tree 7', 'tree 9'])
  })
})

describe('a move of a merge', () => {
  it('is recorded with its operation, and inverted twice is the same', () => {
    const operation = { seq: 7, timeMs: 1, command: 'dits merge', head: {}, refs: [], staged: {}, disk: { before: id('a'), after: id('b') } }
    for (const merge of [{ before: state }, { after: state }, { settled: state.conflicts }, { reopened: state.conflicts }]) {
      expect(decodeOperation(encodeOperation({ ...operation, merge }), 7)).toEqual({ ...operation, merge })
      expect(invertMove(invertMove(merge))).toMatchObject(merge)
    }
    expect(invertMove({ before: state, settled: [] })).toEqual({ after: state, reopened: [] })
  })
})
