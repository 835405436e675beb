import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { TestRepo } from '../../core/repo.fixture.ts'
import { closeRepo } from '#core'
import { startServe, type ServeProcess } from '../serve-process.ts'
import { media, People } from '../sync/people.fixture.ts'
import { itWith } from '../tools.ts'

/**
 * `client.py` was written from PROTOCOL.md and FORMAT.md, and shares nothing
 * with dits. Where this fails after a change of the protocol, PROTOCOL.md, the
 * client and, where an older peer would not understand, the version come with it.
 */
const client = join(import.meta.dirname, 'client.py')
const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

/** What the client prints. */
function run(args: readonly string[], token?: string): Record<string, unknown> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...(token === undefined ? {} : { DITS_TOKEN: token }) }
  const { stdout, stderr } = spawnSync('python3', [client, ...args], { encoding: 'utf8', timeout: 60_000, env })
  if (stderr !== '') throw new Error(`${stdout}${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}

describe('a client that was written from PROTOCOL.md alone, over pipes', () => {
  const ask = (path: string, ...what: string[]) => run([...what, '--', process.execPath, '--no-warnings', main, 'serve', '--stdio', path])

  itWith('python3', 'greets, lists refs, and takes the records of a history apart', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: 'one' })
    await test.branch('shots/010')
    const id = await test.commit({ 'b/c': 'two' })
    const first = (await test.repo.refs.read('refs/heads/main'))!
    await closeRepo(test.repo)
    const refs = { 'refs/heads/main': first, 'refs/heads/shots/010': id }
    expect(ask(test.root, 'refs')).toEqual({ role: 'admin', refs, head: 'refs/heads/shots/010', objects: 7 })
    // Two commits, a tree of each and of the folder, without their chunks.
    expect(ask(test.root, 'history', id, '0', '1')).toEqual({ records: { commit: 2, tree: 3 }, boundary: [] })
    expect(ask(test.root, 'history', id, '1', '1')).toEqual({ records: { commit: 1, tree: 2 }, boundary: [id] })
    await test.reopen()
  })

  itWith('python3', 'is told why it is refused', async () => {
    const test = await TestRepo.create()
    expect(ask(test.root, 'version')).toEqual({ error: expect.stringMatching(/^unsupported-version the server speaks version 1 /) })
    expect(ask(test.root, 'history', '0'.repeat(64), '0', '1')).toEqual({ error: expect.stringMatching(/^object-missing /) })
  })
})

describe('a client that was written from PROTOCOL.md alone, at a dits serve', { timeout: 180_000 }, () => {
  let people: People
  let server: ServeProcess
  beforeAll(async () => {
    people = new People()
    server = await startServe(['--data', people.at('data')])
    people.variables['DITS_TOKEN'] = server.token!
  })
  afterAll(async () => {
    server.signal('SIGTERM')
    await server.ended
    people.remove()
  })
  const ask = (name: string, ...what: string[]) => run([...what, '--at', server.url, server.fingerprint, name], server.token!)

  /** A folder with all that trees and manifests have: nodes on two levels, a link, a file of no bytes. */
  function makeFolder(): void {
    people.write('folder/shots/clip.mov', media(1_300_000, 'clip'))
    people.write('folder/shots/deep/two-chunks', media(7000, 'two'))
    people.write('folder/shared', 'that the server has already')
    people.write('folder/empty', '')
    for (let i = 0; i < 400; i++) people.write(`folder/frames/${i}.exr`, `frame ${i}`)
    symlinkSync('shots/clip.mov', people.at('folder/link'))
    chmodSync(people.at('folder/shared'), 0o755)
  }

  /** That a folder holds what the pushed one holds, with kinds and permissions to execute. */
  function expectSame(path: string): void {
    const { stdout } = spawnSync('diff', ['-r', '--no-dereference', '-x', '.dits', people.at('folder'), people.at(path)], { encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(statSync(people.at(path, 'shared')).mode & 0o111).not.toBe(0)
  }

  itWith(['python3', 'b3sum', 'zstd'], 'pushes what the server lacks, by short ids, by a filter, and by being told, and clones', async () => {
    const url = `${server.url}/studio/film`
    await people.must('ada', 'init -q film')
    people.write('ada/film/shared', 'that the server has already')
    await people.commit('ada', 'film', 'first')
    await people.must('ada', `-C film remote add origin ${url}`)
    await people.must('ada', '-C film push -q')
    makeFolder()

    // 318 chunks of the clip, two, one of no bytes, 400 frames and a link; the shared one is there.
    const first = ask('studio/film', 'push', people.at('folder'), 'refs/heads/main', 'held')
    expect(first).toMatchObject({ code: '', objects: { chunk: 723 }, sent: { chunk: 722, list: expect.any(Number), manifest: 2, commit: 1 }, rounds: 0 })

    people.write('folder/frames/7.exr', 'changed')
    const second = ask('studio/film', 'push', people.at('folder'), 'refs/heads/main', 'filter')
    expect(second).toMatchObject({ code: '', sent: { chunk: 1, commit: 1 }, rounds: 0 })

    people.write('folder/shots/more', media(9000, 'more'))
    const third = ask('studio/film', 'push', people.at('folder'), 'refs/heads/main', 'blind')
    // The commit, the root, the folder, the manifest, and its three chunks: each is missed once what names it has come.
    expect(third).toMatchObject({ code: '', sent: { commit: 1, chunk: 3, manifest: 1 }, rounds: 5 })

    // A tag that names the commit of nothing that is there: the server takes it for one until it has come.
    expect(ask('studio/film', 'push', people.at('folder'), 'refs/tags/v1', 'blind')).toMatchObject({ code: '', sent: { commit: 1 }, rounds: 1 })

    await people.must('bob', `clone -q ${url} film`)
    expectSame('bob/film')
    expect((await people.json('bob', '-C film fsck --full')).exitCode).toBe(0)
    expect((await people.must('bob', '-C film rev-parse HEAD')).trim()).toBe(third['id'])

    expect(ask('studio/film', 'clone', people.at('carol'), 'refs/heads/main')).toMatchObject({ id: third['id'], history: { commit: 4 } })
    expectSame('carol')
  })

  itWith(['python3', 'b3sum', 'zstd'], 'clones what dits has compressed', async () => {
    await people.must('ada', 'init -q text')
    people.write('ada/text/shared', Array.from({ length: 20_000 }, (_, i) => `${i} `).join(''))
    chmodSync(people.at('ada/text/shared'), 0o755)
    await people.commit('ada', 'text', 'first')
    await people.must('ada', `-C text remote add origin ${server.url}/studio/text`)
    await people.must('ada', '-C text push -q')
    ask('studio/text', 'clone', people.at('dora'), 'refs/heads/main')
    expect(readFileSync(people.at('dora/shared'))).toEqual(readFileSync(people.at('ada/text/shared')))
  })
})
