import { pathToText, rootPath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { FileIngester, isFailure, type ChunkWriter, type IngestedFile } from '../ingest/file-ingester.ts'
import { idFromBytes, type Id, type ObjectKind } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { compress } from '../pack/compress.ts'
import type { PackedObjects } from '../pack/packed-objects.ts'
import type { Repo } from '../repo.ts'
import { emptyIndex, findChanges } from '../staging/changes.ts'
import type { Pathspec } from '../staging/pathspec.ts'
import { WorktreeAttributes } from '../worktree/attributes.ts'
import type { Index } from '../worktree/index-file.ts'
import { IndexUpdate } from '../worktree/index-update.ts'
import type { WorkChange } from '../worktree/status.ts'
import { OverlayObjects } from './overlay.ts'

/** The tracked files as they are on disk, as a tree that is kept in memory and shares what it can with the store. */
export interface WorkingTree {
  tree: Id
  /** Reads the tree and what it names: everything but the chunks that no pack holds. */
  reader: ObjectReader
  /** Chunks that no pack holds, with the bytes that they would take in one. */
  unstored: ReadonlyMap<Id, number>
}

/**
 * Reads the changed files of the working tree that `spec` names, cuts and
 * hashes them as `add` would, and stores nothing. Files that are not tracked
 * do not count. A file that cannot be read is named in a warning and counts as
 * unchanged. Memory: the chunk lists of the changed files, 40 bytes a chunk.
 */
export async function readWorkingTree(repo: Repo, index: Index | undefined, spec: Pathspec): Promise<WorkingTree> {
  const changes: WorkChange[] = []
  for await (const change of findChanges(repo, index, spec, { untracked: 'none' })) {
    if (change.change !== 'skipped') changes.push(change)
  }
  const writer = new MeasuringWriter(repo.objects)
  const files = await readFiles(repo, changes, writer)
  const update = new IndexUpdate(index ?? emptyIndex(), (kind, bytes) => writer.write(kind, bytes))
  for (const { path, change } of changes) {
    const file = files.get(path)
    if (change === 'deleted') update.remove(path)
    else if (file) update.put(file)
  }
  const { tree } = update.finish({ writtenMs: 0 })
  return { tree: tree.id, reader: new OverlayObjects(writer.kept, repo.objects), unstored: writer.unstored }
}

async function readFiles(repo: Repo, changes: readonly WorkChange[], writer: ChunkWriter): Promise<Map<string, IngestedFile>> {
  const { env } = repo
  const wanted = changes.filter(({ change, stat }) => change !== 'deleted' && stat !== undefined)
  const progress = { task: 'reading', bytes: 0, bytesTotal: wanted.reduce((sum, { stat }) => sum + stat!.size, 0), path: rootPath }
  const attributes = new WorktreeAttributes(repo.root)
  const files = new Map<string, IngestedFile>()
  const ingester = new FileIngester(repo.rootBytes, writer, {
    withTimes: repo.config.getBool('core.mtimes') ?? false,
    startedMs: Infinity,
    onBytes: (bytes) => {
      if (env.signal?.aborted) throw new DitsError('interrupted', 'interrupted')
      progress.bytes += bytes
      env.onProgress?.(progress)
    },
  })
  for (const { path } of wanted) {
    progress.path = path
    const { profile } = attributes.of(path)
    const result = await ingester.ingest({ path, ...(profile ? { profile } : {}) })
    if (isFailure(result)) env.onWarning?.(`'${pathToText(path)}' ${result.message}: it counts as unchanged`)
    else files.set(path, result)
  }
  return files
}

/** Takes what an ingest would store, keeps the structure in memory, and of the content only how much it would take. */
class MeasuringWriter implements ChunkWriter {
  readonly kept = new MemoryObjects()
  readonly unstored = new Map<Id, number>()
  readonly #objects: PackedObjects

  constructor(objects: PackedObjects) {
    this.#objects = objects
  }

  write(kind: ObjectKind, bytes: Uint8Array): Id {
    return this.kept.write(kind, bytes)
  }

  async add(_kind: ObjectKind, id: Uint8Array): Promise<boolean> {
    const { packs } = this.#objects
    return packs.locateNow(id) !== undefined || (await packs.locateAnywhere(id)) !== undefined
  }

  append(_kind: ObjectKind, id: Uint8Array, bytes: Uint8Array): void {
    const key = idFromBytes(id)
    if (!this.unstored.has(key)) this.unstored.set(key, compress(bytes).payload.length)
  }

  ready(): undefined {
    return undefined
  }
}
