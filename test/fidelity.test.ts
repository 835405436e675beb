import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, ftruncateSync, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createNoise } from '../fixtures/noise.ts'

/** What goes in comes back: through the command line, as a person uses it. */

const launcher = join(import.meta.dirname, '../cli/bin/dits')

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dits-fidelity-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function dits(cwd: string, ...args: string[]): string {
  const env = { ...process.env, DITS_AUTHOR_NAME: 'Ada', DITS_AUTHOR_EMAIL: 'ada@example.org' }
  return execFileSync(launcher, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function commitAll(folder: string, message: string): void {
  dits(folder, 'add', '.')
  dits(folder, 'commit', '-qm', message)
}

/** Every name below a folder, as bytes, with what lies there. */
function snapshot(folder: Buffer, prefix = Buffer.alloc(0)): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of readdirSync(folder, { encoding: 'buffer' })) {
    if (prefix.length === 0 && name.toString() === '.dits') continue
    const path = Buffer.concat([folder, Buffer.from('/'), name])
    const shown = Buffer.concat([prefix, name])
    const stat = lstatSync(path)
    if (stat.isSymbolicLink()) found.set(shown.toString('latin1'), `link ${readlinkSync(path, { encoding: 'buffer' }).toString('latin1')}`)
    else if (stat.isFile()) found.set(shown.toString('latin1'), `file ${stat.mode & 0o100} ${readFileSync(path).toString('latin1')}`)
    else {
      found.set(shown.toString('latin1'), 'folder')
      for (const [below, what] of snapshot(path, Buffer.concat([shown, Buffer.from('/')]))) found.set(below, what)
    }
  }
  return found
}

it('gives back names of any bytes, modes, links, empty files and empty folders', () => {
  const folder = makeFolder()
  dits(folder, 'init', '-q')
  const names = ['plain.txt', 'two  spaces ', 'line\nbreak', 'tab\t"quote"', "it's", 'emoji 🎬.mov', '-leading dash', 'back\\slash', '*', '[a-z]?', 'ü'.normalize('NFC'), 'ü'.normalize('NFD'), 'x'.repeat(255), '.hidden', '#hash', '~']
  const raw = [...names.map((name) => Buffer.from(name)), Buffer.from([0xff, 0xfe, 0x41]), Buffer.from([0xc3, 0x28])]
  const at = (name: Buffer) => Buffer.concat([Buffer.from(`${folder}/`), name])
  raw.forEach((name, i) => writeFileSync(at(name), `content ${i}`))
  writeFileSync(join(folder, 'empty'), '')
  writeFileSync(join(folder, 'run.sh'), '#!/bin/sh\n')
  chmodSync(join(folder, 'run.sh'), 0o755)
  mkdirSync(join(folder, 'deep', ...Array.from({ length: 40 }, (_, i) => `level ${i}`)), { recursive: true })
  mkdirSync(join(folder, 'hollow/inner'), { recursive: true })
  symlinkSync('plain.txt', join(folder, 'link'))
  symlinkSync('nowhere/at all', join(folder, 'dangling'))
  symlinkSync('/absolute/elsewhere', join(folder, 'absolute'))
  symlinkSync(Buffer.from([0x61, 0xff]), join(folder, 'to stray bytes'))
  const before = snapshot(Buffer.from(folder))
  commitAll(folder, 'everything')
  for (const name of readdirSync(folder, { encoding: 'buffer' })) if (name.toString() !== '.dits') rmSync(at(name), { recursive: true })
  writeFileSync(join(folder, 'only this'), 'x')
  commitAll(folder, 'nothing of it')
  dits(folder, 'switch', '-q', '--detach', 'HEAD~1')
  expect(snapshot(Buffer.from(folder))).toEqual(before)
  expect(dits(folder, 'status', '--porcelain')).toBe('')
})

it('keeps modification times, to the microsecond, where the repository records them', () => {
  const folder = makeFolder()
  dits(folder, 'init', '-q')
  dits(folder, 'config', 'core.mtimes', 'true')
  const file = join(folder, 'shot.exr')
  writeFileSync(file, 'frame')
  utimesSync(file, 1_600_000_000.25, 1_600_000_000.25)
  commitAll(folder, 'timed')
  rmSync(file)
  dits(folder, 'restore', 'shot.exr')
  expect(Math.floor(statSync(file).mtimeMs * 1000)).toBe(1_600_000_000_250_000)
})

it('gives back a file over 4 GiB that is mostly holes, and leaves the holes', () => {
  const folder = makeFolder()
  dits(folder, 'init', '-q')
  const file = join(folder, 'sparse.bin')
  const size = 4.5 * 1024 ** 3
  const places = [0, 1024 ** 3 + 12_345, 4 * 1024 ** 3 + 7, size - 300_000]
  const noise = createNoise(5)
  const pieces = places.map(() => noise.bytes(300_000))
  const fd = openSync(file, 'w')
  ftruncateSync(fd, size)
  places.forEach((place, i) => writeSync(fd, pieces[i]!, 0, 300_000, place))
  closeSync(fd)
  commitAll(folder, 'sparse')
  rmSync(file)
  dits(folder, 'restore', 'sparse.bin')
  expect(statSync(file).size).toBe(size)
  expect(statSync(file).blocks * 512).toBeLessThan(64 * 1024 * 1024)
  const back = openSync(file, 'r')
  places.forEach((place, i) => {
    const bytes = Buffer.alloc(300_000)
    readSync(back, bytes, 0, 300_000, place)
    expect(bytes.equals(pieces[i]!), `at ${place}`).toBe(true)
  })
  closeSync(back)
}, 600_000)

it('holds 100,000 files in one folder', () => {
  const folder = makeFolder()
  dits(folder, 'init', '-q')
  mkdirSync(join(folder, 'frames'))
  for (let i = 0; i < 100_000; i++) writeFileSync(join(folder, 'frames', `frame_${i}.txt`), `${i % 1000}`)
  commitAll(folder, 'all frames')
  writeFileSync(join(folder, 'frames/frame_50000.txt'), 'changed')
  expect(dits(folder, 'status', '--porcelain')).toBe(' M frames/frame_50000.txt\n')
  rmSync(join(folder, 'frames'), { recursive: true })
  dits(folder, 'restore', 'frames')
  expect(readdirSync(join(folder, 'frames')).length).toBe(100_000)
  for (const i of [0, 777, 50_000, 99_999]) expect(readFileSync(join(folder, `frames/frame_${i}.txt`), 'utf8')).toBe(`${i % 1000}`)
  expect(dits(folder, 'status', '--porcelain')).toBe('')
}, 600_000)
