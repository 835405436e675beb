import { chmodSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runDits } from '../serve-process.ts'
import { media, People } from './people.fixture.ts'

/** ssh without a network: a program in its place runs the far end's command on this machine, as a login shell there would. */
const launcherFolder = dirname(fileURLToPath(new URL('../../cli/bin/dits', import.meta.url)))
const clip = media(1_500_000, 'clip')
let people: People

beforeAll(async () => {
  people = new People()
  people.write('ssh', `#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift 2\necho "$@" >> '${people.at('asked')}'\ncd / && PATH='${launcherFolder}':"$PATH" exec sh -c "$*"\n`)
  chmodSync(people.at('ssh'), 0o755)
  people.variables['DITS_SSH'] = people.at('ssh')
  await people.must('ada', 'init -q film')
  people.write('ada/film/clip.mov', clip)
  people.write("ada/film/it's here.txt", 'one\n')
  await people.commit('ada', 'film', 'first')
})
afterAll(() => people.remove())

describe('over ssh', { timeout: 120_000 }, () => {
  it('a repository is cloned, pushed to and fetched from', async () => {
    const url = `ssh://ada@host:2222${people.at('ada/film')}`
    await people.must('bob', `clone -q ${url} film`)
    expect(readFileSync(people.at('bob/film/clip.mov')).equals(clip)).toBe(true)
    people.write('bob/film/clip.mov', Buffer.concat([clip, media(10_000, 'more')]))
    await people.commit('bob', 'film', 'longer')
    expect(await people.json('bob', '-C film push')).toMatchObject({ exitCode: 2, value: { error: { code: 'branch-checked-out' } } })
    const pushed = await people.json('bob', '-C film push origin main:from-bob')
    expect(pushed.exitCode).toBe(0)
    expect(pushed.value['wireOut']).toBeLessThan(300_000)
    await people.must('ada', '-C film merge -q from-bob')
    expect(readFileSync(people.at('ada/film/clip.mov')).length).toBe(clip.length + 10_000)
    await people.must('bob', '-C film pull -q')
    expect((await people.json('bob', '-C film status')).value['upstream']).toMatchObject({ ahead: 0, behind: 0 })
  })

  it('a path that the far shell could take apart stays one word', async () => {
    const path = people.at("ada/it's $HOME; touch x")
    await people.must('ada', 'init -q odd')
    renameSync(people.at('ada/odd'), path)
    const cloned = await runDits(['clone', '-q', `host:${path}`, 'odd'], { home: people.at('bob'), variables: people.variables })
    expect(cloned).toMatchObject({ exitCode: 0, stderr: '' })
    expect(existsSync(people.at('x'))).toBe(false)
  })

  it('what went wrong there is said here, and nothing is left', async () => {
    const { exitCode, value } = await people.json('bob', `clone ssh://host${people.at('nowhere')} nothing`)
    expect({ exitCode, code: value.error?.code }).toEqual({ exitCode: 4, code: 'connection-failed' })
    expect(value.error?.message).toContain('is not a dits repository')
    expect(existsSync(people.at('bob/nothing'))).toBe(false)
  })
})
