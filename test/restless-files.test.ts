import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { mustDits, runDits } from './run-dits.ts'

/** Files that change, come and go, or are none, while dits reads them. */

describe('a file that changes while it is read', () => {
  it('is reported, and the other files are staged', async () => {
    const root = makeRepo()
    writeFileSync(join(root, 'render.exr'), Buffer.alloc(48 * 1024 * 1024, 1))
    writeFileSync(join(root, 'still.txt'), 'still')
    const writer = await startWriter(`
      const fd = fs.openSync('render.exr', 'r+')
      for (let i = 0; ; i++) fs.writeSync(fd, Buffer.alloc(4096, i & 255), 0, 4096, (i * 4096) % (48 * 1024 * 1024))
    `, root)
    const run = runDits(root, ['add', '.'])
    expect(run.error).toContain("render.exr changes while it is read: it was not staged")
    expect(run.code).toBe(1)
    expect(mustDits(root, ['ls-files']).out).toBe('still.txt\n')
    writer.kill('SIGKILL')
    mustDits(root, ['add', '.'])
    expect(mustDits(root, ['ls-files']).out).toBe('render.exr\nstill.txt\n')
  })

  it('is left out where it is gone by then', async () => {
    const root = makeRepo()
    writeFileSync(join(root, 'still.txt'), 'still')
    mkdirSync(join(root, 'cache'))
    await startWriter(`
      for (let i = 0; ; i++) {
        fs.mkdirSync('cache/' + (i % 50), { recursive: true })
        fs.writeFileSync('cache/' + (i % 50) + '/a', 'x')
        fs.rmSync('cache/' + ((i + 25) % 50), { recursive: true, force: true })
      }
    `, root)
    for (let i = 0; i < 3; i++) {
      const add = runDits(root, ['add', '.'])
      expect([0, 1], add.error).toContain(add.code)
      expect(runDits(root, ['status']).code).toBe(0)
    }
    expect(mustDits(root, ['ls-files']).out).toContain('still.txt\n')
  })
})

describe('what is no file', () => {
  it('is named and left out, and nothing waits for it', async () => {
    const root = makeRepo()
    writeFileSync(join(root, 'still.txt'), 'still')
    execFileSync('mkfifo', [join(root, 'pipe')])
    await listenAt(join(root, 'socket'))
    const add = mustDits(root, ['add', '.'], { timeoutMs: 20_000 })
    expect(add.error).toContain("'pipe' is no file, link or folder and is left out")
    expect(add.error).toContain("'socket' is no file, link or folder and is left out")
    expect(mustDits(root, ['ls-files']).out).toBe('still.txt\n')
    mustDits(root, ['status'], { timeoutMs: 20_000 })
  })

  it('in the place of a tracked file counts as its removal', () => {
    const root = makeRepo()
    writeFileSync(join(root, 'take.mov'), 'take')
    mustDits(root, ['add', '.'])
    mustDits(root, ['commit', '-m', 'Take'])
    rmSync(join(root, 'take.mov'))
    execFileSync('mkfifo', [join(root, 'take.mov')])
    expect(mustDits(root, ['status', '--porcelain'], { timeoutMs: 20_000 }).out).toContain(' D take.mov\n')
    expect(runDits(root, ['cat', 'HEAD:take.mov']).out).toBe('take')
  })
})

describe('a file that may not be read', () => {
  it('is reported, and the other files are staged', () => {
    const root = makeRepo()
    writeFileSync(join(root, 'secret.key'), 'secret')
    writeFileSync(join(root, 'still.txt'), 'still')
    mkdirSync(join(root, 'locked'))
    chmodSync(join(root, 'secret.key'), 0)
    chmodSync(join(root, 'locked'), 0)
    const run = runAsNobody(root, ['add', '.'])
    expect(run.error).toContain("secret.key may not be read: it was not staged")
    expect(run.error).toContain("'locked' may not be read and is left out")
    expect(run.code).toBe(1)
    expect(mustDits(root, ['ls-files']).out).toBe('still.txt\n')
    chmodSync(join(root, 'locked'), 0o755)
  })
})

function makeRepo(): string {
  const root = mkdtempSync(join(tmpdir(), 'dits-restless-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  mustDits(root, ['init'])
  return root
}

/** A program that runs in `folder` until the test ends; it has begun when this resolves. */
async function startWriter(program: string, folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', `const fs = require('node:fs'); console.log('begun'); ${program}`], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((resolve, reject) => child.stdout!.once('data', resolve) && child.once('exit', reject))
  return child
}

async function listenAt(path: string): Promise<void> {
  const server = createServer()
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(path, resolve))
}

/** As somebody whom permissions hold for: root is let through everywhere. */
function runAsNobody(root: string, argv: readonly string[]): ReturnType<typeof runDits> {
  if (process.getuid?.() !== 0) return runDits(root, argv)
  const nobody = 65_534
  chownSync(root, nobody, nobody)
  for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) lchownSync(join(root, entry), nobody, nobody)
  return runDits(root, argv, { uid: nobody })
}
