import type { Stats } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { pathFromText, type BytePath } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import type { EntryKind } from '../objects/tree-entry.ts'
import { hasExecutableBit, hashOnDisk, holdsOnlyZeros, isFileKind, sameKind } from './content-hash.ts'
import { fileStatOf, kindOfMode, type FileStat } from './file-stat.ts'
import type { IgnoreRules } from './ignore.ts'
import type { Index } from './index-file.ts'
import { Scan, type FoundKind, type ScanVisitor } from './scan.ts'

/**
 * One difference between the working tree and the index.
 * - `untracked`: at no entry's place. `kind` is what it is; a `directory` is an
 *   empty folder, or with `untracked: 'folders'` one that is untracked whole.
 * - `modified`: the content, or whether the file is executable, differs.
 * - `type-changed`: a file where a symlink was, or the other way round.
 * - `deleted`: nothing is there, or something that is no version of the entry
 *   and is reported by itself (a folder in place of a file).
 * - `maybe`: the content has to be compared to know (only with `hash: false`).
 * - `touched`: the stat data differs, the content is the same (only with
 *   `touched: true`, for a StatPatch).
 * - `skipped`: cannot be tracked: `kind` says why. Worth a warning.
 *
 * A ghost, whose content is not there, is no modification as long as it has its
 * size and holds only zeros, whatever its stat data says: it is `touched`.
 */
export interface WorkChange {
  path: BytePath
  change: 'untracked' | 'modified' | 'type-changed' | 'deleted' | 'maybe' | 'touched' | 'skipped'
  kind?: FoundKind
  /** What lstat says now; absent where there is nothing. */
  stat?: FileStat
  /** For `touched`: the file is a ghost. For the others: it was one, and somebody wrote into it or replaced it. */
  isGhost?: boolean
  /** The number of the entry in the index, for all but `untracked` and `skipped`. */
  entry?: number
}

export interface CompareOptions {
  /** See ScanOptions. */
  rules: IgnoreRules | undefined
  under?: BytePath
  /** Default: `folders`. */
  untracked?: 'all' | 'folders' | 'none'
  /** Settle every `maybe` by hashing the content; default: true. */
  hash?: boolean
  /** Files may be ghosts: the repository is partial; default: only where the index says so. */
  ghosts?: boolean
  /** Report `touched`; default: false. */
  touched?: boolean
  /** Compare size and modification time only, for file systems without steady inode numbers and change times. */
  timeOnly?: boolean
  /** Whether files say if they are executable; the default is what the system has. */
  hasExecutableBit?: boolean
  signal?: AbortSignal
}

/**
 * Compares a working tree, in the folder `root`, with an index, and yields the
 * differences in path order, in batches. Unchanged files cost an lstat each and
 * no memory. Throws `rules-too-large`, and what the system throws except for
 * missing permissions.
 */
export async function* compareWorktree(
  root: string,
  index: Index,
  options: CompareOptions,
): AsyncGenerator<WorkChange[], void, undefined> {
  const { rules, under, untracked = 'folders', hash = true, touched = false, signal } = options
  const comparison = new Comparison(index, options)
  const scan = new Scan({ root, rules, under, index, untracked }, comparison)
  const rootBytes = pathFromText(root)
  let steps = 0
  for (let more = true; more; ) {
    signal?.throwIfAborted()
    more = scan.step()
    if (++steps % stepsPerTurn === 0) await setImmediate()
    if (comparison.changes.length < batchChanges && more) continue
    const batch = await settle(rootBytes, index, comparison.take(), { hash, signal })
    const shown = touched ? batch : batch.filter(({ change }) => change !== 'touched')
    if (shown.length > 0) yield shown
  }
}

/** Something in a working tree that can be tracked; `directory` is an empty folder. */
export interface ScannedItem {
  path: BytePath
  kind: EntryKind
  stat: FileStat
}

/**
 * Everything in a working tree that can be tracked, in path order, in batches;
 * what cannot is handed to `skipped`. Throws as compareWorktree does.
 */
export async function* scanWorktree(
  root: string,
  options: {
    rules: IgnoreRules | undefined
    under?: BytePath
    signal?: AbortSignal
    skipped?: (path: BytePath, kind: FoundKind) => void
  },
): AsyncGenerator<ScannedItem[], void, undefined> {
  let items: ScannedItem[] = []
  const visitor: ScanVisitor = {
    present: () => {},
    missing: () => {},
    untracked(path, kind, stats) {
      if (stats && isTrackable(kind)) items.push({ path, kind, stat: fileStatOf(stats) })
      else options.skipped?.(path, kind)
    },
  }
  const scan = new Scan({ root, rules: options.rules, under: options.under, untracked: 'all' }, visitor)
  for (let more = true; more; ) {
    options.signal?.throwIfAborted()
    more = scan.step()
    if (items.length === 0 || (more && items.length < batchChanges)) continue
    yield items
    items = []
  }
}

