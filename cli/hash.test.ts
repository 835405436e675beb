import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { blake3Text } from '../core/hash.ts'

describe('dits hash of a pipe', () => {
  it('reads what somebody writes into it', async () => {
    const { pipe, child } = hashOfPipe()
    const output = child.stdout.toArray()
    writeFileSync(pipe, 'take one')
    expect(String(Buffer.concat(await output))).toBe(`${blake3Text(Buffer.from('take one'))}  ${pipe}\n`)
  })

  it.each([['SIGTERM', 143], ['SIGINT', 130]] as const)('ends at %s while nobody writes', async (signal, code) => {
    const { pipe, child } = hashOfPipe()
    const ended = once(child, 'exit')
    await expect.poll(() => isRead(pipe), { timeout: 60_000 }).toBe(true)
    child.kill(signal)
    expect(await ended).toEqual([code, null])
  })
})

const writers: number[] = []
afterEach(() => writers.splice(0).forEach(closeSync))

/** Opens the pipe for writing, which works once somebody reads. */
function isRead(pipe: string): boolean {
  try {
    writers.push(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}

function hashOfPipe() {
  const folder = mkdtempSync(join(tmpdir(), 'dits-pipe-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const main = fileURLToPath(new URL('main.ts', import.meta.url))
  const child = spawn(process.execPath, ['--no-warnings', main, 'hash', pipe], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { pipe, child }
}
