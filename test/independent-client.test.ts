import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import { TestRepo } from '../core/repo.fixture.ts'
import { closeRepo } from '#core'
import { itWith } from './tools.ts'

const client = fileURLToPath(new URL('independent-client.py', import.meta.url))
const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url))

/** What the client, which knows PROTOCOL.md and nothing else, says of a repository. */
function ask(path: string, ...what: string[]): string[] {
  const run = spawnSync('python3', [client, ...what, '--', process.execPath, '--no-warnings', main, 'serve', '--stdio', path], { encoding: 'utf8', timeout: 60_000 })
  return `${run.stdout}${run.stderr}`.trim().split('\n')
}

describe('a client that was written from PROTOCOL.md alone', () => {
  itWith('python3', 'greets, lists refs, and takes the records of a history apart', async () => {
    const test = await TestRepo.create()
    await test.commit({ a: 'one' })
    await test.branch('shots/010')
    const id = await test.commit({ 'b/c': 'two' })
    const first = (await test.repo.refs.read('refs/heads/main'))!
    await closeRepo(test.repo)
    expect(ask(test.root, 'refs')).toEqual(['welcome admin', `refs/heads/main ${first}`, `refs/heads/shots/010 ${id}`, 'head refs/heads/shots/010'])
    // Two commits, a tree of each and of the folder, without their chunks.
    expect(ask(test.root, 'history', id)).toEqual(['welcome admin', '5 records', 'end history-end'])
    await test.reopen()
  })

  itWith('python3', 'is told why it is refused', async () => {
    const test = await TestRepo.create()
    expect(ask(test.root, 'version')).toEqual([expect.stringMatching(/^error unsupported-version the server speaks version 1 /)])
    expect(ask(test.root, 'history', '0'.repeat(64))).toEqual(['welcome admin', expect.stringMatching(/^error object-missing /)])
  })

})
