import { DitsError } from './errors.ts'
import { blake3Text } from './hash.ts'
import { moveToJson, parseMergeMove } from './merging/merge-record.ts'
import type { MergeMove } from './merging/merge-state.ts'
import type { Id } from './objects/id.ts'
import type { Head } from './refs/refs.ts'

/** A ref that an operation moved: created where `before` is absent, deleted where `after` is. */
export interface RefMove {
  name: string
  before?: Id
  after?: Id
}

/** What one command moved, so that it can be undone. */
export interface Operation {
  /** Its number in the log, counted from 1. */
  seq: number
  /** When it began, in milliseconds since 1970. */
  timeMs: number
  /** The command as typed, for people. */
  command: string
  /** Where HEAD stood before and after, if it moved. */
  head: { before?: Head; after?: Head }
  refs: RefMove[]
  /** The tree that the index held before and after, if it changed; absent on one side where that index was empty. */
  staged: { before?: Id; after?: Id }
  /** True where files of the working tree were changed with the index. */
  worktree?: boolean
  /** The trees that the working tree was brought from and to, where these are not what was staged. */
  disk?: { before: Id; after: Id }
  /** How the merge in progress moved, if it did. */
  merge?: MergeMove
  /** A tree of the uncommitted files that the command replaced or removed. */
  saved?: Id
  /** The number of the operation that this one undoes. */
  undoes?: number
}

const format = 1
const idPattern = /^[0-9a-f]{64}$/

/** The record of an operation (FORMAT.md, "Operation log"). */
export function encodeOperation(operation: Operation): Uint8Array {
  const { seq, timeMs, command, head, refs, staged, worktree, disk, merge, saved, undoes } = operation
  // Named one by one, so that the record holds these fields, in this order, and no others.
  const json = JSON.stringify({
    format,
    seq,
    timeMs,
    command,
    head: { before: head.before, after: head.after },
    refs: refs.map(({ name, before, after }) => ({ name, before, after })),
    staged: { before: staged.before, after: staged.after },
    worktree: worktree || undefined,
    disk: disk && { before: disk.before, after: disk.after },
    merge: merge && moveToJson(merge),
    saved,
    undoes,
  })
  return Buffer.from(`${json}\n${blake3Text(Buffer.from(json))}\n`)
}

/** Throws `oplog-damaged` for what is not the record of operation number `seq`. */
export function decodeOperation(bytes: Uint8Array, seq: number): Operation {
  try {
    const operation = parseOperation(JSON.parse(checkedJson(Buffer.from(bytes))))
    if (operation.seq !== seq) throw new Error(`it says that it is number ${operation.seq}`)
    return operation
  } catch (error) {
    throw damagedOperation(seq, error)
  }
}

/** The `oplog-damaged` error for operation number `seq`. */
export function damagedOperation(seq: number, cause?: unknown): DitsError {
  return damagedLog(`operation '${seq}' of the operation log is damaged or missing`, cause)
}

/** An `oplog-damaged` error. */
export function damagedLog(message: string, cause?: unknown): DitsError {
  return new DitsError('oplog-damaged', message, {
    hint: 'commits, refs and files are not affected; run: dits fsck',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** The first line of a record whose second line is its BLAKE3. */
function checkedJson(record: Buffer): string {
  const end = record.indexOf('\n')
  const json = record.subarray(0, Math.max(0, end))
  if (record.subarray(end + 1).toString('latin1') !== `${blake3Text(json)}\n`) throw new Error('the check line does not match')
  return json.toString('utf8')
}

function parseOperation(value: unknown): Operation {
  const fields = asObject(value)
  if (fields['format'] !== format) throw new Error('its format is not known')
  const { seq, timeMs, command, refs, worktree, disk, merge, saved, undoes } = fields
  if (typeof command !== 'string' || !Array.isArray(refs)) throw new Error('a field is missing')
  if (worktree !== undefined && worktree !== true) throw new Error('a field is neither true nor absent')
  return {
    seq: asInteger(seq),
    timeMs: asInteger(timeMs),
    command,
    head: parsePair(fields['head'], parseHead),
    refs: refs.map(parseMove),
    staged: parsePair(fields['staged'], parseId),
    ...(worktree ? { worktree } : {}),
    ...(disk === undefined ? {} : { disk: parseDisk(disk) }),
    ...(merge === undefined ? {} : { merge: parseMergeMove(merge) }),
    ...(saved === undefined ? {} : { saved: parseId(saved) }),
    ...(undoes === undefined ? {} : { undoes: asInteger(undoes) }),
  }
}

function parseMove(value: unknown): RefMove {
  const { name } = asObject(value)
  if (typeof name !== 'string') throw new Error('a ref has no name')
  return { name, ...parsePair(value, parseId) }
}

function parsePair<T>(value: unknown, parse: (value: unknown) => T): { before?: T; after?: T } {
  const { before, after } = asObject(value)
  return { ...(before === undefined ? {} : { before: parse(before) }), ...(after === undefined ? {} : { after: parse(after) }) }
}

function parseDisk(value: unknown): { before: Id; after: Id } {
  const { before, after } = asObject(value)
  return { before: parseId(before), after: parseId(after) }
}

function parseHead(value: unknown): Head {
  const { branch, id } = asObject(value)
  if (typeof branch === 'string' && id === undefined) return { branch }
  return { id: parseId(id) }
}

function parseId(value: unknown): Id {
  if (typeof value !== 'string' || !idPattern.test(value)) throw new Error('an id is none')
  return value as Id
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('a field is not an object')
  return value as Record<string, unknown>
}

function asInteger(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new Error('a number is not a whole one')
  return value as number
}
