import { execFileSync } from 'node:child_process'
import {
  closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync, writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { itWith } from '../../test/tools.ts'
import { pathFromText, type BytePath } from '../bytes.ts'
import { idFromBytes, type Id } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import type { EntryKind, TreeEntry } from '../objects/tree-entry.ts'
import { entryAtPath, TreeBuilder } from '../objects/tree.ts'
import { archivePieces, type ArchiveOptions } from './archive.ts'
import { zipCentralHeader, zipDescriptor, zipEnd, zipLocalHeader, zipMethods } from './zip.ts'

const GiB = 1024 ** 3
const timeMs = 1_700_000_000_000

/** What a test puts at a path: text for files and links, a number for a file of so many zeros, `null` for an empty folder. */
type Sketch = Record<string, { kind: EntryKind; content: Buffer | string | number } | null>

/** Trees in memory, with files whose content is made as it is read. */
class Sketches {
  readonly reader = new MemoryObjects()
  readonly content = { stream: (entry: TreeEntry) => this.#stream(entry) }
  readonly #contents = new Map<Id, Buffer | number>()

  tree(sketch: Sketch, name = ''): TreeEntry {
    const folders = new Map<string, Sketch>()
    const entries: TreeEntry[] = []
    for (const [path, item] of Object.entries(sketch)) {
      const [first, ...rest] = path.split('/') as [string, ...string[]]
      if (rest.length > 0) folders.set(first, { ...folders.get(first), [rest.join('/')]: item })
      else if (item === null) folders.set(first, {})
      else entries.push(this.#file(first, item))
    }
    for (const [folder, inner] of folders) entries.push(this.tree(inner, folder))
    const builder = new TreeBuilder((kind, bytes) => this.reader.write(kind, bytes))
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) builder.add(entry)
    const { id, size } = builder.finish()
    return { name: name as BytePath, kind: 'directory', content: 'tree', size, id, hash: id }
  }

  #file(name: string, { kind, content }: { kind: EntryKind; content: Buffer | string | number }): TreeEntry {
    const id = idFromBytes(Buffer.alloc(32, this.#contents.size + 1))
    const stored = typeof content === 'string' ? Buffer.from(content, 'latin1') : content
    this.#contents.set(id, stored)
    const size = typeof stored === 'number' ? stored : stored.length
    return { name: name as BytePath, kind, content: size > 1 << 20 ? 'manifest' : 'chunk', size, id, hash: id }
  }

  async *#stream({ id }: TreeEntry): AsyncGenerator<Uint8Array> {
    const content = this.#contents.get(id)!
    if (typeof content !== 'number') {
      for (let at = 0; at < content.length; at += 60_000) yield content.subarray(at, at + 60_000)
      return
    }
    const zeros = new Uint8Array(16 << 20)
    for (let left = content; left > 0; left -= zeros.length) yield zeros.subarray(0, Math.min(left, zeros.length))
  }
}

function piecesOf(sketch: Sketch, options: Partial<ArchiveOptions> = {}): AsyncGenerator<Uint8Array> {
  const sketches = new Sketches()
  return archivePieces(sketches, sketches.tree(sketch), { format: 'tar', prefix: '' as BytePath, timeMs, ...options })
}

async function archiveOf(sketch: Sketch, options: Partial<ArchiveOptions> = {}): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(piecesOf(sketch, options)))
}

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  folders.push(mkdtempSync(join(tmpdir(), 'dits-archive-')))
  return folders.at(-1)!
}

/** Unpacks with the system's own program, and answers the folder. */
function unpack(archive: Buffer, program: 'tar' | 'unzip'): string {
  const folder = newFolder()
  writeFileSync(join(folder, 'archive'), archive)
  mkdirSync(join(folder, 'out'))
  const args = program === 'tar' ? ['-xf', '../archive'] : ['-q', '../archive']
  execFileSync(program, args, { cwd: join(folder, 'out'), stdio: ['ignore', 'ignore', 'pipe'] })
  return join(folder, 'out')
}

