import { describe, expect, it } from 'vitest'
import { checkRepositoryName, checkUserName, repositoryPrefix } from './names.ts'

describe('the name of a repository', () => {
  it.each(['film', 'studio/film', 'studio/2026/film', 'a', '0', 'a.b-c_d', 'x'.repeat(64), 'console', 'team/packs', 'a..b'])('may be %s', (name) => {
    expect(() => checkRepositoryName(name)).not.toThrow()
  })

  it.each([
    ['nothing', ''],
    ['a way out', '..'],
    ['a way out at the end', 'studio/..'],
    ['a way out in the middle', 'a/../b'],
    ['this folder', '.'],
    ['a hidden file', '.ssh'],
    ['an escaped way out', '%2e%2e'],
    ['an escaped slash', 'a%2fb'],
    ['an absolute path', '/etc/passwd'],
    ['a slash at the end', 'studio/'],
    ['two slashes', 'a//b'],
    ['four parts', 'a/b/c/d'],
    ['a backslash', 'a\\b'],
    ['a drive', 'c:'],
    ['a stream', 'a:b'],
    ['NUL', 'a\0b'],
    ['a line end', 'film\n'],
    ['upper case', 'Film'],
    ['a space', 'my film'],
    ['letters beyond ASCII', 'vidéo'],
    ['letters that look alike', 'fіlm'],
    ['a dash in front', '-rf'],
    ['a dot at the end', 'film.'],
    ['a device of Windows', 'nul'],
    ['a device with an ending', 'studio/com1.film'],
    ['the ending of locks', 'film.lock'],
    ['the ending of repositories', 'film.dits'],
    ['the ending of records', 'film.json'],
    ['a part of 65 characters', 'x'.repeat(65)],
    ['10,000 characters', 'x'.repeat(10_000)],
    ['10,000 parts', 'x/'.repeat(10_000)],
    ['a wildcard', '*'],
    ['a home', '~'],
    ['shell words', '$(id)'],
  ])('is not %s', (_what, name) => {
    expect(() => checkRepositoryName(name)).toThrow(expect.objectContaining({ code: 'bad-repository-name' }))
  })

  it('is shown short and printable where it is refused', () => {
    expect(() => checkRepositoryName(`\x1b[2J${'x'.repeat(10_000)}`)).toThrow(/^'\?\[2Jx{56}…' cannot be the name of a repository$/)
  })

  it('gives a place that lies in no other', () => {
    expect(repositoryPrefix('team')).toBe('repos/team.dits')
    expect(repositoryPrefix('team/packs')).toBe('repos/team/packs.dits')
  })
})

it('a user has a name of one part', () => {
  expect(() => checkUserName('ada')).not.toThrow()
  for (const name of ['', 'a/b', 'Ada', '..', 'ada\n', 'x'.repeat(65)]) {
    expect(() => checkUserName(name)).toThrow(expect.objectContaining({ code: 'bad-user-name' }))
  }
})
