import type { BytePath } from '../bytes.ts'
import type { Commit } from '../objects/commit.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { diffTrees } from '../objects/tree-walk.ts'
import { entryAtPath } from '../objects/tree.ts'
import { Heap } from './heap.ts'
import { IdTable } from './id-table.ts'
import { sameThing } from './merge-walk.ts'
import { readCommit } from './paint.ts'
import { findRenames, type PathEntry } from './renames.ts'
import { reachedOnlyBy } from './walk.ts'

export interface LogOptions {
  /** Where the file was added by a commit that took it away elsewhere, go on with its old path. */
  follow?: boolean | undefined
  /** Leaves out everything reachable from these commits. */
  exclude?: readonly Id[] | undefined
  signal?: AbortSignal | undefined
}

/** A commit that touched a path. */
export interface LoggedCommit {
  id: Id
  commit: Commit
  /** The path in this commit. */
  path: BytePath
  /** Where the file was before, if this commit moved it. */
  from?: BytePath
  /** What the commit has at the path; missing where the commit deleted it. */
  entry?: TreeEntry
}

/** Deleted files of one commit among which the old path of a file is looked for. */
const deletedFilesMax = 1_000_000

/**
 * The commits that touched a file or a directory, of those that `starts`
 * reach, newest first. A merge that took the path as one of its parents had it
 * is passed over, and only that parent followed, so that a side branch whose
 * work was discarded does not show. With `follow`, the history of a file goes
 * on under the name that it had before a commit moved it.
 */
export async function* logPath(
  reader: ObjectReader,
  starts: readonly Id[],
  path: BytePath,
  options: LogOptions = {},
): AsyncIterable<LoggedCommit> {
  const isWanted = await reachedOnlyBy(reader, starts, options.exclude ?? [], options)
  const queue = new LogQueue(reader)
  for (const start of starts) if (isWanted(start)) await queue.push(start, path)
  for (let item = queue.pop(); item; item = queue.pop()) {
    options.signal?.throwIfAborted()
    const { id, commit, entry } = item
    const parents = await Promise.all(commit.parents.map((parent) => queue.look(parent, item.path)))
    const same = parents.find((parent) => sameThing(parent.entry, entry))
    if (same) {
      if (isWanted(same.id)) queue.pushItem(same)
      continue
    }
    if (parents.length === 0 && !entry) continue
    const isNew = options.follow === true && entry !== undefined && parents.every((parent) => !parent.entry)
    let from: BytePath | undefined
    for (const parent of parents) {
      const old = isNew ? await oldPath(reader, parent.commit, commit, { path: item.path, entry }, options) : undefined
      from ??= old
      if (isWanted(parent.id)) await queue.push(parent.id, old ?? item.path)
    }
    yield { id, commit, path: item.path, ...(from !== undefined && { from }), ...(entry && { entry }) }
  }
}

interface LogItem {
  id: Id
  commit: Commit
  path: BytePath
  entry: TreeEntry | undefined
}

/** The commits that wait, newest first; each enters once for each path that the file had. */
class LogQueue {
  readonly #seen = new Map<BytePath, IdTable>()
  readonly #heap = new Heap<LogItem & { order: number }>((a, b) => {
    const [timeA, timeB] = [a.commit.committer.timeMs, b.commit.committer.timeMs]
    return timeA === timeB ? a.order < b.order : timeA > timeB
  })
  readonly #reader: ObjectReader
  #order = 0

  constructor(reader: ObjectReader) {
    this.#reader = reader
  }

  async look(id: Id, path: BytePath): Promise<LogItem> {
    const commit = await readCommit(this.#reader, id)
    return { id, commit, path, entry: await entryAtPath(this.#reader, commit.tree, path) }
  }

  async push(id: Id, path: BytePath): Promise<void> {
    this.pushItem(await this.look(id, path))
  }

  pushItem(item: LogItem): void {
    const seen = this.#seen.get(item.path) ?? new IdTable()
    this.#seen.set(item.path, seen)
    const known = seen.size
    if (seen.add(item.id) === known) this.#heap.push({ ...item, order: this.#order++ })
  }

  pop(): LogItem | undefined {
    return this.#heap.pop()
  }
}

/** Where a file that a commit added was in its parent; `undefined` where it is new. */
async function oldPath(
  reader: ObjectReader,
  parent: Commit,
  commit: Commit,
  added: PathEntry,
  options: LogOptions,
): Promise<BytePath | undefined> {
  if (added.entry.kind === 'directory') return undefined
  const deleted: PathEntry[] = []
  for await (const { path, before, after } of diffTrees(reader, parent.tree, commit.tree)) {
    if (before && !after && before.kind !== 'directory' && deleted.length < deletedFilesMax) deleted.push({ path, entry: before })
  }
  const [rename] = await findRenames(reader, deleted, [added], options)
  return rename?.from.path
}
