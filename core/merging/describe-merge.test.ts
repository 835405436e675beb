import { describe, expect, it } from 'vitest'
import type { BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import { describeConflict, describeMerge } from './describe-merge.ts'
import type { ConflictSide, MergeState, OpenConflict } from './merge-state.ts'

const id = '1'.repeat(64) as Id
const file = (path: string): ConflictSide => ({ path: path as BytePath, kind: 'file', content: 'chunk', size: 3, id, hash: id })
const folder = (path: string): ConflictSide => ({ ...file(path), kind: 'directory', content: 'tree' })
const open: MergeState = {
  command: 'merge',
  phase: 'open',
  request: [id],
  heads: [id],
  todo: [],
  endsWith: 'commit',
  theirName: 'feature',
  message: '',
  conflicts: [{ path: 'a' as BytePath, reason: 'both-changed', ours: file('a'), theirs: { ...file('a'), size: 5 } }],
  disk: id,
  staged: id,
  from: {},
  original: {},
}

describe('a merge in words', () => {
  it.each<[Partial<MergeState>, string, string]>([
    [{}, "a merge of 'feature' is in progress: 1 file in conflict", 'dits resolve --ours|--theirs|--both FILE...'],
    [{ conflicts: [] }, "a merge of 'feature' is in progress", 'dits commit'],
    [{ phase: 'closing' }, "a merge of 'feature' was interrupted half-way", 'dits merge'],
    [{ command: 'cherry-pick', conflicts: [], todo: [id, id] }, 'a cherry-pick of feature is in progress, 2 commits to follow', 'dits cherry-pick --continue'],
    [{ command: 'revert', theirName: '', conflicts: [], todo: [id] }, 'a revert is in progress, 1 commit to follow', 'dits revert --continue'],
    [{ command: 'stash', endsWith: 'resolution' }, 'applying a stash entry is in progress: 1 file in conflict', 'dits resolve --ours|--theirs|--both FILE...'],
  ])('says what it waits for: %j', (change, headline, command) => {
    const described = describeMerge({ ...open, ...change })
    expect(described.headline).toBe(headline)
    expect(described.advice[0]!.command).toBe(command)
  })
})

describe('a conflict in words', () => {
  it.each<[Partial<OpenConflict>, string]>([
    [{ reason: 'both-added' }, 'added on both sides'],
    [{ reason: 'deleted-by-us', theirs: file('a') }, 'deleted here, changed in feature'],
    [{ reason: 'deleted-by-them', ours: file('a') }, 'changed here, deleted in feature'],
    [{ reason: 'file-directory', ours: file('a'), theirs: folder('a') }, 'a file here, a folder in feature'],
    [{ reason: 'file-directory', ours: folder('a'), theirs: file('a') }, 'a folder here, a file in feature'],
    [{ reason: 'file-directory', theirs: file('a/b') }, 'its folder is a file here'],
    [{ reason: 'renamed-twice', ours: file('x'), theirs: file('y') }, 'moved to x here, to y in feature'],
  ])('%j', (conflict, text) => {
    expect(describeConflict({ path: 'a' as BytePath, reason: 'both-changed', ...conflict }, 'feature').text).toBe(text)
  })

  it('has the sizes of both sides', () => {
    expect(describeMerge(open).conflicts).toMatchObject([{ path: 'a', oursSize: 3, theirsSize: 5, beside: undefined }])
  })
})