const noise = createRandom(7).bytes(3_000_000)
const text = Buffer.from('the same line again and again\n'.repeat(100_000))
const long = `${'folder with a long name/'.repeat(12)}${'x'.repeat(200)}.mov`
const usual: Sketch = {
  'noise.bin': { kind: 'file', content: noise },
  'text.txt': { kind: 'file', content: text },
  'small.txt': { kind: 'file', content: text.subarray(0, 3000) },
  'none': { kind: 'file', content: '' },
  'run.sh': { kind: 'executable', content: '#!/bin/sh\n' },
  'link': { kind: 'symlink', content: 'small.txt' },
  [pathFromText('Größe.mov')]: { kind: 'file', content: 'umlauts' },
  [long]: { kind: 'file', content: 'long' },
  'empty': null,
}

function expectUsual(out: string): void {
  expect(readFileSync(join(out, 'noise.bin')).equals(noise)).toBe(true)
  expect(readFileSync(join(out, 'text.txt')).equals(text)).toBe(true)
  expect(readFileSync(join(out, 'small.txt'), 'latin1')).toBe(text.toString('latin1', 0, 3000))
  expect(statSync(join(out, 'none')).size).toBe(0)
  expect(statSync(join(out, 'run.sh')).mode & 0o777).toBe(0o755)
  expect(statSync(join(out, 'small.txt')).mode & 0o111).toBe(0)
  expect(readlinkSync(join(out, 'link'))).toBe('small.txt')
  expect(readFileSync(join(out, 'Größe.mov'), 'utf8')).toBe('umlauts')
  expect(readFileSync(join(out, long), 'utf8')).toBe('long')
  expect(readdirSync(join(out, 'empty'))).toEqual([])
  expect(statSync(join(out, 'noise.bin')).mtimeMs).toBe(timeMs)
}

describe('a tar archive', () => {
  it('comes out of tar as it went in', async () => {
    expectUsual(unpack(await archiveOf(usual), 'tar'))
  })

  it('keeps names that are not UTF-8, short and long ones', async () => {
    const stray = 'caf\xe9.mov'
    const longStray = `${'\xe9'.repeat(180)}.mov`
    const out = unpack(await archiveOf({ [stray]: { kind: 'file', content: 'a' }, [`${'d'.repeat(90)}/${longStray}`]: { kind: 'file', content: 'b' } }), 'tar')
    expect(readdirSync(out, { encoding: 'latin1' }).sort()).toEqual([stray, 'd'.repeat(90)])
    expect(readdirSync(join(out, 'd'.repeat(90)), { encoding: 'latin1' })).toEqual([longStray])
  })

  it('keeps long link targets, and times before 1970 and of nanoseconds', async () => {
    const target = 'there/'.repeat(40)
    const sketches = new Sketches()
    const tree = sketches.tree({ 'link': { kind: 'symlink', content: target }, 'old': { kind: 'file', content: 'x' } })
    const old = archivePieces(sketches, tree, { format: 'tar', prefix: '' as BytePath, timeMs: -86_400_000 })
    const out = unpack(Buffer.concat(await Array.fromAsync(old)), 'tar')
    expect(readlinkSync(join(out, 'link'))).toBe(target)
    expect(statSync(join(out, 'old')).mtimeMs).toBe(-86_400_000)
  })

  it('puts everything below a prefix, which it makes a folder', async () => {
    const archive = await archiveOf({ 'a': { kind: 'file', content: 'a' } }, { prefix: 'film-v2/' as BytePath, comment: 'f'.repeat(64) })
    expect(readFileSync(join(unpack(archive, 'tar'), 'film-v2/a'), 'utf8')).toBe('a')
    expect(archive.toString('latin1', 0, 17)).toBe('pax_global_header')
    expect(archive.length % 10_240).toBe(0)
  })

  it('is of a single file where the root is one', async () => {
    const sketches = new Sketches()
    const tree = sketches.tree({ 'shots/a.mov': { kind: 'file', content: 'movie' } })
    const file = (await entryAtPath(sketches.reader, tree.id, 'shots/a.mov' as BytePath))!
    const pieces = archivePieces(sketches, file, { format: 'tar', prefix: '' as BytePath, timeMs })
    expect(readFileSync(join(unpack(Buffer.concat(await Array.fromAsync(pieces)), 'tar'), 'a.mov'), 'utf8')).toBe('movie')
  })

  it('holds files of more than 8 GiB, which tar lists at their size', async () => {
    const file = join(newFolder(), 'large.tar')
    const output = openSync(file, 'w')
    let at = 0
    for await (const piece of piecesOf({ 'big': { kind: 'file', content: 9 * GiB }, 'small': { kind: 'file', content: 'x' } })) {
      // Zeros are left out, which makes a hole.
      if (piece.length <= 1 << 20) writeSync(output, piece, 0, piece.length, at)
      at += piece.length
    }
    closeSync(output)
    expect(execFileSync('tar', ['-tvf', file]).toString()).toMatch(/ 9663676416 .* big\n.* 1 .* small\n/)
  })

  it('ends where the content is damaged', async () => {
    const sketches = new Sketches()
    const tree = sketches.tree({ 'a': { kind: 'file', content: 'movie' } })
    const pieces = archivePieces({ reader: sketches.reader, content: { stream: () => failing() } }, tree, { format: 'tar', prefix: '' as BytePath, timeMs })
    await expect(Array.fromAsync(pieces)).rejects.toThrow('damaged')
  })
})

