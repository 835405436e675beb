import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { pathToText } from '../core/bytes.ts'
import { readCommit, readCurrentHead } from '../core/changing/head.ts'
import { checkRepository } from '../core/check/check.ts'
import { ContentReader } from '../core/checkout/content-reader.ts'
import type { Id } from '../core/objects/id.ts'
import { decodeTag } from '../core/objects/tag.ts'
import { walkTree } from '../core/objects/tree-walk.ts'
import { closeRepo, openRepo, type Repo } from '../core/repo.ts'
import { readIndex } from '../core/staging/stage.ts'
import { goldenEnvironment, goldenFiles } from '../fixtures/golden/make.ts'

/**
 * A repository of format 1, written once and kept: whatever dits becomes, it
 * opens this and finds what was committed. Ids are pinned, so that neither the
 * cutting of files nor any encoding can change unnoticed.
 */
const commits = { first: '9163ec5abb631c58a3c811b8eb0d2ca2e149128a0e7a85fb3b6870d89d6a8835', second: '8d730144f3f636ce338b70fbefe1c918719f7cd4797ad077a88c4a19cd13d194', tag: 'e2e534b0c0876e39a4d0718b147d5886843921ad0487291fb09b0608e7ea256d' } as const

async function openGolden(): Promise<Repo> {
  const root = mkdtempSync(join(tmpdir(), 'dits-golden-'))
  cpSync(join(import.meta.dirname, '../fixtures/golden/v1'), join(root, '.dits'), { recursive: true })
  const repo = await openRepo(root, goldenEnvironment)
  onTestFinished(async () => {
    await closeRepo(repo)
    rmSync(root, { recursive: true, force: true })
  })
  return repo
}

async function filesOf(repo: Repo, commit: Id): Promise<Map<string, { kind: string; bytes: Buffer }>> {
  const reader = new ContentReader(repo.objects)
  const files = new Map<string, { kind: string; bytes: Buffer }>()
  for await (const { path, entry } of walkTree(repo.objects, (await readCommit(repo, commit)).tree)) {
    const pieces: Uint8Array[] = []
    if (entry.kind !== 'directory') for await (const piece of reader.stream(entry)) pieces.push(piece)
    files.set(pathToText(path), { kind: entry.kind, bytes: Buffer.concat(pieces) })
  }
  return files
}

it('the golden repository of format 1 opens, is sound, and has its refs', async () => {
  const repo = await openGolden()
  const { branch, id, commit } = await readCurrentHead(repo)
  expect({ branch, id }).toEqual({ branch: 'refs/heads/main', id: commits.second })
  expect(commit?.parents).toEqual([commits.first])
  expect(commit?.author).toEqual({ name: 'Ada Golden', email: 'ada@example.org', timeMs: Date.UTC(2026, 0, 2, 3, 4, 5), zoneMinutes: 60 })
  expect(await repo.refs.read('refs/tags/v1.0')).toBe(commits.tag)
  expect(decodeTag(await repo.objects.read('tag', commits.tag as Id))).toMatchObject({ target: commits.first, name: 'v1.0', message: 'the first version' })
  expect((await checkRepository(repo, { full: true })).problems).toEqual([])
  expect((await repo.oplog.latest())?.seq).toBe(5)
  expect((await readIndex(repo))?.tree).toBe(commit?.tree)
})

it.each([
  [1, commits.first],
  [2, commits.second],
] as const)('version %i of the golden repository has every file as it was', async (version, id) => {
  const files = await filesOf(await openGolden(), id as Id)
  const expected = goldenFiles(version)
  expect([...files.keys()].sort()).toEqual([...expected.keys(), 'clips', 'empty folder', 'selected'].sort())
  for (const [name, bytes] of expected) expect(files.get(name)?.bytes.equals(bytes), name).toBe(true)
  expect(files.get('notes.txt')?.kind).toBe('executable')
  expect(files.get('selected')).toEqual({ kind: 'symlink', bytes: Buffer.from('clips/A001.mov') })
  expect(files.get('empty folder')?.kind).toBe('directory')
})
