import { randomBytes } from 'node:crypto'
import type { PutCondition } from '#core'

/**
 * Whether a write whose answer was lost was carried out cannot be told from the
 * value: another may have written the same. So each write leaves a random mark
 * with its value, and a write that replaces a version adds its mark to those
 * that led to that version. Who finds the condition of a repeated write broken
 * looks for the own mark among them.
 */
export interface PutMark {
  own: string
  /** The last mark of the version to be replaced, where there is one. */
  replaced: string | undefined
  /** What is stored with the value. */
  metadata: Record<string, string>
}

/** The part of an answer that tells which value is there. */
export interface FoundValue {
  ETag?: string | undefined
  Metadata?: Record<string, string> | undefined
}

/** A new mark for a write under `condition`. */
export function markPut(condition: PutCondition | undefined): PutMark {
  const own = randomBytes(9).toString('base64url')
  if (condition?.if === 'absent') return { own, replaced: undefined, metadata: { [metadataName]: own } }
  // What is written without a condition may replace anything.
  const before = condition ? historyOfVersion(condition.if.version) : earlier
  const history = shorten([before || earlier, own].join(','))
  return { own, replaced: marksIn(before).at(-1), metadata: { [metadataName]: history } }
}

/** The version of a value for `Stored`: its ETag, and the marks that led to it. */
export function versionOf(found: FoundValue): string {
  return `${(found.ETag ?? '').replaceAll('"', '')} ${historyOf(found)}`
}

/** The ETag in a version, without quotation marks; `undefined` for what `versionOf` did not make. */
export function etagOf(version: string): string | undefined {
  return versionPattern.exec(version)?.[1]
}

/**
 * Whether a write whose condition does not hold any more was itself what broke
 * it, by the value that is there now. `undefined` where that cannot be told.
 */
export function wasCarriedOut(mark: PutMark, condition: PutCondition | undefined, found: FoundValue | undefined): boolean | undefined {
  const history = found ? historyOf(found) : ''
  const marks = marksIn(history)
  if (marks.includes(mark.own)) return true
  // A history from the value's creation on, which was not this write.
  if (condition?.if === 'absent') return marks.length > 0 && !history.startsWith(earlier) ? false : undefined
  // Another came after the version that was to be replaced.
  return mark.replaced !== undefined && marks.includes(mark.replaced) ? false : undefined
}

const metadataName = 'dits-puts'
/** Stands at the start of a history for writes of which nothing is known any more. */
const earlier = 'earlier'
/** Replacements that may happen between a lost answer and the next try, and still be seen through. 32 marks are 416 bytes of the 2 KB that S3 allows. */
const marksMax = 32
const markPattern = /^[A-Za-z0-9_-]{12}$/
const historyPattern = /^[A-Za-z0-9_,-]{0,512}$/
const versionPattern = /^([\x21\x23-\x7e]+) ([A-Za-z0-9_,-]*)$/

/** The marks that led to a value, oldest first, with ',' between them; '' for a value that something else wrote. */
function historyOf(found: FoundValue): string {
  const history = found.Metadata?.[metadataName] ?? ''
  return historyPattern.test(history) ? history : ''
}

function historyOfVersion(version: string): string {
  return versionPattern.exec(version)?.[2] ?? ''
}

function marksIn(history: string): string[] {
  return history.split(',').filter((mark) => markPattern.test(mark))
}

function shorten(history: string): string {
  const marks = marksIn(history)
  return marks.length <= marksMax ? history : [earlier, ...marks.slice(-marksMax)].join(',')
}
