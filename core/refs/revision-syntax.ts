import { pathFromText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import type { ObjectKind } from '../objects/id.ts'

/** Where a revision starts, before any steps. */
export type RevisionBase =
  /** A ref, an id, the start of an id, or HEAD. */
  | { kind: 'name'; name: string }
  /** The value that a ref had `back` changes ago; no name stands for the current branch. */
  | { kind: 'earlier'; name: string | undefined; back: number }
  /** The branch that was checked out `back` switches ago. */
  | { kind: 'previous-branch'; back: number }

/** One step from an object to another. */
export type RevisionStep =
  /** Up along first parents. */
  | { kind: 'ancestor'; generations: number }
  /** To the n-th parent, counted from 1; 0 is the commit itself. */
  | { kind: 'parent'; number: number }
  /** From a tag to what it names, until it is of the wanted kind, or no tag. */
  | { kind: 'peel'; to: ObjectKind | undefined }

export interface RevisionSyntax {
  base: RevisionBase
  steps: RevisionStep[]
  /** What stands after ':'; '' for the root directory. */
  path: BytePath | undefined
}

export interface RangeSyntax {
  /** `undefined` where the text is a single revision. */
  left: string | undefined
  right: string
  /** Written with three dots. */
  symmetric: boolean
}

/** The most parents, generations or changes that a revision may count: more is a slip of the finger. */
const countMax = 1_000_000_000

const basePattern = /^([^~^:]*?)(?:@\{([^}]*)\})?((?:[~^].*)?)$/s
const stepPattern = /~(\d*)|\^\{(\w*)\}|\^(\d*)/y

/**
 * Splits the text of a revision, such as `main~2`, `v1^{tree}` or
 * `@{-1}:shots/a.mov`, without looking anything up. Throws `bad-revision`.
 */
export function parseRevisionSyntax(text: string): RevisionSyntax {
  const colon = text.indexOf(':')
  const revision = colon < 0 ? text : text.slice(0, colon)
  const path = colon < 0 ? undefined : parsePath(text.slice(colon + 1))
  const match = basePattern.exec(revision)
  if (!match || revision === '') throw badRevision(text)
  const [, name = '', braces, steps = ''] = match
  return { base: parseBase(text, name, braces), steps: parseSteps(text, steps), path }
}

/** Splits `A..B` and `A...B`; an empty side is HEAD. Other text is a single revision. Throws `bad-revision`. */
export function parseRangeSyntax(text: string): RangeSyntax {
  const match = /^(.*?)(\.{2,})(.*)$/s.exec(text)
  if (!match || text.includes(':')) return { left: undefined, right: text, symmetric: false }
  const [, left = '', dots = '', right = ''] = match
  if (dots.length > 3 || right.includes('..')) throw badRevision(text)
  return { left: left || 'HEAD', right: right || 'HEAD', symmetric: dots.length === 3 }
}

function parseBase(text: string, name: string, braces: string | undefined): RevisionBase {
  if (braces === undefined) {
    if (name === '') throw badRevision(text)
    return { kind: 'name', name: name === '@' ? 'HEAD' : name }
  }
  if (!/^-?\d+$/.test(braces)) throw badRevision(text)
  const back = checkCount(text, Math.abs(Number(braces)))
  if (!braces.startsWith('-')) return { kind: 'earlier', name: name === '' ? undefined : name === '@' ? 'HEAD' : name, back }
  if (name !== '' || back === 0) throw badRevision(text)
  return { kind: 'previous-branch', back }
}

function parseSteps(text: string, steps: string): RevisionStep[] {
  const parsed: RevisionStep[] = []
  stepPattern.lastIndex = 0
  while (stepPattern.lastIndex < steps.length) {
    const match = stepPattern.exec(steps)
    if (!match) throw badRevision(text)
    const [, generations, peel, parent] = match
    if (generations !== undefined) parsed.push({ kind: 'ancestor', generations: count(text, generations) })
    else if (peel !== undefined) parsed.push({ kind: 'peel', to: peelTarget(text, peel) })
    else parsed.push({ kind: 'parent', number: count(text, parent ?? '') })
  }
  return parsed
}

function count(text: string, digits: string): number {
  return checkCount(text, digits === '' ? 1 : Number(digits))
}

function checkCount(text: string, value: number): number {
  if (value > countMax) throw badRevision(text)
  return value
}

function peelTarget(text: string, name: string): ObjectKind | undefined {
  if (name === '') return undefined
  if (name === 'commit' || name === 'tree' || name === 'tag') return name
  throw badRevision(text)
}

/** Slashes at either end, and './' at the start, say nothing. */
function parsePath(text: string): BytePath {
  return pathFromText(text.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '').replace(/^\.$/, ''))
}

function badRevision(text: string): DitsError {
  return new DitsError('bad-revision', `'${text}' is not a revision`, {
    hint: 'a revision is a branch, a tag, an id or HEAD, followed by ~n, ^n, @{n} or :path where needed',
  })
}
