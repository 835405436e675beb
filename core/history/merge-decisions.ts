import { parentPath, rootPath, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { walkTree } from '../objects/tree-walk.ts'
import { entryAtPath } from '../objects/tree.ts'
import type { FolderRenames } from './folder-renames.ts'
import { mergeFile, type ContentMerger } from './merge-file.ts'
import { sameThing, type Dispute, type MergeWalk, type Side } from './merge-walk.ts'
import type { PathEntry, Rename } from './renames.ts'

export type ConflictReason =
  /** Both sides changed the content, or what kind of thing it is. */
  | 'both-changed'
  /** Both sides added a different file at this path. */
  | 'both-added'
  /** We deleted what they changed or moved. */
  | 'deleted-by-us'
  /** They deleted what we changed or moved. */
  | 'deleted-by-them'
  /** A file on one side, a directory on the other. */
  | 'file-directory'
  /** Both sides moved the file, to different paths. */
  | 'renamed-twice'

/** One place where a person has to decide. Each version says at which path it stood. */
export interface Conflict {
  /** Where the merged tree has our version, or would have it. */
  path: BytePath
  reason: ConflictReason
  base?: PathEntry
  ours?: PathEntry
  theirs?: PathEntry
}

/** What is known when a merge decides about the paths that both sides changed. */
export interface MergeKnowledge {
  reader: ObjectReader
  base: Id | undefined
  ours: Id
  theirs: Id
  walk: MergeWalk
  renames: Record<Side, Rename[]>
  folders: Record<Side, FolderRenames>
  mergeContent?: ContentMerger | undefined
  onConflict?: 'ours' | 'base' | undefined
}

/**
 * Decides about every path that the walk could not settle, now that renames
 * are known, by adding to the edits of ours and to the list of conflicts. "We"
 * are ours, "they" theirs; `moved` is where a side has a file of the base now.
 */
export class MergeDecisions {
  readonly #conflicts = new Map<BytePath, Conflict>()
  /** Directories that a side moved something to that did not stay there. */
  readonly #vacated = new Set<BytePath>()
  readonly #known: MergeKnowledge
  readonly #moved: Record<Side, Map<BytePath, PathEntry>>
  /** The path of the base for what a side has at a new path. */
  readonly #origins: Record<Side, Map<BytePath, PathEntry>>

  constructor(known: MergeKnowledge) {
    this.#known = known
    const { ours, theirs } = known.renames
    this.#moved = { ours: targetsOf(ours), theirs: targetsOf(theirs) }
    this.#origins = { ours: originsOf(ours), theirs: originsOf(theirs) }
  }

  /** One for each path. */
  get conflicts(): Conflict[] {
    return [...this.#conflicts.values()]
  }

  /** Goes through everything that was left open. Strays first: a file that was also edited overrides them. */
  async decideAll(): Promise<void> {
    const { strays, clashes, disputes } = this.#known.walk
    for (const { path, base, ours, theirs } of clashes) {
      this.#conflict('file-directory', path, { base: at(path, base), ours: at(path, ours), theirs: at(path, theirs) })
    }
    for (const stray of strays.ours) await this.#decideStray('ours', stray)
    for (const stray of strays.theirs) await this.#decideStray('theirs', stray)
    for (const dispute of disputes) await this.#decideDispute(dispute)
    for (const folder of this.#vacated) await this.#pruneNew(folder)
  }

  /** Directories that were made for what did not stay there go away, if nothing else is in them. */
  async #pruneNew(folder: BytePath): Promise<void> {
    const { base, reader, walk } = this.#known
    for (let at = folder; at !== rootPath; at = parentPath(at)) {
      if (base !== undefined && (await entryAtPath(reader, base, at))) return
      walk.edits.pruneIfEmpty(at)
    }
  }

  /** What one side added in a directory that the other side moved follows it; in one that was deleted, it stays. */
  async #decideStray(side: Side, { path, entry }: PathEntry): Promise<void> {
    const other = side === 'ours' ? 'theirs' : 'ours'
    const { edits } = this.#known.walk
    if (this.#known.folders[other].follow(path) === undefined) {
      if (side === 'theirs') edits.set(path, entry)
      return
    }
    if (side === 'ours') edits.set(path, undefined)
    if (entry.kind !== 'directory') return this.#moveStray(side, { path, entry })
    let isEmpty = true
    for await (const below of walkTree(this.#known.reader, entry.id, path)) {
      isEmpty = false
      if (below.entry.kind !== 'directory' || below.entry.size === 0) await this.#moveStray(side, below)
    }
    if (isEmpty) await this.#moveStray(side, { path, entry })
  }

  async #moveStray(side: Side, stray: PathEntry): Promise<void> {
    const target = this.#followed(side, stray.path)
    const present = (await this.#entryOf('ours', target)) ?? (await this.#entryOf('theirs', target))
    if (!present) return this.#known.walk.edits.set(target, stray.entry)
    if (sameThing(present, stray.entry)) return
    if (present.kind === 'directory' && stray.entry.kind === 'directory') return
    const there = { path: target, entry: present }
    const reason = present.kind === 'directory' || stray.entry.kind === 'directory' ? 'file-directory' : 'both-added'
    if (side === 'theirs') return this.#conflict(reason, target, { ours: there, theirs: stray })
    this.#known.walk.edits.set(stray.path, stray.entry)
    this.#conflict(reason, stray.path, { ours: stray, theirs: there })
  }

  async #decideDispute(dispute: Dispute): Promise<void> {
    const { path, base, ours, theirs } = dispute
    if (base && !ours && !theirs) return this.#decideGone(path, base)
    if (base && !ours && theirs) return this.#decideDeletedByUs(dispute, base, theirs)
    if (base && ours && !theirs) return this.#decideDeletedByThem(dispute, base, ours)
    if (ours && theirs) return this.#decideBoth(path, base, ours, theirs)
    if (theirs) this.#known.walk.edits.set(path, theirs)
  }

  /** A file of the base that neither side has at its path any more. */
  async #decideGone(path: BytePath, entry: TreeEntry): Promise<void> {
    const base = { path, entry }
    const ours = this.#moved.ours.get(path)
    const theirs = this.#moved.theirs.get(path)
    if (ours && theirs) await this.#decideMovedByBoth(base, ours, theirs)
    else if (ours && this.#wentWithFolder('ours', base, ours)) this.#remove('ours', ours.path)
    else if (ours) this.#conflict('deleted-by-them', ours.path, { base, ours })
    else if (theirs && this.#wentWithFolder('theirs', base, theirs)) this.#remove('theirs', theirs.path)
    else if (theirs) {
      this.#remove('theirs', theirs.path)
      this.#conflict('deleted-by-us', theirs.path, { base, theirs })
    }
  }

  /** A file that a side did nothing to but move its whole directory: the other side's deletion holds. */
  #wentWithFolder(side: Side, base: PathEntry, moved: PathEntry): boolean {
    return sameThing(base.entry, moved.entry) && this.#known.folders[side].follow(base.path) === moved.path
  }

  async #decideMovedByBoth(base: PathEntry, ours: PathEntry, theirs: PathEntry): Promise<void> {
    // The same new path: the dispute about that path merges the content.
    if (ours.path === theirs.path) return
    const target = this.#jointTarget(base, ours, theirs)
    if (target !== undefined && !(await this.#isOccupied(target, ours, theirs))) {
      this.#remove('ours', ours.path)
      this.#remove('theirs', theirs.path)
      return this.#mergeAt(target, { base, ours, theirs })
    }
    this.#remove('theirs', theirs.path)
    this.#conflict('renamed-twice', ours.path, { base, ours, theirs })
  }

  /**
   * Where one side moved the file's directory, and the other moved the file (or
   * a directory between): the file's new path, in the moved directory.
   */
  #jointTarget(base: PathEntry, ours: PathEntry, theirs: PathEntry): BytePath | undefined {
    const { folders } = this.#known
    const weMovedFolder = folders.ours.follow(base.path) === ours.path
    const theyMovedFolder = folders.theirs.follow(base.path) === theirs.path
    const theirTarget = this.#followed('theirs', theirs.path)
    const ourTarget = this.#followed('ours', ours.path)
    const isTheirs = weMovedFolder && (!theyMovedFolder || theirTarget !== theirs.path)
    const isOurs = theyMovedFolder && (!weMovedFolder || ourTarget !== ours.path)
    if (isTheirs && isOurs && theirTarget !== ourTarget) return undefined
    return isTheirs ? theirTarget : isOurs ? ourTarget : undefined
  }

  /** Whether a side has something else than its version of the file at a path. */
  async #isOccupied(path: BytePath, ours: PathEntry, theirs: PathEntry): Promise<boolean> {
    if (path !== ours.path && (await this.#entryOf('ours', path))) return true
    return path !== theirs.path && (await this.#entryOf('theirs', path)) !== undefined
  }

  async #decideDeletedByUs({ path, folder }: Dispute, entry: TreeEntry, theirEntry: TreeEntry): Promise<void> {
    const base = { path, entry }
    const theirs = { path, entry: theirEntry }
    const ours = this.#moved.ours.get(path)
    if (!ours) {
      if (folder) this.#conflict('file-directory', path, { base, ours: at(path, folder.entry), theirs })
      else this.#conflict('deleted-by-us', path, { base, theirs })
      return
    }
    const target = this.#followed('ours', ours.path)
    // Where they have another file at our new path, the dispute about that path reports it; here is the edit that found no place.
    const occupied = (await this.#entryOf('theirs', ours.path)) ?? (await this.#entryOf('theirs', target))
    if (occupied) return this.#conflict('both-changed', ours.path, { base, ours, theirs })
    if (target !== ours.path) this.#remove('ours', ours.path)
    await this.#mergeAt(target, { base, ours, theirs })
  }

  async #decideDeletedByThem({ path, folder }: Dispute, entry: TreeEntry, ourEntry: TreeEntry): Promise<void> {
    const base = { path, entry }
    const ours = { path, entry: ourEntry }
    const theirs = this.#moved.theirs.get(path)
    const target = theirs && this.#followed('theirs', theirs.path)
    const isFree = target !== undefined && !(await this.#entryOf('ours', target)) && !(await this.#entryOf('ours', theirs!.path))
    if (!theirs || !isFree) {
      if (folder) this.#conflict('file-directory', path, { base, ours, theirs: at(path, folder.entry) })
      else this.#conflict('deleted-by-them', path, { base, ours })
      return
    }
    this.#known.walk.edits.set(path, folder?.entry)
    if (target !== theirs.path) this.#remove('theirs', theirs.path)
    await this.#mergeAt(target, { base, ours, theirs })
  }

  async #decideBoth(path: BytePath, base: TreeEntry | undefined, ours: TreeEntry, theirs: TreeEntry): Promise<void> {
    const origin = base ? { path, entry: base } : this.#sharedOrigin(path)
    await this.#mergeAt(path, { base: origin, ours: { path, entry: ours }, theirs: { path, entry: theirs } })
  }

  /** The file of the base that both sides moved to this path. */
  #sharedOrigin(path: BytePath): PathEntry | undefined {
    const ours = this.#origins.ours.get(path)
    return ours && ours.path === this.#origins.theirs.get(path)?.path ? ours : undefined
  }

  /** Merges a file's content and puts it at `target`; where that fails, ours is there and the conflict is noted. */
  async #mergeAt(target: BytePath, versions: MovedVersions): Promise<void> {
    const { base, ours, theirs } = versions
    const entries = { base: base?.entry, ours: ours.entry, theirs: theirs.entry }
    const merged = await mergeFile(target, entries, this.#known.mergeContent)
    this.#known.walk.edits.set(target, merged ?? ours.entry)
    if (!merged) this.#conflict(base ? 'both-changed' : 'both-added', target, versions)
  }

  /** Where what a side has at `path` belongs, after the directories that the other side moved. */
  #followed(side: Side, path: BytePath): BytePath {
    return this.#known.folders[side === 'ours' ? 'theirs' : 'ours'].follow(path) ?? path
  }

  /** Takes what a side moved out of the merged tree, wherever it was put. */
  #remove(side: Side, path: BytePath): void {
    for (const place of new Set([path, this.#followed(side, path)])) {
      this.#known.walk.edits.set(place, undefined)
      this.#vacated.add(parentPath(place))
    }
  }

  async #entryOf(side: Side, path: BytePath): Promise<TreeEntry | undefined> {
    return entryAtPath(this.#known.reader, this.#known[side], path)
  }

  #conflict(reason: ConflictReason, path: BytePath, versions: Partial<Record<'base' | Side, PathEntry | undefined>>): void {
    const { base, ours, theirs } = versions
    const known = this.#conflicts.get(path)
    // Of two conflicts at one path, the one that shows both sides says more.
    if (!known || (!(known.ours && known.theirs) && ours && theirs)) {
      const baseFile = base?.entry.kind === 'directory' ? undefined : base
      const shown = { ...(baseFile && { base: baseFile }), ...(ours && { ours }), ...(theirs && { theirs }) }
      this.#conflicts.set(path, { path, reason, ...shown })
    }
    if (this.#known.onConflict === 'base') this.#restoreBase([path, ours?.path, theirs?.path], base)
  }

  #restoreBase(places: (BytePath | undefined)[], base: PathEntry | undefined): void {
    for (const place of places) if (place !== undefined) this.#known.walk.edits.set(place, undefined)
    if (base) this.#known.walk.edits.set(base.path, base.entry)
  }
}

interface MovedVersions {
  base: PathEntry | undefined
  ours: PathEntry
  theirs: PathEntry
}

function at(path: BytePath, entry: TreeEntry | undefined): PathEntry | undefined {
  return entry && { path, entry }
}

function targetsOf(renames: Rename[]): Map<BytePath, PathEntry> {
  return new Map(renames.map(({ from, to }) => [from.path, to]))
}

function originsOf(renames: Rename[]): Map<BytePath, PathEntry> {
  return new Map(renames.map(({ from, to }) => [to.path, from]))
}
