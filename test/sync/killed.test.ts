import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNoise } from '../../fixtures/noise.ts'
import { createRandom, type Random } from '../../fixtures/random.ts'
import { startTcpRelay, type TcpRelay } from '../relay.ts'
import { startServe, type ServeProcess } from '../serve-process.ts'
import { People } from './people.fixture.ts'

/**
 * A push and a clone by real processes, of which one or the other is killed
 * several times on the way, until the same command was repeated often enough.
 * All goes through a relay: what has passed it says when to kill, and counts
 * what was sent in all. It is as slow as a good line, so that what waits in
 * the system's memory is what would be on its way, and not most of the content.
 */
const files: Readonly<Record<string, number>> = { 'shots/a.mov': 48_000_000, 'shots/b.mov': 14_000_000, 'grade/c.exr': 7_000_000, 'notes.txt': 3_000_000 }
const contentBytes = Object.values(files).reduce((sum, bytes) => sum + bytes, 0)
const bytesPerSecond = 10_000_000
/** Of what passes in all, with greetings, questions and TLS in both directions. */
const share = 1.05

let people: People
let server: ServeProcess
let relay: TcpRelay
beforeEach(async () => {
  people = new People()
  server = await startServe(['--data', people.at('data')])
  people.variables['DITS_TOKEN'] = server.token!
  relay = await startTcpRelay(Number(new URL(server.url).port), { bytesPerSecond })
})
afterEach(async () => {
  server.signal('SIGKILL')
  await server.ended
  await relay.close()
  people.remove()
})

/** Whom to kill, and after how many bytes. */
interface Kill {
  victim: 'client' | 'server'
  at: number
}

/** Four moments within what has to pass; each side is killed twice. */
function planKills(random: Random): Kill[] {
  const victims: Kill['victim'][] = ['client', 'server', 'client', 'server']
  const moments = victims.map(() => Math.round((0.03 + 0.92 * random.next()) * contentBytes)).sort((a, b) => a - b)
  return moments.map((at) => ({ at, victim: victims.splice(random.below(victims.length), 1)[0]! }))
}

/** Repeats a command until it succeeds, with processes killed as planned. Answers the bytes that passed in all. */
async function runKilled(person: string, line: string, kills: readonly Kill[]): Promise<number> {
  const before = relay.bytes
  for (const { victim, at } of kills) {
    const run = people.start(person, line)
    relay.callAt(before + at, () => (victim === 'client' ? run : server).signal('SIGKILL'))
    const { exitCode, stderr } = await run.ended
    // The client of a server that was killed says so; that of itself says nothing more.
    expect({ victim, exitCode, stderr }).toEqual(victim === 'client' ? { victim, exitCode: 137, stderr: expect.any(String) } : { victim, exitCode: 4, stderr: expect.stringMatching(/was lost|cannot be reached/) })
    if (victim === 'server') await restartServer()
    await relay.whenIdle()
  }
  await people.must(person, line)
  return relay.bytes - before
}

/** On the same data, at the same address. */
async function restartServer(): Promise<void> {
  expect(await server.ended).toBe('SIGKILL')
  server = await startServe(['--data', people.at('data'), '--listen', new URL(server.url).host])
}

async function expectSound(person: string, folder: string): Promise<void> {
  const { exitCode, value } = await people.json(person, `-C ${folder} fsck --full`)
  expect({ exitCode, problems: value['problems'] }).toEqual({ exitCode: 0, problems: [] })
}

describe('a transfer whose processes are killed again and again', { timeout: 180_000 }, () => {
  const seed = Number(process.env['DITS_SEED'] ?? 1)
  it(`ends whole, both ways, with under 5 percent sent twice (DITS_SEED=${seed})`, async () => {
    const random = createRandom(seed)
    const noise = createNoise(seed)
    const url = `https://127.0.0.1:${relay.port}/studio/film`
    await people.must('ada', 'init -q film')
    for (const [name, bytes] of Object.entries(files)) people.write(`ada/film/${name}`, noise.bytes(bytes))
    await people.commit('ada', 'film', 'first')
    await people.must('ada', `-C film remote add origin ${url}`)

    const pushed = await runKilled('ada', '-C film push -q', planKills(random))
    await expectSound('ada', 'film')
    cpSync(people.at('data/repos/studio/film.dits'), people.at('server/film/.dits'), { recursive: true })
    await expectSound('server', 'film')

    const cloned = await runKilled('bob', `clone -q ${url} film`, planKills(random))
    await expectSound('bob', 'film')
    for (const name of Object.keys(files)) expect(readFileSync(people.at('bob/film', name)).equals(readFileSync(people.at('ada/film', name))), name).toBe(true)
    expect(readdirSync(people.at('bob/film')).sort()).toEqual(['.dits', 'grade', 'notes.txt', 'shots'])
    expect(pushed / contentBytes).toBeLessThan(share)
    expect(cloned / contentBytes).toBeLessThan(share)
    console.log(`twice: push ${percent(pushed)}, clone ${percent(cloned)}`)
  })
})

function percent(bytes: number): string {
  return `${((bytes / contentBytes - 1) * 100).toFixed(1)} %`
}
