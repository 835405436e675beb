import { baseName, comparePaths, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { readPieces, similarity, sketchOf, type Pieces } from './pieces.ts'

/** An entry with the path that it stands at. */
export interface PathEntry {
  path: BytePath
  entry: TreeEntry
}

export interface Rename {
  from: PathEntry
  to: PathEntry
  /** The share of bytes in common, of the larger file; 1 where the content is the same. */
  similarity: number
}

/** The least share of bytes in common for which two files count as one that was moved and edited. */
const similarityMin = 0.5
/** Files on each side that are compared by their pieces. */
const comparedFilesMax = 2000
/** Pieces that are read for all comparisons together. */
const comparedPiecesMax = 4_000_000
/** A piece in more deleted files than this tells nothing. */
const filesPerPieceMax = 32
/** Deleted files that one added file is compared with in full: those that share most of the sketch. */
const candidatesMax = 4
/** How many names at the end of the path have to agree, in turn, when several files have the same content. */
const agreeingNames = [4, 2, 1, 0]

/**
 * Which of the added files are deleted files under another path. First by the
 * same content (the whole-file hash), preferring those whose last names agree;
 * an empty file only where its name stayed the same. Then by similar content,
 * among the first `comparedFilesMax` of each side: deleted files are found by
 * the pieces that they share with an added one, so that the work grows with the
 * number of files and not with that of pairs. Symlinks only by same content.
 * `added` is read once; of it, only what may matter is kept.
 */
export async function findRenames(
  reader: ObjectReader,
  deleted: readonly PathEntry[],
  added: Iterable<PathEntry> | AsyncIterable<PathEntry>,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Rename[]> {
  if (deleted.length === 0) return []
  const contents = new Set(deleted.map(({ entry }) => contentKey(entry)))
  const same: PathEntry[] = []
  const other: PathEntry[] = []
  for await (const item of added) {
    options.signal?.throwIfAborted()
    if (contents.has(contentKey(item.entry))) same.push(item)
    else if (isFile(item.entry) && other.length < comparedFilesMax) other.push(item)
  }
  const exact = matchSameContent(deleted, same)
  const taken = new Set(exact.map(({ from }) => from))
  const left = deleted.filter((item) => !taken.has(item) && isFile(item.entry)).slice(0, comparedFilesMax)
  if (left.length === 0 || other.length === 0) return exact
  return [...exact, ...(await matchSimilar(reader, left, other, options.signal))]
}

function isFile(entry: TreeEntry): boolean {
  return (entry.kind === 'file' || entry.kind === 'executable') && entry.size > 0
}

function contentKey(entry: TreeEntry): string {
  return `${entry.kind === 'symlink' ? 'l' : 'f'}${entry.hash}`
}

function matchSameContent(deleted: readonly PathEntry[], added: PathEntry[]): Rename[] {
  const renames: Rename[] = []
  let from = [...deleted]
  let to = added
  for (const names of agreeingNames) {
    const waiting = new Map<string, PathEntry[]>()
    // From last to first, so that `pop` gives the first.
    for (const item of from.toReversed()) pushTo(waiting, matchKey(item, names), item)
    const matched = new Set<PathEntry>()
    for (const item of to) {
      const source = names === 0 && item.entry.size === 0 ? undefined : waiting.get(matchKey(item, names))?.pop()
      if (!source) continue
      renames.push({ from: source, to: item, similarity: 1 })
      matched.add(source).add(item)
    }
    from = from.filter((item) => !matched.has(item))
    to = to.filter((item) => !matched.has(item))
  }
  return renames
}

function matchKey({ path, entry }: PathEntry, names: number): string {
  return `${contentKey(entry)}${names === 0 ? '' : path.split('/').slice(-names).join('/')}`
}

async function matchSimilar(
  reader: ObjectReader,
  deleted: PathEntry[],
  added: PathEntry[],
  signal: AbortSignal | undefined,
): Promise<Rename[]> {
  const budget: Budget = { reader, signal, pieces: comparedPiecesMax }
  const holders = await indexBySketch(budget, deleted)
  const pairs: Rename[] = []
  for (const to of added) {
    const pieces = holders.size === 0 ? undefined : await spend(budget, to)
    if (!pieces) continue
    for (const from of candidatesFor(pieces, to, holders)) {
      const share = similarity((await spend(budget, from)) ?? new Map(), pieces)
      if (share >= similarityMin) pairs.push({ from, to, similarity: share })
    }
  }
  return takeBest(pairs)
}

interface Budget {
  reader: ObjectReader
  signal: AbortSignal | undefined
  pieces: number
}

/** The pieces of a file; `undefined` also where the budget is spent. */
async function spend(budget: Budget, { entry }: PathEntry): Promise<Pieces | undefined> {
  budget.signal?.throwIfAborted()
  if (budget.pieces <= 0) return undefined
  const pieces = await readPieces(budget.reader, entry)
  budget.pieces -= pieces?.size ?? 0
  return pieces
}

async function indexBySketch(budget: Budget, deleted: PathEntry[]): Promise<Map<string, PathEntry[]>> {
  const holders = new Map<string, PathEntry[]>()
  for (const item of deleted) {
    const pieces = await spend(budget, item)
    for (const key of pieces ? sketchOf(pieces) : []) pushTo(holders, key, item)
  }
  return holders
}

function candidatesFor(pieces: Pieces, to: PathEntry, holders: Map<string, PathEntry[]>): PathEntry[] {
  const shared = new Map<PathEntry, number>()
  for (const key of sketchOf(pieces)) {
    const files = holders.get(key) ?? []
    if (files.length > filesPerPieceMax) continue
    for (const file of files) shared.set(file, (shared.get(file) ?? 0) + 1)
  }
  // Half of the larger file cannot be in common where one is less than half as large as the other.
  const able = [...shared].filter(([{ entry }]) => sizesMayMatch(entry.size, to.entry.size))
  able.sort(([a, sharedA], [b, sharedB]) => sharedB - sharedA || comparePaths(a.path, b.path))
  return able.slice(0, candidatesMax).map(([file]) => file)
}

function sizesMayMatch(a: number, b: number): boolean {
  return Math.min(a, b) >= similarityMin * Math.max(a, b)
}

/** The most similar pairs first, each file once; of equal ones, those that kept their name. */
function takeBest(pairs: Rename[]): Rename[] {
  const moved = ({ from, to }: Rename): number => Number(baseName(from.path) !== baseName(to.path))
  pairs.sort(
    (a, b) =>
      b.similarity - a.similarity ||
      moved(a) - moved(b) ||
      comparePaths(a.from.path, b.from.path) ||
      comparePaths(a.to.path, b.to.path),
  )
  const taken = new Set<PathEntry>()
  return pairs.filter(({ from, to }) => {
    if (taken.has(from) || taken.has(to)) return false
    taken.add(from).add(to)
    return true
  })
}

function pushTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}

/** Where content was before, by whole-file hash: for telling that an added file is a copy. */
export function pathsByContent(items: Iterable<PathEntry>): Map<Id, BytePath> {
  const paths = new Map<Id, BytePath>()
  for (const { path, entry } of items) {
    if (entry.size > 0 && !paths.has(entry.hash)) paths.set(entry.hash, path)
  }
  return paths
}
