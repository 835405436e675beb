/**
 * Prints how fast cutting runs on one core, beside copying the same bytes and
 * the plain reference: `node build.mjs && node bench.ts`. Each figure is the
 * best of several rounds over more bytes than a processor's caches hold, the
 * copy into the window not counted; the rounds of all rows take turns, so that
 * a busy machine slows none of them alone.
 */
import { randomFillSync } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { chunkLengths, createChunker, type ChunkSizes } from './index.ts'
import { plainBytes, profiles } from './test/inputs.ts'
import { referenceLengths } from './test/reference.ts'

const MiB = 1024 * 1024
const windowBytes = 2 * MiB
const random = randomFillSync(new Uint8Array(64 * MiB))
const plain = plainBytes(16 * MiB, 1)
const rounds = 9

interface Row {
  name: string
  /** Runs once; answers bytes and milliseconds spent. */
  run: () => { bytes: number; ms: number }
}

const rows: Row[] = [
  { name: 'memcpy into a window', run: () => copying(random) },
  ...Object.entries(profiles).map(([name, sizes]) => ({
    name: `${name} ${sizeNames(sizes)}, random`,
    run: cutting(random, sizes),
  })),
  { name: `video ${sizeNames(profiles['video']!)}, plain`, run: cutting(plain, profiles['video']!) },
  {
    name: 'reference in JavaScript, video, random',
    run: () => timed(4 * MiB, () => referenceLengths(random.subarray(0, 4 * MiB), profiles['video']!)),
  },
]

const first = cutting(random.subarray(0, 2 * MiB), profiles['video']!)()
console.log(`first 2 MiB after start: ${megabytesPerSecond(first)} MB/s (the engine's quick first code)\n`)
for (const [name, speed] of await bestOfAll(rows)) console.log(`${name.padEnd(42)} ${String(speed).padStart(6)} MB/s`)
console.log(`\n${'a chunker of its own'.padEnd(42)} ${eachMicroseconds(50, () => createChunker(profiles['video']!))} µs`)
const note = random.subarray(0, 3000)
console.log(`${'chunkLengths of 3000 bytes, small'.padEnd(42)} ${eachMicroseconds(20_000, () => chunkLengths(note, profiles['small']!))} µs`)

async function bestOfAll(all: Row[]): Promise<Map<string, number>> {
  const best = new Map<string, number>()
  for (let round = 0; round < rounds; round++) {
    for (const { name, run } of all) {
      best.set(name, Math.max(best.get(name) ?? 0, megabytesPerSecond(run())))
      // The engine's optimised code arrives between turns of the event loop.
      await setImmediate()
    }
  }
  return best
}

function cutting(bytes: Uint8Array, sizes: ChunkSizes): Row['run'] {
  const { window, cut } = createChunker(sizes, { windowBytes })
  return () => {
    let ms = 0
    for (let at = 0; at < bytes.length; at += windowBytes) {
      const piece = bytes.subarray(at, at + windowBytes)
      window.set(piece)
      ms += timed(piece.length, () => cut(piece.length, true)).ms
    }
    return { bytes: bytes.length, ms }
  }
}

function copying(bytes: Uint8Array): { bytes: number; ms: number } {
  const target = new Uint8Array(windowBytes)
  return timed(bytes.length, () => {
    for (let at = 0; at < bytes.length; at += windowBytes) target.set(bytes.subarray(at, at + windowBytes))
  })
}

function timed(bytes: number, work: () => unknown): { bytes: number; ms: number } {
  const start = performance.now()
  work()
  return { bytes, ms: performance.now() - start }
}

function megabytesPerSecond({ bytes, ms }: { bytes: number; ms: number }): number {
  return Math.round(bytes / ms / 1000)
}

function eachMicroseconds(times: number, work: () => unknown): string {
  const { ms } = timed(0, () => {
    for (let i = 0; i < times; i++) work()
  })
  return ((ms * 1000) / times).toFixed(1).padStart(6)
}

function sizeNames({ min, average, max }: ChunkSizes): string {
  return `${[min, average, max].map((size) => size / 1024).join('/')} KiB`
}
