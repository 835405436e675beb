import { DitsError } from '../errors.ts'
import { nodeLevelsMax } from '../limits.ts'
import { emptyChunk, type Id, type ObjectKind } from '../objects/id.ts'
import { decodeListNode, decodeListRoot, listRowId, type ListNode } from '../objects/list-node.ts'
import { decodeManifest } from '../objects/manifest.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import type { PackedObjects } from '../pack/packed-objects.ts'
import type { Repo } from '../repo.ts'
import { contentUnavailable } from './content-source.ts'

/** What a file's content is found by. */
export type FileContent = Pick<TreeEntry, 'content' | 'id'>

/** Objects that are asked for at once. */
export const bringIdsMax = 16_384

export interface HydrateOptions {
  /** Only what says how the files are made of chunks, and not the chunks. */
  recipesOnly?: boolean
  /** Told how many bytes came since it was last called. */
  onBytes?: (bytes: number) => void
}

/**
 * Makes the content of files be here, as far as it is not: the manifests that
 * are missing, then the nodes of chunk lists, then the chunks, each in as few
 * calls as `bringIdsMax` allows. The rounds grow with the levels of the lists
 * and the objects that are missing, not with the files; memory is a buffer of
 * ids for each level. Answers how many objects were brought.
 *
 * Throws `content-unavailable` where there is no content source or it does not
 * have an object, and what the source throws.
 */
export async function bringContent(
  repo: Repo,
  files: Iterable<FileContent> | AsyncIterable<FileContent>,
  options: HydrateOptions = {},
): Promise<number> {
  await repo.objects.packs.refresh()
  const cascade = new Cascade(repo, options)
  for await (const { content, id } of files) {
    if (content === 'tree') throw new Error('a folder has no content')
    await cascade.add(content === 'chunk' ? chunkStage : manifestStage, id)
  }
  await cascade.finish()
  return cascade.brought
}

/** The content of a file, or of every file and link below a folder, whether it is here or not. */
export async function* contentsBelow(reader: ObjectReader, root: TreeEntry): AsyncGenerator<FileContent> {
  if (root.kind !== 'directory') return yield root
  for await (const { entry } of walkTree(reader, root.id)) if (entry.kind !== 'directory') yield entry
}

/** Whether the store holds everything that a file or link is made of. */
export async function contentIsHere(objects: PackedObjects, { content, id }: FileContent): Promise<boolean> {
  if (!(await isHere(objects, id))) return false
  if (content !== 'manifest') return true
  return isListHere(objects, decodeListRoot(decodeManifest(await objects.read('manifest', id)).root))
}

async function isListHere(objects: PackedObjects, node: ListNode): Promise<boolean> {
  for (let i = 0; i < node.rows; i++) {
    const id = listRowId(node, i)
    if (!(await isHere(objects, id))) return false
    if (node.level > 0 && !(await isListHere(objects, await readBelow(objects, id, node.level - 1)))) return false
  }
  return true
}

async function isHere(objects: PackedObjects, id: Id): Promise<boolean> {
  return id === emptyChunk || (await objects.locateKnown(id)) !== undefined
}

async function readBelow(objects: PackedObjects, id: Id, level: number): Promise<ListNode> {
  const node = decodeListNode(await objects.read('list', id))
  if (node.level === level) return node
  throw new DitsError('object-damaged', `list '${id}' is not of the level that its parent says`, { hint: 'run: dits fsck --full' })
}

/** Chunks, then the nodes of lists by level, then manifests: an object needs only objects of stages below its own. */
const chunkStage = 0
const manifestStage = nodeLevelsMax + 1

/** Ids that wait for each stage. A stage that is full is brought at once, and what it names goes to the stages below. */
class Cascade {
  brought = 0
  readonly #repo: Repo
  readonly #options: HydrateOptions
  readonly #waiting: Set<Id>[] = Array.from({ length: manifestStage + 1 }, () => new Set<Id>())

  constructor(repo: Repo, options: HydrateOptions) {
    this.#repo = repo
    this.#options = options
  }

  async add(stage: number, id: Id): Promise<void> {
    if (stage === chunkStage && this.#options.recipesOnly) return
    const waiting = this.#waiting[stage]!
    waiting.add(id)
    if (waiting.size >= bringIdsMax) await this.#flush(stage)
  }

  async finish(): Promise<void> {
    for (let stage = manifestStage; stage >= chunkStage; stage--) await this.#flush(stage)
  }

  async #flush(stage: number): Promise<void> {
    const ids = [...this.#waiting[stage]!]
    this.#waiting[stage]!.clear()
    await this.#bring(stage === chunkStage ? 'chunk' : stage === manifestStage ? 'manifest' : 'list', ids)
    if (stage === chunkStage) return
    const { objects } = this.#repo
    for (const id of ids) {
      const node = stage === manifestStage ? decodeListRoot(decodeManifest(await objects.read('manifest', id)).root) : await readBelow(objects, id, stage - 1)
      // The stage of a node of level n is n + 1, so that what a node of level n names has the stage n.
      for (let i = 0; i < node.rows; i++) await this.add(node.level, listRowId(node, i))
    }
  }

  async #bring(kind: ObjectKind, ids: readonly Id[]): Promise<void> {
    const { objects, env, content } = this.#repo
    env.signal?.throwIfAborted()
    const missing = await missingOf(objects, ids)
    if (missing.length === 0) return
    const source = await content.open()
    if (!source) throw contentUnavailable('of some files', 'run the command where the remote can be reached')
    await source.bring(missing.map((id) => ({ kind, id })), { signal: env.signal, onBytes: this.#options.onBytes })
    await objects.packs.refresh()
    const [first] = await missingOf(objects, missing)
    if (first) throw contentUnavailable(`of some files (${kind} '${first}')`, 'the remote does not have it, either')
    this.brought += missing.length
  }
}

async function missingOf(objects: PackedObjects, ids: readonly Id[]): Promise<Id[]> {
  const missing: Id[] = []
  for (const id of ids) if (!(await isHere(objects, id))) missing.push(id)
  return missing
}
