import { describe, expect, it } from 'vitest'
import { commitStaged } from '../changing/commit.ts'
import { readCommit } from '../changing/head.ts'
import { resetTo } from '../changing/reset.ts'
import { checkRepository } from '../check/check.ts'
import { collectGarbage } from '../gc.ts'
import { pickCommits } from '../merging/picks.ts'
import { decodeCommit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import { referencesOf } from '../objects/references.ts'
import { parseCommit } from '../refs/rev-parse.ts'
import { openWriter } from '../repo.ts'
import { TestRepo, pathsOf } from '../repo.fixture.ts'
import type { ObjectRef } from '../reachable.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { costOfVersions } from '../usage.ts'
import { aheadBehind, isAncestor, mergeBases } from './ancestry.ts'
import { logPath } from './log.ts'
import { keepAll, queryLog } from './query-log.ts'
import { changeShallow, readShallow } from './shallow.ts'
import { walkCommits } from './walk.ts'

/** The last two of four commits in a repository of their own: the older one has left its parents behind. */
async function makeShallow(): Promise<{ test: TestRepo; commits: Id[] }> {
  const full = await TestRepo.create()
  const commits: Id[] = []
  for (let i = 0; i < 4; i++) commits.push(await full.commit({ 'a.txt': `version ${i}`, [`${i}.txt`]: 'x' }))
  const test = await TestRepo.create()
  await changeShallow(test.repo.store, { add: [commits[2]!] })
  const writer = await openWriter(test.repo)
  const open: ObjectRef[] = [{ kind: 'commit', id: commits[3]! }]
  for (let object = open.pop(); object; object = open.pop()) {
    const bytes = await full.repo.objects.read(object.kind, object.id)
    writer.write(object.kind, bytes)
    for (const child of referencesOf(object.kind, bytes)) if (child.id !== commits[1]) open.push(child)
  }
  await writer.flush()
  await test.repo.refs.move('refs/heads/main', undefined, commits[3]!)
  await test.reopen()
  await resetTo(test.repo, commits[3]!, 'hard')
  return { test, commits }
}

const parse = ({ repo }: TestRepo, text: string) => parseCommit({ reader: repo.objects, refs: repo.refs, oplog: repo.oplog, findByPrefix: (prefix) => repo.objects.packs.findByPrefix(prefix, 8) }, text)

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('a shallow repository', () => {
  it('has a history that begins where its parents were left behind', async () => {
    const { test, commits } = await makeShallow()
    const { objects } = test.repo
    for (const order of ['date', 'topo'] as const) {
      expect((await all(walkCommits(objects, [commits[3]!], { order }))).map(({ id }) => id)).toEqual([commits[3], commits[2]])
    }
    expect((await all(logPath(objects, [commits[3]!], pathsOf('a.txt')[0]!, { follow: true }))).map(({ id }) => id)).toEqual([commits[3], commits[2]])
    const paths = { literals: [], patterns: [], all: true, matches: () => true }
    const query = { starts: [commits[3]!], exclude: [], paths, follow: false, firstParent: false, sinceMs: -Infinity, untilMs: Infinity, keep: keepAll, graph: true }
    expect((await all(queryLog(objects, query))).map(({ parents }) => parents)).toEqual([[commits[2]], []])
    expect((await costOfVersions(test.repo, commits[3]!)).map(({ id }) => id)).toEqual([commits[3], commits[2]])
    expect((await readCommit(test.repo, commits[2]!)).parents).toEqual([])
  })

  it('can be compared, checked and collected', async () => {
    const { test, commits } = await makeShallow()
    const { objects } = test.repo
    expect(await mergeBases(objects, commits[2]!, commits[3]!)).toEqual([commits[2]])
    expect(await isAncestor(objects, commits[2]!, commits[3]!)).toBe(true)
    expect(await aheadBehind(objects, commits[3]!, commits[2]!)).toEqual({ ahead: 1, behind: 0 })
    expect((await checkRepository(test.repo, { full: true })).problems).toEqual([])
    await collectGarbage(test.repo, { graceMs: 0, undoMs: 0 })
    expect((await checkRepository(test.repo, { full: true })).problems).toEqual([])
  })

  it('says where a person asks for what was left behind', async () => {
    const { test, commits } = await makeShallow()
    expect(await parse(test, 'HEAD~1')).toBe(commits[2])
    await expect(parse(test, 'HEAD~2')).rejects.toMatchObject({ code: 'unknown-revision', hint: expect.stringContaining('dits fetch --unshallow') })
    await expect(pickCommits(test.repo, 'revert', [commits[2]!], {})).rejects.toMatchObject({ code: 'no-such-parent', hint: expect.stringContaining('--unshallow') })
  })

  it('keeps the true parents of the commit that replaces its first one', async () => {
    const { test, commits } = await makeShallow()
    await resetTo(test.repo, commits[2]!, 'hard')
    const { id } = await commitStaged(test.repo, { amend: true, message: 'said better' })
    const { parents } = decodeCommit(await test.repo.objects.read('commit', id))
    expect(parents).toEqual([commits[1]])
    await test.reopen()
    expect((await all(walkCommits(test.repo.objects, [id]))).map((item) => item.id)).toEqual([id])
    expect((await checkRepository(test.repo, { full: true })).problems).toEqual([])
  })
})

describe('the list of commits without their parents', () => {
  const ids = ['1', '2', '3'].map((digit) => digit.repeat(64) as Id)

  it('is sorted, and changed in one step', async () => {
    const store = new MemoryStore()
    expect(await readShallow(store)).toEqual(new Set())
    await changeShallow(store, { add: [ids[2]!, ids[0]!] })
    await changeShallow(store, { add: [ids[1]!], remove: [ids[2]!] })
    expect(Buffer.from((await store.get('shallow'))!.bytes).toString()).toBe(`${ids[0]}\n${ids[1]}\n`)
  })

  it.each(['nonsense\n', `${'1'.repeat(64)}`, `${'2'.repeat(64)}\n${'1'.repeat(64)}\n`, `${'1'.repeat(64)}\n${'1'.repeat(64)}\n`])('is refused where it is %j', async (text) => {
    const store = new MemoryStore()
    await store.put('shallow', Buffer.from(text))
    await expect(readShallow(store)).rejects.toMatchObject({ code: 'shallow-damaged' })
  })
})
