import { pathFromText } from '../bytes.ts'
import { encodeCommit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import type { EntryKind, TreeEntry } from '../objects/tree-entry.ts'
import { walkTree } from '../objects/tree-walk.ts'
import { TreeBuilder } from '../objects/tree.ts'

/** Histories and trees made in memory, for tests. */

/** A tree as a test writes it: a path to content. `null` is an empty directory; `x:` starts an executable, `l:` a symlink. */
export type Files = Record<string, string | null>

/** A generator of numbers from 0 to 1 that gives the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Writes a tree; content is one chunk a file. */
export function writeFiles(objects: MemoryObjects, files: Files): Id {
  return writeFolder(objects, '', files).id
}

function writeFolder(objects: MemoryObjects, name: string, files: Files): TreeEntry {
  const folders = new Map<string, Files>()
  const entries: TreeEntry[] = []
  for (const [path, content] of Object.entries(files)) {
    const slash = path.indexOf('/')
    if (slash >= 0) {
      const folder = folders.get(path.slice(0, slash)) ?? {}
      folder[path.slice(slash + 1)] = content
      folders.set(path.slice(0, slash), folder)
    } else if (content === null) {
      folders.set(path, folders.get(path) ?? {})
    } else {
      entries.push(writeFile(objects, path, content))
    }
  }
  for (const [name, content] of folders) entries.push(writeFolder(objects, name, content))
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  const builder = new TreeBuilder((kind, bytes) => objects.write(kind, bytes))
  for (const entry of entries) builder.add(entry)
  const { id, size } = builder.finish()
  return { name: pathFromText(name), kind: 'directory', content: 'tree', size, id, hash: id }
}

/** Writes one file and gives its entry. */
export function writeFile(objects: MemoryObjects, name: string, content: string): TreeEntry {
  const kinds: Record<string, EntryKind> = { 'x:': 'executable', 'l:': 'symlink' }
  const kind = kinds[content.slice(0, 2)]
  const bytes = Buffer.from(kind ? content.slice(2) : content)
  const id = objects.write('chunk', bytes)
  return { name: pathFromText(name), kind: kind ?? 'file', content: 'chunk', size: bytes.length, id, hash: id }
}

/** Reads a tree back as a test writes it; folders appear only where they are empty. */
export async function readFiles(objects: MemoryObjects, tree: Id): Promise<Files> {
  const files: Files = {}
  for await (const { path, entry } of walkTree(objects, tree)) {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
    if (files[parent] === null) delete files[parent]
    files[path] = entry.kind === 'directory' ? null : await contentOf(objects, entry)
  }
  return files
}

export async function contentOf(objects: MemoryObjects, entry: TreeEntry): Promise<string> {
  const mark = { file: '', executable: 'x:', symlink: 'l:', directory: '' }[entry.kind]
  return mark + Buffer.from(await objects.read('chunk', entry.id)).toString()
}

/** Makes commits that are told apart by name; the time counts up by a second a commit unless it is given. */
export class HistoryBuilder {
  readonly objects = new MemoryObjects()
  readonly ids: Id[] = []
  readonly #numbers = new Map<Id, number>()

  /** Adds a commit whose parents are numbers of commits that were added before. */
  commit(parents: number[], options: { timeMs?: number; tree?: Id; message?: string } = {}): Id {
    const timeMs = options.timeMs ?? 1_600_000_000_000 + this.ids.length * 1000
    const person = { name: 'Ada', email: 'ada@example.com', timeMs, zoneMinutes: 0 }
    const id = this.objects.write(
      'commit',
      encodeCommit({
        tree: options.tree ?? writeFiles(this.objects, {}),
        parents: parents.map((number) => this.ids[number]!),
        author: person,
        committer: person,
        message: options.message ?? `commit ${this.ids.length}`,
      }),
    )
    this.#numbers.set(id, this.ids.length)
    this.ids.push(id)
    return id
  }

  /** The number of a commit: how many were made before it. */
  numberOf(id: Id): number {
    return this.#numbers.get(id) ?? -1
  }
}

/** A history of random shape: up to three parents a commit, times off by up to `skewMs`. */
export function randomHistory(random: () => number, commits: number, skewMs: number): { history: HistoryBuilder; parents: number[][] } {
  const history = new HistoryBuilder()
  const parents: number[][] = []
  for (let number = 0; number < commits; number++) {
    const wanted = number === 0 || random() < 0.05 ? 0 : 1 + Number(random() < 0.4) + Number(random() < 0.1)
    const own = new Set<number>()
    for (let i = 0; i < wanted; i++) own.add(Math.max(0, number - 1 - Math.floor(random() ** 2 * 6)))
    parents.push([...own])
    const timeMs = 1_600_000_000_000 + number * 60_000 + Math.floor((random() - 0.5) * skewMs)
    history.commit([...own], { timeMs })
  }
  return { history, parents }
}

/** For each commit of a random history, the set of those that it reaches, itself included. */
export function reachability(parents: number[][]): Set<number>[] {
  const reached: Set<number>[] = []
  for (const [number, own] of parents.entries()) {
    reached.push(new Set([number, ...own.flatMap((parent) => [...reached[parent]!])]))
  }
  return reached
}

/** Collects a stream. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}
