import { hash } from 'node:crypto'
import { createRandom, type Random } from '../fixtures/random.ts'
import { ChunkListBuilder, createBlake3, encodeCommit, encodeManifest, hashObject, idFromBytes, idToBytes, MemoryStore, PackedObjects, PackWriter, readCommit, referencesOf, TreeBuilder, type ByteStore, type BytePath, type EntryKind, type Id, type ObjectKind, type TreeEntry } from '#core'

/** Files of a synthetic version: by path, the numbers of the chunks that they are made of. */
export type Version = ReadonlyMap<string, readonly number[]>

/** A repository made without a working tree: small chunks, written straight into packs. */
export class Synthetic {
  readonly store: ByteStore
  readonly chunkBytes: number
  objects!: PackedObjects
  readonly #known = new Set<string>()
  readonly #listed = new Map<readonly number[], TreeEntry>()
  #writer: PackWriter
  #packs = 0
  #minutes = 0

  private constructor(store: ByteStore, chunkBytes: number) {
    this.store = store
    this.chunkBytes = chunkBytes
    this.#writer = this.#newWriter()
  }

  static async create(options: { store?: ByteStore; chunkBytes?: number } = {}): Promise<Synthetic> {
    const synthetic = new Synthetic(options.store ?? new MemoryStore(), options.chunkBytes ?? 24)
    synthetic.objects = await PackedObjects.open(synthetic.store)
    return synthetic
  }

  write(kind: ObjectKind, bytes: Uint8Array): Id {
    const hash = hashObject(kind, bytes)
    const id = idFromBytes(hash)
    this.writeAs(kind, id, bytes)
    return id
  }

  /** Writes an object under an id that it may not have. */
  writeAs(kind: ObjectKind, id: Id, bytes: Uint8Array): void {
    if (this.#known.has(id)) return
    this.#known.add(id)
    this.#writer.append({ kind, codec: 0, raw: bytes.length, id: idToBytes(id), payload: bytes })
  }

  /** Makes what was written durable, and known to `objects`. */
  async flush(): Promise<void> {
    await this.#writer.finish()
    this.#writer = this.#newWriter()
    await this.objects.packs.refresh()
  }

  /** The bytes of a chunk: the same for the same number, of varying length. */
  chunk(number: number): Uint8Array {
    return chunkOf(number, this.chunkBytes + (number % 7))
  }

  /** Writes a version's files and folders; answers the id of its tree. */
  tree(files: Version): Id {
    const root: Folder = { files: new Map(), folders: new Map() }
    for (const [path, chunks] of files) placeIn(root, path.split('/'), chunks)
    return this.#folder('', root).id
  }

  commit(tree: Id, parents: readonly Id[] = []): Id {
    const person = { name: 'Ada', email: 'ada@example.com', timeMs: 1_700_000_000_000 + 60_000 * this.#minutes++, zoneMinutes: 0 }
    return this.write('commit', encodeCommit({ tree, parents: [...parents], author: person, committer: person, message: 'a version' }))
  }

  /** The entry of a file without its name, written where it is new. */
  file(chunks: readonly number[]): TreeEntry {
    const known = this.#listed.get(chunks)
    if (known) return known
    const entry = chunks.length === 1 ? this.#plainFile(chunks[0]!) : this.#manifest(chunks)
    this.#listed.set(chunks, entry)
    return entry
  }

  /** Everything that some commits reach, as far as it is here; what is not here as well. */
  reach(roots: readonly Id[]): Promise<Map<Id, ObjectKind>> {
    return reachOf(this.objects, roots)
  }

  #plainFile(number: number): TreeEntry {
    const bytes = this.chunk(number)
    const id = this.write('chunk', bytes)
    return fileEntry({ content: 'chunk', size: bytes.length, id, hash: id })
  }

  #manifest(chunks: readonly number[]): TreeEntry {
    const builder = new ChunkListBuilder((kind, bytes) => this.write(kind, bytes))
    const whole = createBlake3()
    let size = 0
    for (const number of chunks) {
      const bytes = this.chunk(number)
      builder.add(idToBytes(this.write('chunk', bytes)), bytes.length)
      whole.update(bytes)
      size += bytes.length
    }
    const hash = idFromBytes(whole.digest())
    const id = this.write('manifest', encodeManifest({ profile: 'general', size, hash, segments: [], root: builder.finish().node }))
    return fileEntry({ content: 'manifest', size, id, hash })
  }

