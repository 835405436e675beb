import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireFileLock } from './file-lock.ts'

const lockModule = new URL('./file-lock.ts', import.meta.url).href
const patientMs = 30_000

describe('a file lock', () => {
  let folder: string
  let file: string
  const children: ChildProcess[] = []
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dits-lock-'))
    file = join(folder, 'lock')
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })

  /** A process that holds the lock until it is told to end. */
  async function startHolder(): Promise<ChildProcess> {
    const code = `
      const { acquireFileLock } = await import(${JSON.stringify(lockModule)})
      await acquireFileLock(${JSON.stringify(file)}, { waitMs: ${patientMs} })
      process.stdout.write('held')
      process.stdin.resume()`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'pipe'] })
    children.push(child)
    let complaint = ''
    child.stderr!.on('data', (text) => (complaint += text))
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
    expect(complaint).toBe('')
    return child
  }

  it('is held by one at a time and can be taken again after its release', async () => {
    const lock = await acquireFileLock(file, { waitMs: 0 })
    await expect(acquireFileLock(file, { waitMs: 0 })).rejects.toMatchObject({ code: 'repository-busy', hint: expect.any(String) })
    lock.release()
    lock.release()
    ;(await acquireFileLock(file, { waitMs: 0 })).release()
  })

  it('is independent of locks on other files', async () => {
    const locks = await Promise.all(['a', 'b'].map((name) => acquireFileLock(join(folder, name), { waitMs: 0 })))
    for (const lock of locks) lock.release()
  })

  it('leaves one empty file and nothing else', async () => {
    const lock = await acquireFileLock(file, { waitMs: 0 })
    expect(await readdir(folder)).toEqual(['lock'])
    lock.release()
    expect(await readdir(folder)).toEqual(['lock'])
  })

  it('goes to whoever waits once it is released, and tells the waiting once', async () => {
    const first = await acquireFileLock(file, { waitMs: 0 })
    let waits = 0
    const waiting = new Promise<void>((resolve) => {
      void acquireFileLock(file, { waitMs: patientMs, onWait: () => (waits++, first.release()) }).then((second) => (second.release(), resolve()))
    })
    await waiting
    expect(waits).toBe(1)
  })

  it('stops waiting when told to', async () => {
    const lock = await acquireFileLock(file, { waitMs: 0 })
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = acquireFileLock(file, { waitMs: patientMs, signal: controller.signal, onWait: () => controller.abort(reason) })
    await expect(waiting).rejects.toBe(reason)
    await expect(acquireFileLock(file, { waitMs: 0, signal: controller.signal })).rejects.toBe(reason)
    lock.release()
  })

  it('keeps out other processes, and is free at once when the holder is killed', async () => {
    const holder = await startHolder()
    await expect(acquireFileLock(file, { waitMs: 20 })).rejects.toMatchObject({ code: 'repository-busy' })
    const ended = once(holder, 'exit')
    holder.kill('SIGKILL')
    await ended
    ;(await acquireFileLock(file, { waitMs: 0 })).release()
  })

  it('keeps other processes out while this one holds it, also after a try within this process failed', async () => {
    const lock = await acquireFileLock(file, { waitMs: 0 })
    await expect(acquireFileLock(file, { waitMs: 0 })).rejects.toMatchObject({ code: 'repository-busy' })
    const code = `
      const { acquireFileLock } = await import(${JSON.stringify(lockModule)})
      await acquireFileLock(${JSON.stringify(file)}, { waitMs: 0 }).catch((error) => process.stdout.write(error.code))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [answer] = await once(child.stdout, 'data')
    expect(String(answer)).toBe('repository-busy')
    lock.release()
    await startHolder()
  })

  it('keeps out the threads of the same process', async () => {
    const code = `
      const { parentPort } = require('node:worker_threads')
      import(${JSON.stringify(lockModule)}).then(async ({ acquireFileLock }) => {
        const lock = await acquireFileLock(${JSON.stringify(file)}, { waitMs: 0 })
        parentPort.postMessage('held')
        parentPort.once('message', () => { lock.release(); parentPort.postMessage('free') })
      })`
    const worker = new Worker(code, { eval: true })
    await once(worker, 'message')
    await expect(acquireFileLock(file, { waitMs: 10 })).rejects.toMatchObject({ code: 'repository-busy' })
    const freed = once(worker, 'message')
    worker.postMessage('release')
    await freed
    const lock = await acquireFileLock(file, { waitMs: 0 })
    lock.release()
    await worker.terminate()
  })

  it('is free when the thread that held it was ended', async () => {
    const code = `
      const { parentPort } = require('node:worker_threads')
      import(${JSON.stringify(lockModule)}).then(async ({ acquireFileLock }) => {
        globalThis.lock = await acquireFileLock(${JSON.stringify(file)}, { waitMs: 0 })
        parentPort.postMessage('held')
        parentPort.on('message', () => {})
      })`
    const worker = new Worker(code, { eval: true })
    await once(worker, 'message')
    await worker.terminate()
    const lock = await acquireFileLock(file, { waitMs: patientMs })
    lock.release()
  })

  it('never lets two in at once, of many who want it', async () => {
    let inside = 0
    let most = 0
    const enter = async (): Promise<void> => {
      const lock = await acquireFileLock(file, { waitMs: patientMs })
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setImmediate(resolve))
      inside--
      lock.release()
    }
    await Promise.all(Array.from({ length: 20 }, enter))
    expect(most).toBe(1)
  })

  it('says what is wrong where the file cannot be used', async () => {
    await expect(acquireFileLock(join(folder, 'none', 'lock'), { waitMs: 0 })).rejects.toMatchObject({ code: 'store-io', hint: expect.any(String) })
    await writeFile(file, 'this is not an empty file, and not a database either; '.repeat(20))
    await expect(acquireFileLock(file, { waitMs: 0 })).rejects.toMatchObject({ code: 'store-io' })
  })
})
