import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCommit } from '../changing/head.ts'
import { resetTo } from '../changing/reset.ts'
import { undo } from '../changing/undo.ts'
import type { Id } from '../objects/id.ts'
import { createOpLog } from '../oplog.ts'
import { createRefs } from '../refs/refs.ts'
import { addPaths } from '../staging/stage.ts'
import type { Repo } from '../repo.ts'
import type { DiskStore } from '../store/disk-store.ts'
import { CrashError, FaultyStore } from '../store/faulty-store.ts'
import { abortMerge } from './abort.ts'
import { mergeInto } from './merge.ts'
import { readLiveMerge } from './merge-state.ts'
import { everything, spec, TestRepo, type Files } from './merging-fixture.ts'
import { pickCommits } from './picks.ts'
import { applyStash } from './stash-apply.ts'
import { listStash } from './stash-entry.ts'
import { pushStash } from './stash-push.ts'

/**
 * Each command dies at every write to the store, and at every file that it
 * writes into the working tree; then the repository is opened again.
 */

interface Scenario {
  name: string
  prepare: () => Promise<TestRepo>
  run: (test: TestRepo) => Promise<unknown>
  abort?: (test: TestRepo) => Promise<unknown>
}

/** All that a person would notice. */
interface Look {
  disk: Files
  staged: Files
  head: string
  conflicts: string[] | undefined
  stash: number
}

async function lookAtAll(test: TestRepo): Promise<Look> {
  const head = await test.head()
  return {
    disk: await test.disk(),
    staged: await test.staged(),
    // Not its id, because the clock goes on.
    head: (await readCommit(test.repo, head)).message,
    conflicts: (await readLiveMerge(test.repo, head))?.conflicts.map(({ path }) => path),
    stash: (await listStash(test.repo)).length,
  }
}

async function branches(ours: Record<string, string | undefined>): Promise<TestRepo> {
  const test = await TestRepo.create({ a: '1', 'f/b': '1', keep: '1' })
  await test.branch('feature')
  await test.commit('theirs', { a: '2', 'f/b': undefined, 'g/c': 'x:1' })
  await test.commit('more', { d: '1' })
  await test.switch('main')
  await test.commit('ours', ours)
  await test.write({ keep: 'mine', other: 'untracked' })
  return test
}

const merge = async (test: TestRepo) => mergeInto(test.repo, await test.target('feature'), { forward: 'may', commit: true })
const abort = (test: TestRepo) => abortMerge(test.repo, 'merge')

const scenarios: Scenario[] = [
  { name: 'a clean merge', prepare: () => branches({ e: '1' }), run: merge, abort },
  { name: 'a merge with conflicts', prepare: () => branches({ a: 'ours' }), run: merge, abort },
  { name: 'a fast-forward', prepare: async () => withoutOurs(await branches({})), run: merge, abort },
  {
    name: 'picking commits up to a conflict',
    prepare: () => branches({ d: 'ours' }),
    run: async (test) => pickCommits(test.repo, 'cherry-pick', await bothOfFeature(test), {}),
    abort: (test) => abortMerge(test.repo, 'cherry-pick'),
  },
  {
    name: 'bringing a stash entry back',
    prepare: async () => {
      const test = await branches({})
      await pushStash(test.repo, { spec: everything, untracked: true, keepIndex: false })
      return test
    },
    run: (test) => applyStash(test.repo, undefined, { drop: true, index: false }),
    abort: (test) => abortMerge(test.repo, 'stash'),
  },
]

async function parentOf(test: TestRepo, id: Id): Promise<Id> {
  return (await readCommit(test.repo, id)).parents[0]!
}

/** Takes the branch back to what `feature` began with, index and files too. */
async function withoutOurs(test: TestRepo): Promise<TestRepo> {
  await resetTo(test.repo, await parentOf(test, await test.head()), 'mixed')
  return test
}

async function bothOfFeature(test: TestRepo): Promise<Id[]> {
  const { id } = await test.target('feature')
  return [await parentOf(test, id), id]
}

let template: string
beforeAll(() => void (template = mkdtempSync(join(tmpdir(), 'dits-crash-'))))
afterAll(() => rmSync(template, { recursive: true, force: true }))