  #folder(name: string, { files, folders }: Folder): TreeEntry {
    const entries: TreeEntry[] = []
    for (const [file, chunks] of files) entries.push({ ...this.file(chunks), name: file as BytePath })
    for (const [folder, content] of folders) entries.push(this.#folder(folder, content))
    return { ...this.directory(entries), name: name as BytePath }
  }

  /** The entry of a directory without its name. */
  directory(entries: TreeEntry[]): TreeEntry {
    const builder = new TreeBuilder((kind, bytes) => this.write(kind, bytes))
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) builder.add(entry)
    const { id, size } = builder.finish()
    return { name: '' as BytePath, kind: 'directory', content: 'tree', size, id, hash: id }
  }

  #newWriter(): PackWriter {
    return new PackWriter(this.store, { nextName: () => `synthetic-${String(this.#packs++).padStart(6, '0')}` })
  }
}

interface Folder {
  files: Map<string, readonly number[]>
  folders: Map<string, Folder>
}

function placeIn(root: Folder, names: string[], chunks: readonly number[]): void {
  let folder = root
  for (const name of names.slice(0, -1)) {
    let next = folder.folders.get(name)
    if (!next) folder.folders.set(name, (next = { files: new Map(), folders: new Map() }))
    folder = next
  }
  folder.files.set(names.at(-1)!, chunks)
}

function fileEntry(entry: Pick<TreeEntry, 'content' | 'size' | 'id' | 'hash'>): TreeEntry {
  return { name: '' as BytePath, kind: 'file' satisfies EntryKind, ...entry }
}

/** Bytes that are the same for the same number and do not compress. */
export function chunkOf(number: number, length: number): Uint8Array {
  return hash('shake256', String(number), { outputEncoding: 'buffer', outputLength: length })
}

/** Everything that some commits or tags reach, by id, as far as it is in a store; what they name and is not there as well. */
export async function reachOf(objects: PackedObjects, roots: readonly Id[]): Promise<Map<Id, ObjectKind>> {
  const reached = new Map<Id, ObjectKind>()
  const open: { kind: ObjectKind; id: Id }[] = roots.map((id) => ({ kind: 'commit', id }))
  for (let next = open.pop(); next; next = open.pop()) {
    if (reached.has(next.id)) continue
    reached.set(next.id, next.kind)
    if (next.kind === 'chunk' || !(await objects.packs.locate(next.id))) continue
    open.push(...referencesOf(next.kind, await objects.read(next.kind, next.id)))
  }
  return reached
}

/** A copy of a store without some objects. */
export async function copyWithout(source: PackedObjects, left: ReadonlySet<Id>): Promise<{ store: MemoryStore; objects: PackedObjects }> {
  const store = new MemoryStore()
  let packs = 0
  const writer = new PackWriter(store, { nextName: () => `copy-${packs++}` })
  for (const name of source.packs.names) {
    const index = await source.packs.index(name)
    for (let rank = 0; rank < index.count; rank++) {
      if (left.has(index.id(rank))) continue
      const { kind } = index.row(rank)
      const payload = await source.read(kind, index.id(rank))
      writer.append({ kind, codec: 0, raw: payload.length, id: index.idBytes(rank), payload })
    }
  }
  await writer.finish()
  return { store, objects: await PackedObjects.open(store) }
}

