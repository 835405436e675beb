import { describe, expect, it } from 'vitest'
import { formatEnd } from './format-end.ts'
import { isLoopback, parseListenAddress } from './listen-address.ts'
import { parseDuration } from './parse-duration.ts'
import { serverOrigin } from './server-url.ts'

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1:4000', '127.0.0.1', 4000],
    ['0.0.0.0:443', '0.0.0.0', 443],
    ['media.example:4000', 'media.example', 4000],
    ['media.example', 'media.example', 3487],
    [':4000', '::', 4000],
    ['4000', '127.0.0.1', 4000],
    ['[::1]:4000', '::1', 4000],
    ['[::1]', '::1', 3487],
    ['localhost:0', 'localhost', 0],
  ])('is read: %s', (text, host, port) => {
    expect(parseListenAddress(text, '--listen', 3487)).toEqual({ host, port })
  })

  it.each(['', ':', '1.2.3.4:', '1.2.3.4:70000', '::1', 'a b:1', 'https://host:1', 'host:port', '[::1'])('is refused: %s', (text) => {
    expect(() => parseListenAddress(text, '--listen', 3487)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it('is known to be for this machine only', () => {
    expect(['localhost', '127.0.0.1', '127.1.2.3', '::1'].every(isLoopback)).toBe(true)
    expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org'].some(isLoopback)).toBe(false)
  })
})

it.each([['30s', 30_000], ['250ms', 250], ['1.5h', 5_400_000], ['90d', 7_776_000_000], ['2w', 1_209_600_000], ['0', 0]])('%s is a length of time', (text, ms) => {
  expect(parseDuration(text, '--grace')).toBe(ms)
})

it.each(['', 's', '-1s', '1 week', '1e3', '10000000000s', 'NaN'])('%s is no length of time', (text) => {
  expect(() => parseDuration(text, '--grace')).toThrow(expect.objectContaining({ code: 'usage' }))
})

it.each(['30', '90', '1.5'])('%s says no unit, and the units are named', (text) => {
  expect(() => parseDuration(text, '--expires')).toThrow(expect.objectContaining({ code: 'usage', message: `'${text}' says no unit for --expires`, hint: expect.stringContaining(`${text}s, ${text}m, ${text}h, ${text}d`) }))
})

describe('the end of a token', () => {
  const now = Date.parse('2026-01-01T12:00Z')

  it.each([
    [-1, 'expired'],
    [0, 'expired'],
    [90_000, 'expires on 2026-01-01 at 13:01'],
    [2 * 86_400_000, 'expires on 2026-01-03 at 13:00'],
    [2 * 86_400_000 + 1, 'expires on 2026-01-03'],
  ])('%i ms from now is told: %s', (ms, text) => {
    expect(formatEnd(now + ms, now, 60)).toBe(text)
  })
})

describe('a server', () => {
  it.each([
    ['https://Host.Example:3487/studio/film', 'https://host.example:3487'],
    ['wss://host.example:443/x', 'https://host.example'],
    ['https://host.example', 'https://host.example'],
    ['http://127.0.0.1:80', 'http://127.0.0.1'],
    ['ws://[::1]:3487/', 'http://[::1]:3487'],
  ])('is the same for all its repositories: %s', (url, origin) => {
    expect(serverOrigin(url)).toBe(origin)
  })

  it.each(['host.example', 'ftp://host', 'file:///tmp', 'https://', '', 'ssh://host/x'])('has another address than %s', (url) => {
    expect(() => serverOrigin(url)).toThrow(expect.objectContaining({ code: 'bad-url' }))
  })

  it('is not named with a secret, and no complaint repeats one', () => {
    for (const url of ['https://ada:geheim@host.example/', 'ftp://ada:geheim@host.example/']) {
      expect(() => serverOrigin(url)).toThrow(expect.objectContaining({ code: 'bad-url', message: expect.not.stringContaining('geheim') }))
    }
  })
})
