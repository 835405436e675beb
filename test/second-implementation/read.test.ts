import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { ContentReader } from '../../core/checkout/content-reader.ts'
import { seededRandom } from '../../core/history/history-fixture.ts'
import { walkCommits } from '../../core/history/walk.ts'
import type { Id } from '../../core/objects/id.ts'
import { walkTree } from '../../core/objects/tree-walk.ts'
import { closeRepo, openRepo } from '../../core/repo.ts'
import { goldenEnvironment } from '../../fixtures/golden/make.ts'
import { mustDits, runDits } from '../run-dits.ts'
import { itWith } from '../tools.ts'

/**
 * `read.py` was written from core/FORMAT.md and shares nothing with dits, so
 * what the two read alike is what the document says. Where this fails after a
 * change of the format, FORMAT.md, the reader and the version come with it.
 */
const reader = join(import.meta.dirname, 'read.py')
const tools = ['python3', 'b3sum', 'zstd'] as const

interface Line {
  what: string
  [field: string]: unknown
}

/** What the second implementation finds below a `.dits` folder. */
function readWithPython(folder: string): Line[] {
  const text = execFileSync('python3', [reader, folder], { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 })
  return text.trimEnd().split('\n').map((line) => JSON.parse(line) as Line)
}

function temporaryFolder(): string {
  const root = mkdtempSync(join(tmpdir(), 'dits-second-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  return root
}

/** Refs, commits and the files of every commit's tree, in the reader's words, as dits reads them. */
async function readWithDits(root: string): Promise<{ refs: Line[]; commits: Map<string, Line>; entries: Map<string, Line[]> }> {
  const repo = await openRepo(root, goldenEnvironment)
  onTestFinished(async () => closeRepo(repo))
  const content = new ContentReader(repo.objects)
  const refs: Line[] = []
  const starts: Id[] = []
  for await (const { name, id } of repo.refs.list('refs/')) {
    refs.push({ what: 'ref', name: Buffer.from(name).toString('latin1'), id })
    if ((await repo.objects.locate(id))?.kind === 'commit') starts.push(id)
  }
  const commits = new Map<string, Line>()
  const entries = new Map<string, Line[]>()
  for await (const { id, commit } of walkCommits(repo.objects, starts)) {
    commits.set(id, { what: 'commit', id, tree: commit.tree, parents: commit.parents, message: commit.message })
    if (entries.has(commit.tree)) continue
    const lines: Line[] = []
    for await (const { path, entry } of walkTree(repo.objects, commit.tree)) {
      const hash = createHash('sha256')
      if (entry.kind !== 'directory') for await (const piece of content.stream(entry)) hash.update(piece)
      lines.push({
        what: 'entry', tree: commit.tree, path, kind: ['file', 'executable', 'symlink', 'directory'].indexOf(entry.kind),
        size: entry.size, id: entry.id, sha256: entry.kind === 'directory' ? null : hash.digest('hex'),
      })
    }
    entries.set(commit.tree, lines)
  }
  return { refs, commits, entries }
}

/** Compares what both read below a repository's root, and answers the reader's summary. */
async function expectAlike(root: string): Promise<Line> {
  const lines = readWithPython(join(root, '.dits'))
  const dits = await readWithDits(root)
  const of = (what: string) => lines.filter((line) => line.what === what)
  const byName = (a: Line, b: Line) => (String(a['name']) < String(b['name']) ? -1 : 1)
  expect(of('ref').sort(byName)).toEqual(dits.refs.sort(byName))
  expect(dits.commits.size).toBeGreaterThan(1)
  for (const [id, commit] of dits.commits) expect(of('commit').find((line) => line['id'] === id)).toMatchObject(commit)
  for (const [tree, entries] of dits.entries) {
    const sorted = (list: Line[]) => new Map(list.map((line) => [line['path'], line]))
    expect(sorted(of('entry').filter((line) => line['tree'] === tree))).toEqual(sorted(entries))
  }
  return lines.at(-1)!
}

itWith(tools, 'a second implementation reads the golden repository as dits does', async () => {
  const root = temporaryFolder()
  cpSync(join(import.meta.dirname, '../../fixtures/golden/v1'), join(root, '.dits'), { recursive: true })
  expect(await expectAlike(root)).toMatchObject({ oplog: 5, merge: null })
})

itWith(tools, 'a second implementation reads what dits writes today', async () => {
  const root = temporaryFolder()
  makeRichRepository(root)
  const summary = await expectAlike(root)
  expect(summary).toMatchObject({ merge: 'merge', deleted: ['refs/heads/gone'], depths: { list: 2, tree: 2 } })
  expect(summary['packs']).toBeGreaterThan(3)
})

itWith(tools, 'a second implementation finds a flipped bit of a pack', () => {
  const root = temporaryFolder()
  cpSync(join(import.meta.dirname, '../../fixtures/golden/v1'), root, { recursive: true })
  const pack = join(root, 'packs', execFileSync('ls', [join(root, 'packs')], { encoding: 'utf8' }).split('\n').find((name) => name.endsWith('.pack'))!)
  const bytes = readFileSync(pack)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(pack, bytes)
  const run = spawnSync('python3', [reader, root], { encoding: 'utf8' })
  expect(run.status).toBe(1)
  expect(run.stderr).toContain('contradicts FORMAT.md')
})

/**
 * Every part of the format that commands leave behind: tags, a stash, a deleted
 * ref, a merge in progress. The seed and the names are such that the chunk list
 * and the folder have three levels, which so few rows seldom have.
 */
function makeRichRepository(root: string): void {
  const put = (path: string, content: Buffer | string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const commit = (message: string) => {
    mustDits(root, ['add', '.'])
    mustDits(root, ['commit', '-m', message])
  }
  mustDits(root, ['init'])
  put('notes.txt', bytesFrom(7, 12_000_000))
  put('a.b', '1')
  put('a/z', '2')
  put('empty.bin', '')
  symlinkSync('a/z', join(root, 'link'))
  for (let i = 0; i < 3_000; i++) put(`frames/plate.${i}.exr`, `frame ${i % 50}`)
  commit('first')
  mustDits(root, ['mv', 'a/z', 'a/renamed'])
  mustDits(root, ['tag', '-a', 'v1', '-m', 'annotated'])
  mustDits(root, ['branch', 'shots/010/é'])
  mustDits(root, ['branch', 'gone'])
  mustDits(root, ['branch', '-d', 'gone'])
  mustDits(root, ['stash'])
  mustDits(root, ['switch', '-c', 'side'])
  put('a.b', 'theirs')
  commit('side')
  mustDits(root, ['switch', 'main'])
  put('a.b', 'ours')
  commit('ours\n\nwith a body')
  expect(runDits(root, ['merge', 'side']).code).toBe(1)
}

/** Bytes that do not repeat, always the same for a seed. */
function bytesFrom(seed: number, count: number): Buffer {
  const random = seededRandom(seed)
  const words = new Uint32Array(Math.ceil(count / 4))
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32
  return Buffer.from(words.buffer, 0, count)
}
