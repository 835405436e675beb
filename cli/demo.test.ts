import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let scratch: string
beforeAll(() => void (scratch = mkdtempSync(path.join(os.tmpdir(), 'dits-demo-runs-'))))
afterAll(() => rmSync(scratch, { recursive: true }))

function demo(...args: string[]) {
  const program = path.join(import.meta.dirname, 'demo.ts')
  const env = { ...process.env, TMPDIR: scratch }
  return spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], { encoding: 'utf8', env })
}

describe('the demo', () => {
  it('proves two versions byte for byte, and leaves a folder to go on in but no server', { timeout: 180_000 }, async () => {
    const { status, stdout, stderr } = demo('--scale', '0.01', '--no-ffmpeg')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.match(/same: all \d+ files/g)).toHaveLength(2)
    const [, folder] = /^ {2}cd (.+)$/m.exec(stdout)!
    expect(path.dirname(path.dirname(folder!))).toBe(scratch)
    const [, port] = /listens at https:\/\/127\.0\.0\.1:(\d+)/.exec(stdout)!
    await expect(once(net.connect(Number(port), '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('refuses what it does not know', () => {
    const { status, stderr } = demo('--fast')
    expect({ status, first: stderr.split('\n')[0] }).toEqual({ status: 2, first: "demo: Unknown option '--fast'" })
  })
})