/** A random history: edits, moves, copies, merges, reverts. The commits in the order in which they were made, each after its parents. */
export async function randomHistory(random: Random, synthetic: Synthetic, commits: number): Promise<Id[]> {
  const versions: { id: Id; files: Version }[] = []
  let numbers = 0
  const fresh = () => numbers++
  for (let i = 0; i < commits; i++) {
    const parent = versions.length > 0 && random.below(20) > 0 ? versions[Math.max(0, versions.length - 1 - random.below(3))]! : undefined
    let files: Version = parent?.files ?? new Map()
    const parents = parent ? [parent.id] : []
    if (parent && random.below(5) === 0) {
      const other = random.pick(versions)
      if (other !== parent) {
        parents.push(other.id)
        files = mergeOf(random, files, other.files)
      }
    }
    for (let edits = random.below(4) + (parent ? 0 : 3); edits > 0; edits--) files = editOf(random, files, fresh)
    // A revert: the files of some version before.
    if (parent && random.below(8) === 0) files = random.pick(versions).files
    versions.push({ id: synthetic.commit(synthetic.tree(files), parents), files })
  }
  await synthetic.flush()
  return versions.map(({ id }) => id)
}

const folderNames = ['a', 'b', 'b/c', 'd', 'd/e/f', 'long']

function editOf(random: Random, before: Version, fresh: () => number): Version {
  const files = new Map(before)
  const paths = [...files.keys()]
  const path = paths.length > 0 ? random.pick(paths) : undefined
  const newPath = () => `${random.pick(folderNames)}/${random.below(60)}.bin`
  const choice = random.below(8)
  if (path === undefined || choice < 2) {
    const [count, chunks] = random.pick([[1, 1], [2, 2], [3, 5], [40, 1], [1, 320]] as const)
    for (let n: number = count; n > 0; n--) place(files, newPath(), Array.from({ length: chunks }, fresh))
  } else if (choice === 2) files.delete(path)
  else if (choice === 3) place(files, newPath(), files.get(path)!)
  else if (choice === 4) {
    const content = files.get(path)!
    files.delete(path)
    place(files, newPath(), content)
  } else if (choice === 5) moveFolder(random, files)
  else {
    const chunks = [...files.get(path)!]
    chunks.splice(random.below(chunks.length + 1), random.below(3), ...Array.from({ length: random.below(4) }, fresh))
    files.set(path, chunks.length > 0 ? chunks : [fresh()])
  }
  return files
}

/** Moves or copies a folder into another, or renames it. */
function moveFolder(random: Random, files: Map<string, readonly number[]>): void {
  const [from, to] = [`${random.pick(folderNames)}/`, `${random.pick(folderNames)}/moved${random.below(3)}/`]
  const isCopy = random.below(2) === 0
  for (const [path, chunks] of [...files]) {
    if (!path.startsWith(from)) continue
    if (!isCopy) files.delete(path)
    place(files, to + path.slice(from.length), chunks)
  }
}

function place(files: Map<string, readonly number[]>, path: string, chunks: readonly number[]): void {
  if (path.length < 200) files.set(path, chunks)
}

function mergeOf(random: Random, ours: Version, theirs: Version): Version {
  const files = new Map(ours)
  for (const [path, chunks] of theirs) if (random.below(2) === 0 || !files.has(path)) files.set(path, chunks)
  return files
}

/** The parents of a commit. */
export async function parentsOf(objects: PackedObjects, id: Id): Promise<Id[]> {
  return (await readCommit(objects, id)).parents
}

/** Runs a test for some seeds, or for the one in DITS_SEED, and names the seed where it fails. */
export async function forSeeds(count: number, test: (random: Random, seed: number) => Promise<void>): Promise<void> {
  const only = process.env['DITS_SEED']
  const seeds = only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)]
  for (const seed of seeds) {
    try {
      await test(createRandom(seed), seed)
    } catch (error) {
      throw new Error(`failed with seed ${seed} (DITS_SEED=${seed}): ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
}
