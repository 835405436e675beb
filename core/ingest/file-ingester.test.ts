import { appendFileSync, chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync, writeSync, type Stats } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import { pathFromText } from '../bytes.ts'
import { blake3Text } from '../hash.ts'
import { readChunks } from '../objects/chunk-list.ts'
import { idFromBytes, type Id, type ObjectKind } from '../objects/id.ts'
import { decodeManifest } from '../objects/manifest.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import { FileIngester, isFailure, type ChunkWriter, type IngestedFile, type IngestResult } from './file-ingester.ts'

/** A file system whose clock ticks so rarely stands in for those whose ticks a change can hide in. */
const clock = vi.hoisted(() => ({ tickMs: 1 }))

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>()
  const coarse = (stats: Stats): Stats => {
    stats.mtimeMs -= stats.mtimeMs % clock.tickMs
    stats.ctimeMs -= stats.ctimeMs % clock.tickMs
    return stats
  }
  return { ...fs, fstatSync: (fd: number, options?: { bigint: true }) => (options ? fs.fstatSync(fd, options) : coarse(fs.fstatSync(fd))) }
})

const seed = 23
const MiB = 1024 * 1024

/** Keeps objects in memory; `onChunk` and `onWindow` are called before a chunk, and after each full window but the last. */
class MemoryWriter implements ChunkWriter {
  readonly kept = new MemoryObjects()
  onChunk = (): void => {}
  onWindow = (): void => {}

  write(kind: ObjectKind, bytes: Uint8Array): Id {
    return this.kept.write(kind, bytes)
  }

  add(kind: ObjectKind, id: Uint8Array, bytes: Uint8Array): undefined {
    this.onChunk()
    expect(this.write(kind, bytes)).toBe(idFromBytes(id))
  }

  append(): void {
    throw new Error('nothing is left open')
  }

  ready(): undefined {
    this.onWindow()
  }
}

interface Bench {
  folder: string
  writer: MemoryWriter
  ingest(name: string): Promise<IngestResult>
}

function setUp(): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'dits-ingest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const writer = new MemoryWriter()
  const ingester = new FileIngester(pathFromText(folder), writer, { onBytes: () => {}, withTimes: false, startedMs: 0 })
  return { folder, writer, ingest: (name) => ingester.ingest({ path: pathFromText(name) }) }
}

async function contentOf({ writer }: Bench, result: IngestResult): Promise<Buffer> {
  const file = stored(result)
  if (file.content === 'chunk') return Buffer.from(await writer.kept.read('chunk', file.id))
  const manifest = decodeManifest(await writer.kept.read('manifest', file.id))
  expect(manifest).toMatchObject({ size: file.size, hash: file.hash })
  const pieces: Uint8Array[] = []
  for await (const chunks of readChunks(writer.kept, manifest.root)) {
    for (const { id } of chunks) pieces.push(await writer.kept.read('chunk', id))
  }
  return Buffer.concat(pieces)
}

function stored(result: IngestResult): IngestedFile {
  if (isFailure(result)) throw new Error(`${result.code}: ${result.message}`)
  return result
}

describe('ingesting a file', () => {
  it('stores what is in it, whatever its size', async () => {
    const bench = setUp()
    const random = createRandom(seed)
    for (const size of [0, 1, 4095, 4096, 4097, 16 * 1024, 300_000, 2 * MiB, 2 * MiB + 64 * 1024, 5 * MiB + 1]) {
      for (const name of ['clip.mov', 'notes.txt', 'any.dat']) {
        const bytes = random.bytes(size)
        writeFileSync(join(bench.folder, name), bytes)
        const result = await bench.ingest(name)
        expect(stored(result), `${name} of ${size}, seed ${seed}`).toMatchObject({ kind: 'file', size, hash: blake3Text(bytes) })
        expect((await contentOf(bench, result)).equals(bytes), `${name} of ${size}, seed ${seed}`).toBe(true)
      }
    }
  })

  it('names the chunk itself where there is only one', async () => {
    const bench = setUp()
    writeFileSync(join(bench.folder, 'note'), 'a few words')
    expect(await bench.ingest('note')).toMatchObject({ content: 'chunk', id: blake3Text(Buffer.from('a few words')) })
    expect([...bench.writer.kept.objects.values()].map(({ kind }) => kind)).toEqual(['chunk'])
  })

  it('tells programs and links from files, and does not follow links', async () => {
    const bench = setUp()
    writeFileSync(join(bench.folder, 'tool'), 'run me')
    chmodSync(join(bench.folder, 'tool'), 0o755)
    symlinkSync('nowhere/at all', join(bench.folder, 'link'))
    expect(stored(await bench.ingest('tool')).kind).toBe('executable')
    const link = await bench.ingest('link')
    expect(stored(link).kind).toBe('symlink')
    expect((await contentOf(bench, link)).toString()).toBe('nowhere/at all')
  })

  it('answers what is wrong with a file, and goes on with the next', async () => {
    const bench = setUp()
    mkdirSync(join(bench.folder, 'folder'))
    writeFileSync(join(bench.folder, 'sound'), 'sound')
    expect(await bench.ingest('gone')).toMatchObject({ code: 'file-missing' })
    expect(await bench.ingest('folder')).toMatchObject({ code: 'file-unsupported' })
    expect((await contentOf(bench, await bench.ingest('sound'))).toString()).toBe('sound')
  })
})

describe('a file that changes while it is read', () => {
  it('is stored as it is in the end', async () => {
    const bench = setUp()
    const path = join(bench.folder, 'log')
    writeFileSync(path, 'first')
    let changes = 0
    bench.writer.onChunk = () => {
      if (changes++ === 0) appendFileSync(path, ', then')
    }
    expect((await contentOf(bench, await bench.ingest('log'))).toString()).toBe('first, then')
  })

  it('is given up where it does not come to rest', async () => {
    const bench = setUp()
    const path = join(bench.folder, 'log')
    writeFileSync(path, 'first')
    bench.writer.onChunk = () => appendFileSync(path, 'more')
    expect(await bench.ingest('log')).toMatchObject({ code: 'file-changing' })
  })

  it('is never stored as a mixture, even where its times do not tell that it changed', async () => {
    clock.tickMs = 24 * 3600 * 1000
    onTestFinished(() => void (clock.tickMs = 1))
    for (const times of [1, Infinity]) {
      const bench = setUp()
      const path = join(bench.folder, 'render.dat')
      const [before, after] = [1, 2].map((part) => createRandom(seed + part).bytes(6 * MiB)) as [Buffer, Buffer]
      writeFileSync(path, before)
      let changes = 0
      bench.writer.onWindow = () => {
        if (changes++ < times) overwrite(path, changes % 2 ? after : before)
      }
      const result = await bench.ingest('render.dat')
      if (isFailure(result)) expect(result.code).toBe('file-changing')
      else expect([before, after].some((bytes) => blake3Text(bytes) === result.hash), `seed ${seed}, ${times} changes`).toBe(true)
      expect(isFailure(result), `${times} changes`).toBe(times > 1)
    }
  })
})

/** Writes in place: the same file, the same length. */
function overwrite(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes)
  closeSync(fd)
}
