import { createRandom, type Random } from '../../fixtures/random.ts'
import type { BytePath } from '../bytes.ts'
import { ChunkListBuilder, type ListRoot } from './chunk-list.ts'
import { idFromBytes, type Id, type ObjectKind } from './id.ts'
import { MemoryObjects } from './memory-objects.ts'
import type { Emit } from './object-io.ts'
import type { TreeEntry } from './tree-entry.ts'
import { TreeBuilder } from './tree.ts'

/** What the tests of objects share: seeds, small builders, and a store that counts what is read. */

/** Runs a test for a few seeds and names the seed where it fails. */
export async function forSeeds(
  count: number,
  test: (random: Random, seed: number) => Promise<void> | void,
): Promise<void> {
  for (let seed = 1; seed <= count; seed++) {
    try {
      await test(createRandom(seed), seed)
    } catch (error) {
      throw new Error(`failed with seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
}

/** Objects in memory that count their reads. */
export class CountingObjects extends MemoryObjects {
  reads = 0

  override async read(kind: ObjectKind, id: Id): Promise<Uint8Array> {
    this.reads++
    return super.read(kind, id)
  }

  get emit(): Emit {
    return (kind, bytes) => this.write(kind, bytes)
  }

  /** How many objects `work` adds. */
  async added(work: () => unknown): Promise<number> {
    const before = this.objects.size
    await work()
    return this.objects.size - before
  }

  /** How many objects `work` reads. */
  async readBy(work: () => Promise<unknown>): Promise<number> {
    const before = this.reads
    await work()
    return this.reads - before
  }
}

export function randomId(random: Random): Id {
  return idFromBytes(random.bytes(32))
}

export function name(text: string): BytePath {
  return text as BytePath
}

export function fileEntry(text: string, id: Id, size = 100): TreeEntry {
  return { name: name(text), kind: 'file', content: 'chunk', size, id, hash: id }
}

export function folderEntry(text: string, root: { id: Id; size: number }): TreeEntry {
  return { name: name(text), kind: 'directory', content: 'tree', size: root.size, id: root.id, hash: root.id }
}

/** An entry of any kind that a tree can hold, except a directory. */
export function randomEntry(random: Random, text: string): TreeEntry {
  const id = randomId(random)
  const kind = random.pick(['file', 'file', 'executable', 'symlink'] as const)
  const entry = { ...fileEntry(text, id, random.below(1 << 20)), kind }
  if (kind === 'symlink') return entry
  const asManifest = { content: 'manifest', size: random.below(2 ** 40), hash: randomId(random) }
  if (random.below(2)) Object.assign(entry, asManifest)
  if (random.below(2)) entry.mtimeNs = BigInt(random.below(2 ** 40)) - 2n ** 39n
  return entry
}

/** Names like those of an image sequence. */
export function frameName(frame: number): string {
  return `shot_010_${String(frame).padStart(7, '0')}.exr`
}

export function frameEntries(count: number): TreeEntry[] {
  return Array.from({ length: count }, (_, i) => fileEntry(frameName(i), i.toString(16).padStart(64, '0') as Id))
}

export function buildTree(emit: Emit, entries: Iterable<TreeEntry>): { id: Id; size: number; count: number } {
  const builder = new TreeBuilder(emit)
  for (const entry of entries) builder.add(entry)
  return builder.finish()
}

export interface TestChunk {
  id: Id
  length: number
}

export function randomChunks(random: Random, count: number): TestChunk[] {
  return Array.from({ length: count }, () => ({ id: randomId(random), length: 1 + random.below(1 << 17) }))
}

export function buildList(emit: Emit, chunks: readonly TestChunk[]): ListRoot {
  const builder = new ChunkListBuilder(emit)
  for (const { id, length } of chunks) builder.add(Buffer.from(id, 'hex'), length)
  return builder.finish()
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  return Array.fromAsync(items)
}

/** All items of batches. */
export async function collectFlat<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  return (await Array.fromAsync(batches)).flat()
}

/**
 * The nodes that FORMAT.md describes for rows with these hashes, level by
 * level: how many rows each node has. Written as the specification reads.
 */
export function nodesBySpecification(
  hashes: readonly number[],
  isBoundary: (h: number, level: number) => boolean,
): number[][] {
  const levels: number[][] = []
  let rows = [...hashes]
  for (let level = 0; ; level++) {
    const nodes: number[] = []
    const lasts: number[] = []
    let held = 0
    rows.forEach((h, i) => {
      held++
      if ((held >= 16 && isBoundary(h, level)) || held === 256 || i === rows.length - 1) {
        nodes.push(held)
        lasts.push(h)
        held = 0
      }
    })
    levels.push(nodes.length > 0 ? nodes : [0])
    if (nodes.length <= 1) return levels
    rows = lasts
  }
}
