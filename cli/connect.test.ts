import { describe, expect, it } from 'vitest'
import { parseRemoteUrl } from './connect.ts'

describe('the address of a remote', () => {
  it.each([
    ['https://media.example:3487/studio/film', { kind: 'server', origin: 'https://media.example:3487', repository: 'studio/film' }],
    ['ws://localhost:1/a%20b/', { kind: 'server', origin: 'http://localhost:1', repository: 'a b' }],
    ['ssh://ada@host:22/srv/my%20film', { kind: 'ssh', host: 'ada@host', port: '22', path: '/srv/my film' }],
    ['host:film', { kind: 'ssh', host: 'host', path: 'film' }],
    ['ada@host:2024/film', { kind: 'ssh', host: 'ada@host', path: '2024/film' }],
    ['host:./2024/film', { kind: 'ssh', host: 'host', path: './2024/film' }],
    ['host:3487', { kind: 'ssh', host: 'host', path: '3487' }],
    ['file:///srv/film', { kind: 'path', folder: '/srv/film' }],
    ['../film', { kind: 'path', folder: '/film' }],
  ])('%s is read', (text, address) => {
    expect(parseRemoteUrl(text, '/desk')).toMatchObject(address)
  })

  it.each(['https://host/%zz', 'https://host/', 'https://[::1/x', 'ssh://host/%zz', 'ssh://%zz@host/x', 'ssh://-oProxyCommand=x/y', '-x:y', 'file://elsewhere/film', 'file:///a%2fb', 'ftp://host/film'])('%s is none', (text) => {
    expect(() => parseRemoteUrl(text, '/desk')).toThrow(expect.objectContaining({ code: 'bad-url' }))
  })
  it('that lacks its scheme is asked about, because ssh would not find it', () => {
    expect(() => parseRemoteUrl('localhost:3487/studio/film', '/desk')).toThrow(
      expect.objectContaining({ code: 'bad-url', hint: 'did you mean https://localhost:3487/studio/film? (ssh: write ssh://localhost/PATH, or localhost:./3487/studio/film)' }),
    )
  })
})
