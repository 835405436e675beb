import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { TestRepo } from './repo.fixture.ts'

describe('opening a repository', () => {
  const places = ['HEAD', 'config', 'index', 'merge', 'oplog-first', 'format'].flatMap((key) => [[key, 'folder'], [key, 'pipe']] as const)

  it.each(places)('whose %s is a %s is refused as damage', async (key, kind) => {
    const test = await TestRepo.create()
    await test.commit({ a: '1' })
    const place = test.path(`.dits/${key}`)
    if (key !== 'merge' && key !== 'oplog-first') renameSync(place, test.path('moved'))
    if (kind === 'folder') mkdirSync(place)
    else execFileSync('mkfifo', [place])
    await expect(test.reopen()).rejects.toMatchObject({ code: 'store-damaged', message: `'${place}' is not a file` })
  })
})