/** Keeps what a scenario begins with, and goes back to it. */
async function rewind(test: TestRepo): Promise<void> {
  await test.pause()
  rmSync(test.root, { recursive: true, force: true })
  cpSync(template, test.root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  await test.reopen()
}

/** The repository of a process that dies at a write to the store, or at a file of the working tree. */
async function doomed(test: TestRepo, point: { write?: number; file?: number }): Promise<FaultyStore> {
  let files = 0
  const onProgress = () => {
    if (++files === point.file) throw new CrashError()
  }
  const repo = await test.reopen({ onProgress })
  const store = new FaultyStore(repo.store, point.write === undefined ? undefined : { kind: 'crash', at: point.write, left: 'nothing' })
  test.repo = { ...repo, store: store as unknown as DiskStore, refs: createRefs(store), oplog: createOpLog(store) } satisfies Repo
  return store
}

/** Counts the points at which the command could die. */
async function pointsOf(test: TestRepo, run: Scenario['run']): Promise<{ write?: number; file?: number }[]> {
  let files = 0
  const repo = await test.reopen({ onProgress: () => void files++ })
  const store = new FaultyStore(repo.store)
  test.repo = { ...repo, store: store as unknown as DiskStore, refs: createRefs(store), oplog: createOpLog(store) }
  await run(test)
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1)
  return [...numbers(store.writes).map((write) => ({ write })), ...numbers(files).map((file) => ({ file }))]
}

async function crashAt(test: TestRepo, run: Scenario['run'], point: { write?: number; file?: number }): Promise<void> {
  await rewind(test)
  await doomed(test, point)
  await expect(run(test), JSON.stringify(point)).rejects.toBeInstanceOf(CrashError)
  await test.reopen()
}

describe.each(scenarios)('$name', ({ prepare, run, abort: giveUp }) => {
  it('goes on, or is given up, wherever it died', { timeout: 240_000 }, async () => {
    const test = await prepare()
    try {
      await test.pause()
      rmSync(template, { recursive: true, force: true })
      cpSync(test.root, template, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
      await test.reopen()
      const before = await lookAtAll(test)
      const points = await pointsOf(test, run)
      await test.reopen()
      const after = await lookAtAll(test)
      expect(points.length).toBeGreaterThan(5)
      for (const point of points) {
        await crashAt(test, run, point)
        await run(test)
        expect(await lookAtAll(test), `run again after ${JSON.stringify(point)}`).toEqual(after)
        await crashAt(test, run, point)
        // Before its note was written nothing has happened, and after its end nothing is left to be given up.
        const isHalf = (await readLiveMerge(test.repo, await test.head())) !== undefined
        if (isHalf) await giveUp!(test)
        const then = await lookAtAll(test)
        expect(isHalf || same(then, before) || same(then, after), JSON.stringify(point)).toBe(true)
        if (isHalf) expect(then, `given up after ${JSON.stringify(point)}`).toEqual(before)
      }
    } finally {
      await test.remove()
    }
  })
})

describe('putting changes aside', () => {
  it('loses nothing, wherever it died', { timeout: 240_000 }, async () => {
    const test = await TestRepo.create({ a: '1', 'f/b': '1', gone: '1' })
    try {
      await test.write({ a: 'staged' })
      await addPaths(test.repo, spec('a'))
      await test.write({ a: '2', 'f/b': undefined, gone: undefined, new: 'x:1', 'e/mpty': null })
      await test.pause()
      rmSync(template, { recursive: true, force: true })
      cpSync(test.root, template, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
      await test.reopen()
      const before = await lookAtAll(test)
      const run = () => pushStash(test.repo, { spec: everything, untracked: true, keepIndex: false })
      for (const point of await pointsOf(test, run)) {
        await crashAt(test, run, point)
        const [entry] = await listStash(test.repo)
        if (!entry) {
          expect(await lookAtAll(test), JSON.stringify(point)).toEqual(before)
          continue
        }
        expect(await test.tree(entry.worktree)).toEqual({ a: '2' })
        await undo(test.repo, { redo: false })
        expect(await lookAtAll(test), `undone after ${JSON.stringify(point)}`).toEqual(before)
      }
    } finally {
      await test.remove()
    }
  })
})

function same(a: Look, b: Look): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