describe('a zip archive', () => {
  itWith('unzip', 'comes out of unzip as it went in, smaller where it compresses', async () => {
    const archive = await archiveOf(usual, { format: 'zip', comment: 'a version' })
    expectUsual(unpack(archive, 'unzip'))
    expect(archive.length).toBeGreaterThan(noise.length)
    expect(archive.length).toBeLessThan(noise.length + text.length / 10)
  })

  itWith('unzip', 'passes the test of unzip, names what is UTF-8, and holds no entries as well', async () => {
    expect(() => unpack(Buffer.from('no zip'), 'unzip')).toThrow()
    const empty = await archiveOf({}, { format: 'zip' })
    expect(empty.toString('latin1', 0, 4)).toBe('PK\x05\x06')
    const stray = await archiveOf({ 'caf\xe9.mov': { kind: 'file', content: 'a' } }, { format: 'zip' })
    expect(stray.includes(Buffer.from('caf\xe9.mov', 'latin1'))).toBe(true)
    expect(stray.readUInt16LE(6) & (1 << 11)).toBe(0)
    const utf8 = await archiveOf({ [pathFromText('ü')]: { kind: 'file', content: 'a' } }, { format: 'zip' })
    expect(utf8.readUInt16LE(6) & (1 << 11)).toBe(1 << 11)
  })

  itWith('unzip', 'lists sizes and offsets beyond 4 GiB', () => {
    const file = join(newFolder(), 'large.zip')
    const output = openSync(file, 'w')
    const large = { path: 'large' as BytePath, kind: 'file', size: 5 * GiB, mtimeNs: 0n } as const
    const small = { ...large, path: 'small' as BytePath, size: 1 }
    const [largeContent, smallContent] = [large, small].map(({ size }) => ({ method: zipMethods.stored, crc: 1, size, packed: size }))
    const head = zipLocalHeader(large, undefined, zipMethods.stored, true)
    const second = head.length + large.size + zipDescriptor(largeContent!, true).length
    const directory = Buffer.concat([
      zipCentralHeader(large, largeContent!, { offset: 0, descriptor: true }),
      zipCentralHeader(small, smallContent!, { offset: second, descriptor: false }),
    ])
    const offset = second + zipLocalHeader(small, smallContent, zipMethods.stored, false).length + small.size
    writeSync(output, head, 0, head.length, 0)
    const end = Buffer.concat([directory, zipEnd({ entries: 2, offset, bytes: directory.length }, '')])
    writeSync(output, end, 0, end.length, offset)
    closeSync(output)
    expect(execFileSync('unzip', ['-l', file]).toString()).toMatch(/^5368709120 .* large\n +1 .* small\n/m)
  })

  itWith('unzip', 'hands on what the content throws, also while it deflates', async () => {
    const sketches = new Sketches()
    const tree = sketches.tree({ 'a': { kind: 'file', content: 2 << 20 } })
    const source = { reader: sketches.reader, content: { stream: () => failing() } }
    await expect(Array.fromAsync(archivePieces(source, tree, { format: 'zip', prefix: '' as BytePath, timeMs }))).rejects.toThrow('damaged')
  })
})

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a'.repeat(4096))
  throw new Error('damaged')
}
