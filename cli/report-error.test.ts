import { globSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { DitsError } from '../core/errors.ts'
import { createColors } from './colors.ts'
import { openOutput, OutputClosed } from './output.ts'
import { describeError, exitCodeFor, reportError } from './report-error.ts'

function collected() {
  const texts = { out: '', err: '' }
  const sink = (name: 'out' | 'err') =>
    openOutput(-1, {
      writeSome: (bytes) => {
        texts[name] += Buffer.from(bytes).toString()
        return bytes.length
      },
    })
  return { texts, stdout: sink('out'), stderr: sink('err') }
}

async function report(error: unknown, options: { json?: boolean; verbose?: boolean; colors?: boolean } = {}) {
  const { texts, stdout, stderr } = collected()
  const { json = false, verbose = false, colors = false } = options
  const exitCode = await reportError(error, { stdout, stderr, errorColors: createColors(colors), json, verbose })
  return { ...texts, exitCode }
}

describe('an error', () => {
  const error = new DitsError('unknown-revision', `'mian' is not a revision`, { hint: 'run: dits branch\nor: dits log' })

  it('is told with its hint', async () => {
    expect(await report(error)).toEqual({ out: '', err: `dits: 'mian' is not a revision\nhint: run: dits branch\nhint: or: dits log\n`, exitCode: 2 })
    expect((await report(error, { colors: true })).err).toContain(`dits: \x1b[31m'mian' is not a revision\x1b[39m\n`)
  })

  it('is an object where JSON was asked for', async () => {
    const { out, err } = await report(error, { json: true })
    expect(JSON.parse(out)).toEqual({ error: { code: 'unknown-revision', message: `'mian' is not a revision`, hint: 'run: dits branch\nor: dits log' } })
    expect(err).toBe('')
  })

  it('of dits itself says so, and shows where with --verbose', async () => {
    const fault = new TypeError('x is not a function', { cause: new Error('deep down') })
    expect(await report(fault)).toMatchObject({ exitCode: 70, err: expect.not.stringContaining(' at ') })
    const { err } = await report(fault, { verbose: true })
    expect(err).toContain('report-error.test.ts')
    expect(err).toContain('deep down')
  })

  it('shows where it arose with --verbose, unless it only says no', async () => {
    const told = await report(error)
    expect(await report(error, { verbose: true })).toEqual(told)
    expect((await report(new DitsError('store-io', 'no', { cause: new Error('deep down') }), { verbose: true })).err).toContain('deep down')
    expect((await report(new DitsError('unknown-revision', 'no', { cause: new Error('deep down') }), { verbose: true })).err).toContain('deep down')
    expect((await report(new DitsError('pack-damaged', 'no'), { verbose: true })).err).toContain('report-error.test.ts')
  })

  it('of the system is put into words', async () => {
    const missing = await open('/nowhere/at-all').catch((thrown: unknown) => thrown)
    expect(describeError(missing)).toEqual({ code: 'enoent', message: `cannot open '/nowhere/at-all': no such file or directory`, exitCode: 2 })
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', errno: -28, syscall: 'write' })
    expect(describeError(full)).toMatchObject({ message: 'cannot write: no space left on device', exitCode: 4, hint: expect.stringContaining('free some space') })
  })

  it('of a folder that is gone says so', () => {
    const gone = Object.assign(new Error('ENOENT: process.cwd failed'), { code: 'ENOENT', errno: -2, syscall: 'uv_cwd' })
    expect(describeError(gone)).toMatchObject({ code: 'no-such-directory', exitCode: 2 })
  })

  it('of an interruption is one', () => {
    expect(describeError(AbortSignal.abort().reason)).toMatchObject({ code: 'interrupted', exitCode: 130 })
  })

  it('of a reader that went away is told to nobody', async () => {
    expect(await report(new OutputClosed())).toEqual({ out: '', err: '', exitCode: 141 })
  })
})

describe('error codes', () => {
  it.each([
    ['merge-conflict', 1],
    ['bad-order', 70],
    ['unknown-revision', 2],
    ['object-damaged', 3],
    ['anything-damaged', 3],
    ['object-missing', 3],
    ['store-io', 4],
    ['repository-busy', 5],
    ['usage', 129],
    ['interrupted', 130],
  ])('%s ends with %d', (code, exitCode) => {
    expect(exitCodeFor(code)).toBe(exitCode)
  })

  it('are all in docs/errors.md, with the exit code that they have', () => {
    const root = fileURLToPath(new URL('..', import.meta.url))
    const rows = [...readFileSync(`${root}/docs/errors.md`, 'utf8').matchAll(/^\| `([a-z-]+)` \| (\d+) \|/gm)]
    const listed = new Map(rows.map(([, code, exitCode]) => [code!, Number(exitCode)]))
    const used = new Set<string>()
    for (const file of globSync('{core,cli,protocol,server,vfs,handlers}/**/*.ts', { cwd: root })) {
      if (/node_modules|\.test\.ts$|-fixture\.ts$/.test(file)) continue
      for (const [, code] of readFileSync(`${root}/${file}`, 'utf8').matchAll(/new DitsError\(\s*'([a-z-]+)'/g)) used.add(code!)
    }
    expect([...used].filter((code) => !listed.has(code)).sort(), 'codes to add to docs/errors.md').toEqual([])
    for (const [code, exitCode] of listed) expect(exitCodeFor(code), code).toBe(exitCode)
  })
})
