import { existsSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startServe, type ServeProcess } from '../serve-process.ts'
import { media, People } from './people.fixture.ts'

/**
 * Real processes: a `dits serve` over TLS, and people who push, pull and clone.
 * Every test has a repository of its own on the one server.
 */
const clip = media(3_000_000, 'clip')
let people: People
let server: ServeProcess
let tests = 0
let url: string

beforeAll(async () => {
  people = new People()
  server = await startServe(['--data', people.at('data')])
  people.variables['DITS_TOKEN'] = server.token!
})
beforeEach(() => void (url = `${server.url}/studio/test-${++tests}`))
afterAll(async () => {
  server.signal('SIGTERM')
  expect(await server.ended).toBe(0)
  people.remove()
})

/** Ada's repository with a clip and notes, pushed. */
async function share(name: string): Promise<void> {
  await people.must('ada', `init -q ${name}`)
  people.write(`ada/${name}/shots/clip.mov`, clip)
  people.write(`ada/${name}/notes.txt`, 'one\n')
  await people.commit('ada', name, 'first')
  await people.must('ada', `-C ${name} remote add origin ${url}`)
  await people.must('ada', `-C ${name} push -q`)
}

describe('two people with a server', { timeout: 180_000 }, () => {
  it('bring each other what they changed, and settle what both did', async () => {
    await share('film')
    const first = await people.run('bob', `clone ${url} film`)
    expect({ exitCode: first.exitCode, pinned: first.stderr.includes(server.fingerprint) }).toEqual({ exitCode: 0, pinned: true })
    expect(readFileSync(people.at('bob/film/shots/clip.mov')).equals(clip)).toBe(true)

    const longer = Buffer.concat([clip.subarray(0, 1_000_000), media(5000, 'insert'), clip.subarray(1_000_000)])
    people.write('bob/film/shots/clip.mov', longer)
    await people.commit('bob', 'film', 'insert')
    const pushed = await people.json('bob', '-C film push')
    expect(pushed.value['wireOut']).toBeLessThan(700_000)
    const pulled = await people.json('ada', '-C film pull --ff-only')
    expect(pulled.value['outcome']).toBe('fast-forward')
    expect(readFileSync(people.at('ada/film/shots/clip.mov')).equals(longer)).toBe(true)

    people.write('ada/film/notes.txt', "ada's\n")
    await people.commit('ada', 'film', 'adas')
    await people.must('ada', '-C film push -q')
    people.write('bob/film/notes.txt', "bob's\n")
    await people.commit('bob', 'film', 'bobs')
    expect(await people.json('bob', '-C film push')).toMatchObject({ exitCode: 2, value: { error: { code: 'push-rejected' } } })
    expect(await people.json('bob', '-C film pull')).toMatchObject({ exitCode: 1, value: { outcome: 'conflicts' } })
    await people.must('bob', '-C film resolve -q --ours notes.txt')
    await people.must('bob', '-C film commit -q')
    await people.must('bob', '-C film push -q')
    await people.must('ada', '-C film pull -q')
    expect(readFileSync(people.at('ada/film/notes.txt'), 'utf8')).toBe("bob's\n")
    expect((await people.json('ada', '-C film status')).value['upstream']).toEqual({ name: 'origin/main', ahead: 0, behind: 0 })
  })

  it('make no repository by reading a name that is mistyped', async () => {
    await share('named')
    const mistyped = `${url}s`
    const unknown = { exitCode: 2, value: { error: { code: 'unknown-repository', hint: expect.stringContaining('check its name') } } }
    expect(await people.json('ada', `clone ${mistyped} other`)).toMatchObject(unknown)
    expect(existsSync(people.at('ada/other'))).toBe(false)
    await people.must('ada', `-C named remote set-url origin ${mistyped}`)
    expect(await people.json('ada', '-C named fetch')).toMatchObject(unknown)
    expect(await people.must('admin', `server repo list --data ${people.at('data')}`)).not.toContain(new URL(mistyped).pathname.slice(1))
  })

  it('replace a branch only where it is as they last saw it', async () => {
    await share('lease')
    await people.must('bob', `clone -q ${url} lease`)
    people.write('bob/lease/notes.txt', 'two\n')
    await people.commit('bob', 'lease', 'two')
    await people.must('bob', '-C lease push -q')
    const kept = (await people.must('bob', '-C lease rev-parse HEAD')).trim()

    people.write('ada/lease/notes.txt', 'another two\n')
    await people.must('ada', '-C lease add -q .')
    await people.must('ada', '-C lease commit -q --amend -m first')
    expect(await people.json('ada', '-C lease push --force-with-lease')).toMatchObject({ exitCode: 2, value: { error: { code: 'push-rejected' } } })
    await people.must('bob', '-C lease fetch -q')
    expect((await people.must('bob', '-C lease rev-parse origin/main')).trim()).toBe(kept)

    await people.must('ada', '-C lease fetch -q')
    await people.must('ada', '-C lease push -q --force-with-lease')
    await people.must('bob', '-C lease fetch -q')
    expect((await people.must('bob', '-C lease rev-parse origin/main')).trim()).toBe((await people.must('ada', '-C lease rev-parse HEAD')).trim())
  })

  it('who may only read pulls, and is told why a push is refused', async () => {
    await share('reading')
    const administer = (line: string) => people.must('admin', `server ${line} --data ${people.at('data')}`)
    await administer('user add rita --role read')
    const token = (JSON.parse(await administer('token create rita --json')) as { token: string }).token
    const rita = new People()
    rita.variables['DITS_TOKEN'] = token
    try {
      await rita.must('rita', `clone -q ${url} film`)
      rita.write('rita/film/notes.txt', 'mine\n')
      await rita.commit('rita', 'film', 'mine')
      const refused = await rita.json('rita', '-C film push')
      expect(refused).toMatchObject({ exitCode: 2, value: { error: { code: 'access-denied', hint: expect.stringContaining('write') } } })
      await rita.must('rita', `-C film remote set-url origin ${server.url}/studio/elsewhere`)
      expect(await rita.json('rita', '-C film push')).toMatchObject({ exitCode: 2, value: { error: { code: 'access-denied' } } })
    } finally {
      rita.remove()
    }
  })

  it('get the space of a deleted branch back while the server runs, and push what was in it again', async () => {
    await share('reel')
    await people.must('ada', '-C reel switch -q -c cut')
    people.write('ada/reel/cut.mov', media(2_000_000, 'cut'))
    await people.commit('ada', 'reel', 'cut')
    await people.must('ada', '-C reel push -q origin cut')
    await people.must('ada', '-C reel push -q origin --delete cut')
    const name = url.slice(server.url.length + 1)
    const gc = async (options: string) => (await people.json('ada', `server gc ${name} --data ${people.at('data')} ${options}`)).value
    expect(await gc('--grace 14d')).toMatchObject({ objectsRemoved: 0 })
    const told = await gc('--grace 0 --dry-run')
    expect(told).toMatchObject({ packsBefore: 2, packsAfter: 1 })
    expect(await gc('--grace 0')).toEqual({ ...told, dryRun: false })
    expect(Number(told['bytesBefore']) - Number(told['bytesAfter'])).toBeGreaterThan(2_000_000)
    const again = await people.json('ada', '-C reel push origin cut')
    expect(again.value['wireOut']).toBeGreaterThan(2_000_000)
    await people.must('bob', `clone -q --branch cut ${url} cut`)
    await people.must('bob', '-C cut fsck --full')
  })
})

