import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Context } from './context.ts'
import { forgetToken, keepToken, tokenFor } from './credentials.ts'
import { readEnvironment } from './environment.ts'
import { certificateCheck, forgetServer, knownFingerprint, readFingerprint } from './known-servers.ts'

const server = 'https://host.example:3487'
const [first, second] = ['a'.repeat(64), 'b'.repeat(64)]

let folder: string
let warnings: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dits-credentials-'))
  warnings = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function contextWith(variables: Record<string, string> = {}): Context {
  const environment = readEnvironment({ HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), ...variables })
  return { environment, warn: (text) => warnings.push(text) } satisfies Partial<Context> as unknown as Context
}

describe('tokens', () => {
  const file = () => join(folder, 'config/dits/credentials')

  it('are kept for each server, and found by the URL of any of its repositories', async () => {
    await keepToken(contextWith(), `${server}/studio/film`, 'dits_one')
    await keepToken(contextWith(), 'https://other.example', 'dits_two')
    await keepToken(contextWith(), server, 'dits_three')
    expect(await tokenFor(contextWith(), `wss://HOST.example:3487/x`)).toBe('dits_three')
    expect(await tokenFor(contextWith(), 'https://other.example/y')).toBe('dits_two')
    expect(await tokenFor(contextWith(), 'https://host.example')).toBeUndefined()
    expect(warnings).toEqual([])
  })

  it('lie where only their owner can read them, and nothing else is left there', async () => {
    await keepToken(contextWith(), server, 'dits_one')
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'config/dits')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(folder, 'config/dits')).sort()).toEqual(['credentials', 'credentials.lock'])
    chmodSync(file(), 0o644)
    await tokenFor(contextWith(), server)
    expect(warnings).toEqual([expect.stringContaining('chmod 600')])
    await keepToken(contextWith(), server, 'dits_two')
    expect(statSync(file()).mode & 0o777).toBe(0o600)
  })

  it('that are kept at the same moment are all kept', async () => {
    const servers = Array.from({ length: 8 }, (_, i) => `https://host${i}.example`)
    await Promise.all(servers.map((url) => keepToken(contextWith(), url, `dits_${url.slice(12, 13)}`)))
    expect(await Promise.all(servers.map((url) => tokenFor(contextWith(), url)))).toEqual(servers.map((url) => `dits_${url.slice(12, 13)}`))
  })

  it('are forgotten', async () => {
    await keepToken(contextWith(), server, 'dits_one')
    expect(await forgetToken(contextWith(), `${server}/x`)).toBe(true)
    expect(await forgetToken(contextWith(), server)).toBe(false)
    expect(await tokenFor(contextWith(), server)).toBeUndefined()
    expect(readFileSync(file(), 'utf8')).not.toContain('dits_one')
  })

  it('give way to DITS_TOKEN', async () => {
    await keepToken(contextWith(), server, 'dits_one')
    expect(await tokenFor(contextWith({ DITS_TOKEN: 'dits_two\n' }), server)).toBe('dits_two')
  })

  it('in a damaged file are an error that does not show them', async () => {
    await keepToken(contextWith(), server, 'dits_one')
    writeFileSync(file(), `${server} dits_one and more\n`)
    await expect(tokenFor(contextWith(), server)).rejects.toMatchObject({ code: 'private-file-damaged', message: expect.not.stringContaining('dits_one') })
    await expect(keepToken(contextWith(), server, 'dits_two')).rejects.toMatchObject({ code: 'private-file-damaged' })
    expect(readFileSync(file(), 'utf8')).toContain('dits_one')
  })
})

describe("a server's certificate", () => {
  it('that nobody vouches for is remembered at first use, with a word, and then must stay', async () => {
    expect(await certificateCheck(contextWith(), `${server}/studio/film`)(first, false)).toBe(true)
    expect(warnings).toEqual([expect.stringContaining(first)])
    expect(await certificateCheck(contextWith(), server)(first, false)).toBe(true)
    expect(warnings).toHaveLength(1)
    const refused = certificateCheck(contextWith(), server)(second, false)
    await expect(refused).rejects.toMatchObject({ code: 'server-changed', hint: expect.stringMatching(new RegExp(`${first}[^]*${second}[^]*dits login ${server} --fingerprint ${second}`)) })
  })

  it('of another server is its own', async () => {
    await certificateCheck(contextWith(), server)(first, false)
    expect(await certificateCheck(contextWith(), 'https://host.example')(second, false)).toBe(true)
  })

  it('that an authority vouches for is not remembered, so that it can be renewed', async () => {
    expect(await certificateCheck(contextWith(), server)(first, true)).toBe(true)
    expect(await certificateCheck(contextWith(), server)(second, true)).toBe(true)
    expect(warnings).toEqual([])
  })

  it('that was remembered must stay, even where an authority vouches for another', async () => {
    await certificateCheck(contextWith(), server)(first, false)
    await expect(certificateCheck(contextWith(), server)(second, true)).rejects.toMatchObject({ code: 'server-changed' })
    expect(await forgetServer(contextWith(), server)).toBe(true)
    expect(await certificateCheck(contextWith(), server)(second, true)).toBe(true)
    expect(await forgetServer(contextWith(), server)).toBe(false)
  })

  it('that a person names is remembered when the server shows it, in place of the one before', async () => {
    await certificateCheck(contextWith(), server)(first, false)
    const named = readFingerprint('BB:'.repeat(31) + 'BB')
    expect(await certificateCheck(contextWith(), server, { named })(second, false)).toBe(true)
    expect(await certificateCheck(contextWith(), server)(second, false)).toBe(true)
    await expect(certificateCheck(contextWith(), server)(first, false)).rejects.toMatchObject({ code: 'server-changed' })
    expect(() => readFingerprint('bb')).toThrow(expect.objectContaining({ code: 'bad-fingerprint' }))
  })

  it('other than the one that a person named is refused, and nothing is remembered', async () => {
    const named = readFingerprint(second)
    for (const isTrusted of [false, true]) {
      await expect(certificateCheck(contextWith(), server, { named })(first, isTrusted)).rejects.toMatchObject({ code: 'certificate-refused', message: expect.stringContaining('not the one you named') })
    }
    expect(await knownFingerprint(contextWith(), server)).toBeUndefined()
    await certificateCheck(contextWith(), server)(first, false)
    await expect(certificateCheck(contextWith(), server, { named })(first, false)).rejects.toMatchObject({ code: 'certificate-refused' })
    expect(await knownFingerprint(contextWith(), server)).toBe(first)
  })

  it('that nobody vouches for is remembered only with a yes, where there is somebody to ask', async () => {
    const asked: string[] = []
    const check = (answer: boolean) => certificateCheck(contextWith(), server, { mayRemember: async (shown) => asked.push(shown) > 0 && answer })
    await expect(check(false)(first, false)).rejects.toMatchObject({ code: 'certificate-refused' })
    expect(await knownFingerprint(contextWith(), server)).toBeUndefined()
    expect([await check(false)(first, true), await check(true)(first, false), await check(false)(first, false)]).toEqual([true, true, true])
    expect([asked, warnings]).toEqual([[first, first], []])
    expect(await knownFingerprint(contextWith(), server)).toBe(first)
  })

  it('that two processes meet at once is the one that was seen first, for both', async () => {
    const results = await Promise.allSettled([certificateCheck(contextWith(), server)(first, false), certificateCheck(contextWith(), server)(second, false)])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })
})