/** Sorts what the scan finds into changes. */
class Comparison implements ScanVisitor {
  changes: WorkChange[] = []
  readonly #index: Index
  readonly #timeOnly: boolean
  readonly #hasExecutableBit: boolean
  readonly #ghosts: boolean

  constructor(index: Index, options: CompareOptions) {
    this.#index = index
    this.#timeOnly = options.timeOnly ?? false
    this.#hasExecutableBit = options.hasExecutableBit ?? hasExecutableBit
    this.#ghosts = options.ghosts ?? index.hasGhosts
  }

  take(): WorkChange[] {
    const { changes } = this
    this.changes = []
    return changes
  }

  present(i: number, folder: string, name: string, stats: Stats): void {
    const kind = kindOfMode(stats.mode)
    const recorded = this.#index.kindAt(i)
    if (kind === 'directory') return
    const isSameKind = sameKind(kind, recorded, this.#hasExecutableBit)
    if (isSameKind && this.#index.isUnchanged(i, stats, this.#timeOnly)) return
    const path = (folder + name) as BytePath
    const change = isSameKind ? this.#changeOfContent(i, kind, stats) : changeOfKind(kind, recorded)
    const isGhost = this.#ghosts && isFileKind(kind) && this.#mayBeGhost(i, stats)
    this.changes.push({ path, change, kind, stat: fileStatOf(stats), entry: i, ...(isGhost && { isGhost }) })
  }

  /** Where it was recorded as one, or takes no space although it has its size. */
  #mayBeGhost(i: number, stats: Stats): boolean {
    if (this.#index.isGhostAt(i)) return true
    return stats.blocks === 0 && stats.size > 0 && stats.size === this.#index.sizeAt(i) && isFileKind(this.#index.kindAt(i))
  }

  missing(i: number): void {
    this.changes.push({ path: this.#index.pathAt(i), change: 'deleted', entry: i })
  }

  untracked(path: BytePath, kind: FoundKind, stats: Stats | undefined): void {
    const change: WorkChange = { path, change: isTrackable(kind) ? 'untracked' : 'skipped', kind }
    if (stats) change.stat = fileStatOf(stats)
    this.changes.push(change)
  }

  /** The size of a symlink is not the same thing on all systems. */
  #changeOfContent(i: number, kind: FoundKind, stats: Stats): 'modified' | 'maybe' {
    return kind !== 'symlink' && stats.size !== this.#index.sizeAt(i) ? 'modified' : 'maybe'
  }
}

function changeOfKind(kind: string, recorded: string): 'modified' | 'type-changed' {
  return isFileKind(kind) && isFileKind(recorded) ? 'modified' : 'type-changed'
}

function isTrackable(kind: FoundKind): kind is EntryKind {
  return isFileKind(kind) || kind === 'symlink' || kind === 'directory'
}

interface SettleOptions {
  hash: boolean
  signal: AbortSignal | undefined
}

/** Replaces each `maybe` by what the content says; and always what may be a ghost, or was one, by what it is now. */
async function settle(root: BytePath, index: Index, changes: readonly WorkChange[], { hash, signal }: SettleOptions): Promise<WorkChange[]> {
  const settled: WorkChange[] = []
  for (const change of changes) {
    signal?.throwIfAborted()
    if (change.isGhost) settled.push(await settleGhost(root, index, change, { hash, signal }))
    else settled.push(change.change === 'maybe' && hash ? await settleOne(root, index, change, signal) : change)
  }
  return settled
}

/** A file that was recorded as a ghost, or that looks like one. */
async function settleGhost(root: BytePath, index: Index, change: WorkChange, options: SettleOptions): Promise<WorkChange> {
  const i = change.entry ?? 0
  const { isGhost, ...plain } = change
  if (change.stat?.size === index.sizeAt(i) && (await holdsOnlyZeros(root, change.path, options.signal))) return { ...change, change: 'touched' }
  const wasGhost = index.isGhostAt(i)
  if (change.change !== 'maybe' || !(options.hash || wasGhost)) return wasGhost ? change : plain
  const settled = await settleOne(root, index, plain, options.signal)
  return settled.change === 'touched' ? { ...settled, isGhost: false } : { ...settled, ...(wasGhost && { isGhost: true }) }
}

/** A file that may not be read, or that is being written at this moment, counts as modified: `add` will have to say. */
async function settleOne(
  root: BytePath,
  index: Index,
  change: WorkChange,
  signal: AbortSignal | undefined,
): Promise<WorkChange> {
  try {
    const content = await hashOnDisk(root, change.path, signal)
    const isSame = content !== undefined && content.hash === index.hashAt(change.entry ?? 0)
    return isSame ? { ...change, change: 'touched', stat: content.stat } : { ...change, change: 'modified' }
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error
    return { ...change, change: 'modified' }
  }
}

const batchChanges = 512
/** About 10 ms of looking at files between two turns of others. */
const stepsPerTurn = 64
