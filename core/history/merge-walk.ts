import { joinPath, rootPath, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { diffDirectory, type EntryChange } from '../objects/tree-diff.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { walkTree } from '../objects/tree-walk.ts'
import { WalkLimit } from '../objects/walk-limit.ts'
import type { PathEntry } from './renames.ts'
import { TreeEdits } from './tree-edits.ts'

export type Side = 'ours' | 'theirs'

/** One path in three versions; a missing one is a path that does not exist there. */
export interface Versions {
  base?: TreeEntry | undefined
  ours?: TreeEntry | undefined
  theirs?: TreeEntry | undefined
}

/** A file or symlink that both sides changed, in whatever way; no version of it is a directory. */
export interface Dispute extends Versions {
  path: BytePath
  /** Where one side has a directory instead: that side, and the directory. */
  folder?: { side: Side; entry: TreeEntry }
}

/** What one side no longer has, as far as the other side did something there. */
export interface Gone {
  files: PathEntry[]
  folders: Set<BytePath>
}

/** What a merge knows after looking at every name that differs, before it looks for renames. */
export interface MergeWalk {
  /** To be applied to ours. */
  edits: TreeEdits
  disputes: Dispute[]
  /** Paths where one side has a directory and the other a file, and no reading of it gives room to both. */
  clashes: (Versions & { path: BytePath })[]
  gone: Record<Side, Gone>
  /** What each side added in a directory that the other side no longer has. */
  strays: Record<Side, PathEntry[]>
}

/**
 * Walks three root trees at once. Of a directory that only one side changed,
 * that side's is taken without a look inside, so the cost grows with what both
 * sides changed. What is settled becomes an edit of ours; the rest is handed
 * on.
 */
export async function walkThree(
  reader: ObjectReader,
  trees: { base: Id | undefined; ours: Id; theirs: Id },
  signal: AbortSignal | undefined,
): Promise<MergeWalk> {
  const walk: MergeWalk = {
    edits: new TreeEdits(),
    disputes: [],
    clashes: [],
    gone: { ours: { files: [], folders: new Set() }, theirs: { files: [], folders: new Set() } },
    strays: { ours: [], theirs: [] },
  }
  await visitFolder({ reader, signal, walk, limit: new WalkLimit() }, rootPath, trees)
  return walk
}

interface Visit {
  reader: ObjectReader
  signal: AbortSignal | undefined
  walk: MergeWalk
  limit: WalkLimit
}

type FolderIds = Partial<Record<keyof Versions, Id | undefined>>

async function visitFolder(visit: Visit, path: BytePath, ids: FolderIds): Promise<void> {
  visit.limit.count(path, visit.limit.enter(`${ids.base} ${ids.ours} ${ids.theirs}`, false))
  for await (const change of changesOfBoth(visit.reader, ids)) {
    visit.signal?.throwIfAborted()
    const below = joinPath(path, change.name)
    const { base, ours, theirs } = change
    if (!change.changed.theirs) await takeOne(visit, 'ours', below, change, ids)
    else if (!change.changed.ours) await takeOne(visit, 'theirs', below, change, ids)
    else if (!sameThing(ours, theirs)) await decide(visit, below, { base, ours, theirs })
    else if (!ours) await gatherGone(visit, ['ours', 'theirs'], below, base)
  }
}

interface NamedVersions extends Versions {
  name: BytePath
  changed: Record<Side, boolean>
}

/** Joins what each side changed in one directory by name. */
async function* changesOfBoth(reader: ObjectReader, ids: FolderIds): AsyncIterable<NamedVersions> {
  const ours = new ChangeStream(reader, ids.base, ids.ours)
  const theirs = new ChangeStream(reader, ids.base, ids.theirs)
  for (;;) {
    const a = await ours.peek()
    const b = await theirs.peek()
    if (!a && !b) return
    const atOurs = a !== undefined && (!b || a.name <= b.name) ? ours.take() : undefined
    const atTheirs = b !== undefined && (!a || b.name <= a.name) ? theirs.take() : undefined
    const name = (atOurs ?? atTheirs)!.name
    const base = (atOurs ?? atTheirs)!.before
    const versions = { base, ours: atOurs ? atOurs.after : base, theirs: atTheirs ? atTheirs.after : base }
    yield { name, ...versions, changed: whoChanged(versions, atTheirs !== undefined) }
  }
}

/** A recorded time alone is no change where the other side did more; where nobody did more, theirs counts if it is new. */
function whoChanged({ base, ours, theirs }: Versions, theirsTouched: boolean): Record<Side, boolean> {
  const changed = { ours: !sameThing(base, ours), theirs: !sameThing(base, theirs) }
  return changed.ours || changed.theirs ? changed : { ours: !theirsTouched, theirs: theirsTouched }
}

class ChangeStream {
  readonly #batches: AsyncIterator<EntryChange[]>
  #batch: EntryChange[] = []
  #next = 0

  constructor(reader: ObjectReader, before: Id | undefined, after: Id | undefined) {
    const side = (id: Id | undefined): { id: Id } | undefined => (id === undefined ? undefined : { id })
    this.#batches = (before === after ? nothing() : diffDirectory(reader, side(before), side(after)))[Symbol.asyncIterator]()
  }

  async peek(): Promise<EntryChange | undefined> {
    while (this.#next === this.#batch.length) {
      const { done, value } = await this.#batches.next()
      if (done) return undefined
      this.#batch = value
      this.#next = 0
    }
    return this.#batch[this.#next]
  }

  take(): EntryChange {
    return this.#batch[this.#next++]!
  }
}

async function* nothing(): AsyncIterable<EntryChange[]> {}

/** Takes what the one side that changed a name made of it. */
async function takeOne(visit: Visit, side: Side, path: BytePath, versions: Versions, ids: FolderIds): Promise<void> {
  const { base } = versions
  const entry = versions[side]
  const other = side === 'ours' ? 'theirs' : 'ours'
  const isStray = ids[other] === undefined && ids.base !== undefined && entry !== undefined
  if (isStray) visit.walk.strays[side].push({ path, entry })
  else if (side === 'theirs') visit.walk.edits.set(path, entry)
  // Where a directory is gone on this side only, all of it matters: its files may show where it was moved.
  if (ids[side] === undefined) await gatherGone(visit, [side], path, base)
}

/** Settles a path that the sides changed differently, as far as that can be done without knowing of renames. */
async function decide(visit: Visit, path: BytePath, { base, ours, theirs }: Versions): Promise<void> {
  const folders = { base: folderOf(base), ours: folderOf(ours), theirs: folderOf(theirs) }
  const file = { base: fileOf(base), ours: fileOf(ours), theirs: fileOf(theirs) }
  if (folders.ours && folders.theirs) {
    noteDispute(visit.walk, { path, base: file.base })
    await visitFolder(visit, path, { base: folders.base?.id, ours: folders.ours.id, theirs: folders.theirs.id })
  } else if (folders.ours || folders.theirs) {
    await decideHalfFolder(visit, path, { folders, file })
  } else {
    if (folders.base) await gatherGone(visit, ['ours', 'theirs'], path, folders.base)
    noteDispute(visit.walk, { path, ...file })
  }
}

/** One side has a directory; the other a file or nothing. */
async function decideHalfFolder(
  visit: Visit,
  path: BytePath,
  { folders, file }: { folders: Versions; file: Versions },
): Promise<void> {
  const side = folders.ours ? 'ours' : 'theirs'
  const other = side === 'ours' ? 'theirs' : 'ours'
  const entry = folders[side]!
  const { walk } = visit
  if (!file[other] && folders.base) {
    walk.gone[other].folders.add(path)
    if (other === 'theirs') walk.edits.pruneIfEmpty(path)
    await visitFolder(visit, path, { base: folders.base.id, [side]: entry.id })
  } else if (!file[other]) {
    if (side === 'theirs') walk.edits.set(path, entry)
    noteDispute(walk, { path, base: file.base })
  } else if (file.base) {
    noteDispute(walk, { path, ...file, folder: { side, entry } })
  } else {
    const ours = folders.ours ?? file.ours
    const theirs = folders.theirs ?? file.theirs
    walk.clashes.push({ path, base: folders.base, ours, theirs })
  }
}

/** Notes a dispute, and on whose side the file is gone. */
function noteDispute(walk: MergeWalk, dispute: Dispute): void {
  const { path, base, ours, theirs } = dispute
  if (!base && !ours && !theirs) return
  walk.disputes.push(dispute)
  if (base && !ours) walk.gone.ours.files.push({ path, entry: base })
  if (base && !theirs) walk.gone.theirs.files.push({ path, entry: base })
}

/** Notes that `entry` of the base, with all below it, is gone on these sides. */
async function gatherGone(visit: Visit, sides: Side[], path: BytePath, entry: TreeEntry | undefined): Promise<void> {
  if (!entry) return
  const note = (found: PathEntry): void => {
    for (const side of sides) {
      if (found.entry.kind === 'directory') visit.walk.gone[side].folders.add(found.path)
      else visit.walk.gone[side].files.push(found)
    }
    if (sides.length === 2 && found.entry.kind !== 'directory') {
      visit.walk.disputes.push({ path: found.path, base: found.entry })
    }
  }
  note({ path, entry })
  if (entry.kind !== 'directory') return
  for await (const found of walkTree(visit.reader, entry.id, path)) note(found)
}

function folderOf(entry: TreeEntry | undefined): TreeEntry | undefined {
  return entry?.kind === 'directory' ? entry : undefined
}

function fileOf(entry: TreeEntry | undefined): TreeEntry | undefined {
  return entry?.kind === 'directory' ? undefined : entry
}

/** Whether two versions have the same kind and content, whatever times are recorded. */
export function sameThing(a: TreeEntry | undefined, b: TreeEntry | undefined): boolean {
  return a?.id === b?.id && a?.kind === b?.kind
}