describe('a clone without content', { timeout: 180_000 }, () => {
  const blocks = (path: string) => statSync(people.at(path)).blocks

  it('gets what cat and hydrate need, and keeps ghosts over a switch', async () => {
    await share('ghosts')
    const before = server.log().length
    await people.must('ada', '-C ghosts switch -q -c grading')
    people.write('ada/ghosts/shots/clip.mov', media(2_000_000, 'graded'))
    await people.commit('ada', 'ghosts', 'graded')
    await people.must('ada', '-C ghosts push -q')
    const cloned = await people.json('bob', `clone -b main --filter=none ${url} ghosts`)
    expect(cloned.value).toMatchObject({ written: 0, ghosts: 2 })
    expect(cloned.value['bytesReceived']).toBeLessThan(10_000)
    expect({ size: statSync(people.at('bob/ghosts/shots/clip.mov')).size, blocks: blocks('bob/ghosts/shots/clip.mov') }).toEqual({ size: clip.length, blocks: 0 })

    expect(await people.must('bob', '-C ghosts cat HEAD:notes.txt')).toBe('one\n')
    await people.must('bob', '-C ghosts switch -q grading')
    expect({ size: statSync(people.at('bob/ghosts/shots/clip.mov')).size, blocks: blocks('bob/ghosts/shots/clip.mov') }).toEqual({ size: 2_000_000, blocks: 0 })
    await people.must('bob', '-C ghosts switch -q main')
    await people.must('bob', '-C ghosts fetch shots')
    expect(readFileSync(people.at('bob/ghosts/shots/clip.mov')).equals(clip)).toBe(true)
    await people.must('bob', '-C ghosts dehydrate -q shots')
    expect(blocks('bob/ghosts/shots/clip.mov')).toBe(0)
    expect((await people.json('bob', '-C ghosts fsck --full')).exitCode).toBe(0)
    expect(server.log().slice(before)).not.toMatch(/connection-lost/)
  })

  it('counts what comes while its files are written', async () => {
    await share('counted')
    const { value } = await people.json('bob', `clone --filter=path:shots/** ${url} counted`)
    expect(value).toMatchObject({ written: 1, ghosts: 1 })
    expect(value['bytesReceived']).toBeGreaterThan(clip.length)
    expect(value['objects']).toBeGreaterThan(clip.length / 300_000)
  })
})

describe('the second clone on a machine', { timeout: 180_000 }, () => {
  it('takes what the first one fetched from the shared store', async () => {
    await share('twice')
    await people.must('bob', `config --global store.shared ${people.at('bob/shared')}`)
    const first = await people.json('bob', `clone ${url} first`)
    const second = await people.json('bob', `clone ${url} second`)
    expect(first.value['bytesReceived']).toBeGreaterThan(clip.length)
    expect(second.value['bytesReceived']).toBeLessThan(2000)
    expect(readFileSync(people.at('bob/second/shots/clip.mov')).equals(clip)).toBe(true)
  })
})
