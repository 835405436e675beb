import { joinPath, rootPath, type BytePath } from './bytes.ts'
import { walkCommits } from './history/walk.ts'
import type { Commit } from './objects/commit.ts'
import type { Id } from './objects/id.ts'
import { referencesOf } from './objects/references.ts'
import { entryAtPath, readTree } from './objects/tree.ts'
import type { TreeEntry } from './objects/tree-entry.ts'
import { recordHeaderBytes } from './pack/pack-format.ts'
import { ObjectMarks, type ObjectRef } from './reachable.ts'
import type { Repo } from './repo.ts'

/** Bytes that an object takes in an index beside its record. */
const indexRowBytes = 46

/** What something takes in the store: objects counted once, records and index rows with their headers. */
export interface StoredCost {
  /** Chunks: the content itself. */
  contentBytes: number
  /** Trees, manifests, chunk lists and commits. */
  structureBytes: number
  objects: number
}

export interface VersionCost extends StoredCost {
  id: Id
  commit: Commit
  /** Bytes of all files of the version as plain copies. */
  plainBytes: number
}

/**
 * What each commit that `start` reaches added to the store: the objects that
 * no commit before it has. Newest first. Memory: a bit for each object, and a
 * row for each commit.
 */
export async function costOfVersions(repo: Repo, start: Id): Promise<VersionCost[]> {
  const commits: { id: Id; commit: Commit }[] = []
  for await (const step of walkCommits(repo.objects, [start], { order: 'topo' })) commits.push(step)
  const meter = new CostMeter(repo)
  const costs: VersionCost[] = []
  for (const { id, commit } of commits.reverse()) {
    const cost = await meter.add([{ kind: 'commit', id }], (object) => object.kind !== 'commit' || object.id === id)
    costs.push({ id, commit, plainBytes: await plainBytes(repo, commit.tree), ...cost })
  }
  return costs.reverse()
}

export interface FolderCost {
  path: BytePath
  kind: TreeEntry['kind']
  plainBytes: number
  /** What it would take in a store of its own. */
  alone: StoredCost
  /** What no sibling before it in the list shares: the figures of a list add up to the whole. */
  own: StoredCost
}

/** What each entry of a folder of a tree takes. The folder's own figure is the first. */
export async function costOfFolder(repo: Repo, tree: Id, folder: BytePath): Promise<FolderCost[]> {
  const entry = await entryAtPath(repo.objects, tree, folder)
  if (!entry) return []
  const shared = new CostMeter(repo)
  const rows: FolderCost[] = []
  const whole = await new CostMeter(repo).add([objectOf(entry)])
  rows.push({ path: folder, kind: entry.kind, plainBytes: await sizeOf(repo, entry), alone: whole, own: whole })
  if (entry.kind !== 'directory') return rows
  for await (const entries of readTree(repo.objects, entry.id)) {
    for (const child of entries) {
      const alone = await new CostMeter(repo).add([objectOf(child)])
      const own = await shared.add([objectOf(child)])
      rows.push({ path: joinPath(folder, child.name), kind: child.kind, plainBytes: child.size, alone, own })
    }
  }
  return rows
}

/** What lies in the store. */
export interface StoreSize {
  packs: number
  objects: number
  /** Bytes of the packs and of their indexes. */
  packBytes: number
  indexBytes: number
  /** Everything else: refs, the working-tree index, the operation log, the configuration, look-up tables. */
  otherBytes: number
}

/** Measures the store by the lengths of its values. */
export async function measureStore(repo: Repo): Promise<StoreSize> {
  const size: StoreSize = { packs: 0, objects: await repo.objects.packs.countObjects(), packBytes: 0, indexBytes: 0, otherBytes: 0 }
  for await (const key of repo.store.list('')) {
    repo.env.signal?.throwIfAborted()
    const bytes = (await repo.store.stat(key))?.size ?? 0
    if (!key.startsWith('packs/')) size.otherBytes += bytes
    else if (key.endsWith('.idx')) size.indexBytes += bytes
    else {
      size.packs++
      size.packBytes += bytes
    }
  }
  return size
}

/** Counts objects, each once. */
export class CostMeter {
  private readonly repo: Repo
  private readonly marks = new ObjectMarks()

  constructor(repo: Repo) {
    this.repo = repo
  }

  /** The cost of everything that the roots reach and that was not counted before. */
  async add(roots: readonly ObjectRef[], follow: (object: ObjectRef) => boolean = () => true): Promise<StoredCost> {
    const cost: StoredCost = { contentBytes: 0, structureBytes: 0, objects: 0 }
    const { objects, env } = this.repo
    const open = [...roots]
    for (let object = open.pop(); object; object = open.pop()) {
      env.signal?.throwIfAborted()
      // What a partial repository lacks costs nothing here, and is no reason to list the packs again.
      const located = await objects.locateKnown(object.id)
      if (!located || !this.marks.add(located)) continue
      const bytes = recordHeaderBytes + indexRowBytes + located.stored
      cost.objects++
      if (object.kind === 'chunk') cost.contentBytes += bytes
      else {
        cost.structureBytes += bytes
        for (const child of referencesOf(object.kind, await objects.read(object.kind, object.id))) if (follow(child)) open.push(child)
      }
    }
    return cost
  }
}

function objectOf(entry: TreeEntry): ObjectRef {
  return { kind: entry.content, id: entry.id }
}

async function plainBytes(repo: Repo, tree: Id): Promise<number> {
  const root = await entryAtPath(repo.objects, tree, rootPath)
  return root ? sizeOf(repo, root) : 0
}

async function sizeOf(repo: Repo, entry: TreeEntry): Promise<number> {
  if (entry.kind !== 'directory') return entry.size
  let sum = 0
  for await (const entries of readTree(repo.objects, entry.id)) for (const child of entries) sum += child.size
  return sum
}
