import { describe, expect, it } from 'vitest'
import { pathToBuffer } from '../core/bytes.ts'
import { createColors, wantsColor } from './colors.ts'
import { readEnvironment } from './environment.ts'
import { editDistance, similarVerbs, verbOf } from './find-verb.ts'
import { pathFromArgument, textFromBytes } from './raw-arguments.ts'
import type { VerbRow } from './command.ts'

describe('colours', () => {
  it.each([
    [{}, true, undefined, true],
    [{}, false, undefined, false],
    [{ TERM: 'dumb' }, true, undefined, false],
    [{ NO_COLOR: '1' }, true, undefined, false],
    [{ NO_COLOR: '' }, true, undefined, true],
    [{ FORCE_COLOR: '1' }, false, undefined, true],
    [{ FORCE_COLOR: '0' }, true, undefined, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, undefined, false],
    [{ NO_COLOR: '1' }, false, true, true],
    [{}, true, false, false],
  ])('with %j, terminal %s, option %s: %s', (variables, isTerminal, wanted, answer) => {
    expect(wantsColor({ variables, isTerminal, wanted })).toBe(answer)
  })

  it('leave text alone where they are off', () => {
    expect(createColors(false).red('x')).toBe('x')
    expect(createColors(true).red('x')).toBe('\x1b[31mx\x1b[39m')
  })
})

describe('the environment', () => {
  it('says where the configuration is', () => {
    expect(readEnvironment({ HOME: '/h' }).configFile).toBe('/h/.config/dits/config')
    expect(readEnvironment({ HOME: '/h', XDG_CONFIG_HOME: '/x' }).configFile).toBe('/x/dits/config')
  })

  it('can hold the clock still', () => {
    const { now, zoneMinutes } = readEnvironment({ DITS_NOW: '2024-05-01T12:00:00-03:30' })
    expect([now(), zoneMinutes(0)]).toEqual([Date.parse('2024-05-01T15:30:00Z'), -210])
    expect(readEnvironment({ DITS_NOW: '2024-05-01T12:00:00Z' }).zoneMinutes(0)).toBe(0)
    expect(() => readEnvironment({ DITS_NOW: 'noon' })).toThrow(`'noon' in DITS_NOW is not a time with its zone`)
  })
})

describe('a verb that was mistyped', () => {
  const verbs = ['add', 'branch', 'checkout', 'commit', 'log', 'status', 'stash'].map((name): VerbRow => ({ name, group: 'change', summary: '' }))

  it.each([
    ['comit', ['commit']],
    ['stauts', ['status']],
    ['check', ['checkout']],
    ['sta', ['stash', 'status']],
    ['xyzzy', []],
    ['push', []],
    ['remove', ['rm']],
    ['a', []],
  ])('%s may have been %j', (word, names) => {
    expect(similarVerbs(word, verbs)).toEqual(names)
  })

  it('is as far off as letters differ', () => {
    expect([editDistance('', 'abc'), editDistance('ab', 'ba'), editDistance('kitten', 'sitting')]).toEqual([3, 1, 3])
  })

  it('may be short for another', () => {
    expect([verbOf('co'), verbOf('log'), verbOf('toString')]).toEqual(['checkout', 'log', 'toString'])
  })
})

describe('an argument of any bytes', () => {
  it.each(['plain', 'é\u{1f600}', '\ufffd'])('is its text where it is UTF-8: %j', (text) => {
    expect(textFromBytes(Buffer.from(text))).toBe(text)
  })

  it.each(['ff', '61c3', 'c3a9ff61', 'eda080', 'f4908080', 'c080', 'f09f98'])('comes back as it was: %s', (hex) => {
    expect(pathToBuffer(pathFromArgument(textFromBytes(Buffer.from(hex, 'hex')))).toString('hex')).toBe(hex)
  })
})
