import type { BytePath } from '../bytes.ts'
import type { Person } from '../objects/commit.ts'
import { parseId, type Id } from '../objects/id.ts'
import type { EntryContent, EntryKind } from '../objects/tree-entry.ts'
import type { ConflictReason } from '../history/merge-trees.ts'
import type { FileStat } from '../worktree/file-stat.ts'
import type { ConflictSide, MergeMove, MergeStart, MergeState, OpenConflict, PickOptions } from './merge-state.ts'

/**
 * The state of a merge as JSON (FORMAT.md, "Merge in progress"): the fields by
 * their names, what is absent left out, paths one character a byte, times in
 * nanoseconds as decimal strings.
 */
export function stateToJson(state: MergeState): unknown {
  return { ...state, conflicts: state.conflicts.map(conflictToJson), previous: state.previous && stateToJson(state.previous) }
}

export function moveToJson({ before, after, settled, reopened }: MergeMove): unknown {
  return {
    before: before && stateToJson(before),
    after: after && stateToJson(after),
    settled: settled?.map(conflictToJson),
    reopened: reopened?.map(conflictToJson),
  }
}

function conflictToJson({ base, ours, theirs, ...rest }: OpenConflict): unknown {
  return { ...rest, base: base && sideToJson(base), ours: ours && sideToJson(ours), theirs: theirs && sideToJson(theirs) }
}

function sideToJson({ mtimeNs, ...side }: ConflictSide): unknown {
  return { ...side, mtimeNs: mtimeNs?.toString() }
}

/** Reads what `stateToJson` made. Throws an Error that says what is wrong. */
export function parseMergeState(value: unknown): MergeState {
  const fields = asObject(value)
  return {
    command: oneOf(fields['command'], ['merge', 'cherry-pick', 'revert', 'stash'] as const),
    phase: oneOf(fields['phase'], ['opening', 'closing', 'open'] as const),
    request: asIds(fields['request']),
    heads: asIds(fields['heads']),
    todo: asIds(fields['todo']),
    ...optional('pick', fields['pick'], asPick),
    endsWith: oneOf(fields['endsWith'], ['commit', 'resolution'] as const),
    theirName: asText(fields['theirName']),
    message: asText(fields['message']),
    ...optional('author', fields['author'], asPerson),
    conflicts: asList(fields['conflicts'], asConflict),
    ...optional('head', fields['head'], asId),
    disk: asId(fields['disk']),
    staged: asId(fields['staged']),
    from: asStart(fields['from']),
    original: asStart(fields['original']),
    ...optional('previous', fields['previous'], parsePrevious),
    ...optional('drops', fields['drops'], asText),
  }
}

/** What was open before has nothing before it. */
function parsePrevious(value: unknown): MergeState {
  const { previous, ...state } = asObject(value)
  if (previous !== undefined) throw new Error('a state is nested too deep')
  return parseMergeState(state)
}

/** Reads what `moveToJson` made. Throws an Error that says what is wrong. */
export function parseMergeMove(value: unknown): MergeMove {
  const fields = asObject(value)
  return {
    ...optional('before', fields['before'], parseMergeState),
    ...optional('after', fields['after'], parseMergeState),
    ...optional('settled', fields['settled'], (list) => asList(list, asConflict)),
    ...optional('reopened', fields['reopened'], (list) => asList(list, asConflict)),
  }
}

const reasons = ['both-changed', 'both-added', 'deleted-by-us', 'deleted-by-them', 'file-directory', 'renamed-twice'] as const satisfies readonly ConflictReason[]
const kinds = ['file', 'executable', 'symlink', 'directory'] as const satisfies readonly EntryKind[]
const contents = ['chunk', 'manifest', 'tree'] as const satisfies readonly EntryContent[]

function asConflict(value: unknown): OpenConflict {
  const fields = asObject(value)
  return {
    path: asPath(fields['path']),
    reason: oneOf(fields['reason'], reasons),
    ...optional('base', fields['base'], asSide),
    ...optional('ours', fields['ours'], asSide),
    ...optional('theirs', fields['theirs'], asSide),
    ...optional('beside', fields['beside'], asPath),
    ...optional('besideStat', fields['besideStat'], asStat),
  }
}

function asSide(value: unknown): ConflictSide {
  const fields = asObject(value)
  return {
    path: asPath(fields['path']),
    kind: oneOf(fields['kind'], kinds),
    content: oneOf(fields['content'], contents),
    size: asNumber(fields['size']),
    id: asId(fields['id']),
    hash: asId(fields['hash']),
    ...optional('mtimeNs', fields['mtimeNs'], (text) => BigInt(asText(text))),
  }
}

function asStart(value: unknown): MergeStart {
  const fields = asObject(value)
  return { ...optional('head', fields['head'], asId), ...optional('staged', fields['staged'], asId) }
}

function asPick(value: unknown): PickOptions {
  const fields = asObject(value)
  return {
    ...optional('mainline', fields['mainline'], asNumber),
    ...optional('noteOrigin', fields['noteOrigin'], Boolean),
    ...optional('noCommit', fields['noCommit'], Boolean),
  }
}

function asPerson(value: unknown): Person {
  const { name, email, timeMs, zoneMinutes } = asObject(value)
  return { name: asText(name), email: asText(email), timeMs: asNumber(timeMs), zoneMinutes: asNumber(zoneMinutes) }
}

function asStat(value: unknown): FileStat {
  const { mtimeMs, ctimeMs, ino, size, mode } = asObject(value)
  return { mtimeMs: asNumber(mtimeMs), ctimeMs: asNumber(ctimeMs), ino: asNumber(ino), size: asNumber(size), mode: asNumber(mode) }
}

/** The field, where there is a value. */
function optional<K extends string, T>(name: K, value: unknown, parse: (value: unknown) => T): { [name in K]?: T } {
  return value === undefined ? {} : ({ [name]: parse(value) } as { [name in K]: T })
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('a field is not an object')
  return value as Record<string, unknown>
}

function asList<T>(value: unknown, parse: (item: unknown) => T): T[] {
  if (!Array.isArray(value)) throw new Error('a field is not a list')
  return value.map(parse)
}

function asIds(value: unknown): Id[] {
  return asList(value, asId)
}

function asId(value: unknown): Id {
  return parseId(asText(value))
}

function asPath(value: unknown): BytePath {
  const path = asText(value)
  if (/[^\0-\xff]/.test(path)) throw new Error('a path is not a string of bytes')
  return path as BytePath
}

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new Error('a field is not text')
  return value
}

function asNumber(value: unknown): number {
  if (typeof value !== 'number') throw new Error('a field is not a number')
  return value
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw new Error(`'${String(value)}' is not known here`)
  return found
}
