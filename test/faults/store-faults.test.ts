import { appendFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commitStaged } from '../../core/changing/commit.ts'
import { checkRepository } from '../../core/check/check.ts'
import { DitsError } from '../../core/errors.ts'
import { collectGarbage } from '../../core/gc.ts'
import type { Id } from '../../core/objects/id.ts'
import { createOpLog } from '../../core/oplog.ts'
import { PackedObjects } from '../../core/pack/packed-objects.ts'
import { createRefs } from '../../core/refs/refs.ts'
import { closeRepo, type Repo } from '../../core/repo.ts'
import { rootPath } from '../../core/bytes.ts'
import { parsePathspec } from '../../core/staging/pathspec.ts'
import { addPaths } from '../../core/staging/stage.ts'
import { CrashError, FaultyStore, type Fault } from '../../core/store/faulty-store.ts'
import { createRandom } from '../../fixtures/random.ts'
import { scratchFolder } from './scratch.ts'
import { contentOf, createSmallRepo, fixedEnvironment, withRepo } from './small-repo.ts'

/**
 * The same promises as in crash.test.ts one floor higher: every put and delete
 * of the store in turn fails, or is the last thing that the process does. What
 * holds here holds for every store, not only for the one on disk.
 */

const late = fixedEnvironment({ now: () => Date.parse('2099-01-01T00:00:00Z') })

const commands: Record<string, { prepare: (root: string) => Promise<void>; run: (repo: Repo) => Promise<unknown>; env?: typeof late }> = {
  add: {
    prepare: async (root) => changeFiles(root),
    run: (repo) => addPaths(repo, parsePathspec([], rootPath)),
  },
  commit: {
    prepare: async (root) => {
      changeFiles(root)
      await withRepo(root, (repo) => addPaths(repo, parsePathspec([], rootPath)))
    },
    run: (repo) => commitStaged(repo, { message: 'Third' }),
  },
  'commit of all changes': {
    prepare: async (root) => changeFiles(root),
    run: (repo) => commitStaged(repo, { message: 'Third', all: true }),
  },
  gc: {
    prepare: async (root) => {
      for (let i = 0; i < 3; i++) {
        writeFileSync(join(root, 'notes.txt'), createRandom(i).bytes(2000))
        await withRepo(root, (repo) => addPaths(repo, parsePathspec([], rootPath)))
      }
    },
    run: (repo) => collectGarbage(repo, { graceMs: 0, undoMs: 0 }),
    env: late,
  },
}

const faults: Record<string, (at: number, folder: string) => Fault> = {
  'a put that fails once': (at) => ({ kind: 'fail', at, errno: 'EIO' }),
  'a disk that is full from then on': (at) => ({ kind: 'fail', at, errno: 'ENOSPC', forever: true }),
  'a crash before the call': (at) => ({ kind: 'crash', at, left: 'nothing' }),
  'a crash after the call': (at) => ({ kind: 'crash', at, left: 'everything' }),
  'a crash that leaves half a value among the unfinished': (at, folder) => ({
    kind: 'crash',
    at,
    left: 'rubbish',
    leaveRubbish: async (part) => {
      mkdirSync(join(folder, 'tmp'), { recursive: true })
      await writeFile(join(folder, 'tmp', 'half'), part)
      await rename(join(folder, 'tmp', 'half'), join(folder, 'tmp', 'rubbish'))
    },
  }),
}

describe.each(Object.keys(commands))('%s', (name) => {
  it.each(Object.keys(faults))('loses nothing by %s, at every call in turn', async (faultName) => {
    const command = commands[name]!
    const scratch = await scratchFolder()
    const start = join(scratch, 'start')
    const { repo, first, second } = await createSmallRepo(start)
    await closeRepo(repo)
    await command.prepare(start)
    const truth = await withRepo(start, async (whole) => [await contentOf(whole, first), await contentOf(whole, second)])
    let runs = 0
    for (let at = 1; ; at++) {
      const root = join(scratch, `run-${at}`)
      cpSync(start, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
      const hit = await runFaulty(root, command, faults[faultName]!(at, join(root, '.dits')))
      await expectPromises(root, [first, second], truth, `call ${at}`)
      await withRepo(root, (again) => runAgain(command.run, again), command.env)
      await expectPromises(root, [first, second], truth, `call ${at}, run again`)
      rmSync(root, { recursive: true })
      if (!hit) break
      runs++
    }
    expect(runs).toBeGreaterThan(2)
  })
})

/** Runs a command on a store with a fault; answers whether the fault was met. Whatever ends the command must be the fault. */
async function runFaulty(root: string, command: (typeof commands)[string], fault: Fault): Promise<boolean> {
  return withRepo(
    root,
    async (repo) => {
      const store = new FaultyDisk(repo.store, fault)
      const faulty: Repo = { ...repo, store: store as unknown as Repo['store'], objects: await PackedObjects.open(store), refs: createRefs(store), oplog: createOpLog(store) }
      try {
        await command.run(faulty)
      } catch (error) {
        const isFault = error instanceof CrashError || (error instanceof DitsError && error.code === 'store-io')
        if (!isFault) throw error
      }
      return store.writes >= fault.at
    },
    command.env,
  )
}

/** What a store on disk has beside a ByteStore. */
class FaultyDisk extends FaultyStore {
  async sweepTemporary(): Promise<number> {
    return 0
  }
}

async function runAgain(run: (repo: Repo) => Promise<unknown>, repo: Repo): Promise<void> {
  try {
    await run(repo)
  } catch (error) {
    // Where only the answer was missing, it is done already.
    if (!(error instanceof DitsError) || error.code !== 'nothing-to-commit') throw error
  }
}

async function expectPromises(root: string, commits: Id[], truth: Record<string, string>[], when: string): Promise<void> {
  await withRepo(root, async (repo) => {
    expect((await checkRepository(repo, { full: true })).problems, when).toEqual([])
    for (const [i, commit] of commits.entries()) expect(await contentOf(repo, commit), when).toEqual(truth[i])
  })
}

function changeFiles(root: string): void {
  writeFileSync(join(root, 'notes.txt'), 'third cut\n'.repeat(300))
  appendFileSync(join(root, 'shots', 'clip.mov'), createRandom(11).bytes(20_000))
  mkdirSync(join(root, 'audio'))
  writeFileSync(join(root, 'audio', 'mix.wav'), createRandom(12).bytes(30_000))
}
