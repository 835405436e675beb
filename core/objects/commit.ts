import { DitsError } from '../errors.ts'
import { objectBytesMax, parentsMax } from '../limits.ts'
import { damaged } from './columns.ts'
import { idFromBytes, idToBytes, type Id } from './id.ts'
import { personFromRecord, personToRecord, type Person } from './person.ts'
import { decodeRecord, encodeRecord, type RecordValue } from './record.ts'

export type { Person } from './person.ts'

/** A version of the project. */
export interface Commit {
  tree: Id
  /** None for a first commit, more than one for a merge; at most `parentsMax`. */
  parents: Id[]
  author: Person
  committer: Person
  message: string
  /** An Ed25519 public key (32 bytes) and its signature (64) over the encoding without this field. */
  signature?: Uint8Array
}

const what = 'commit'
const signatureBytes = 32 + 64

/**
 * Encodes a commit. Throws `bad-person`, and `bad-commit` for too many
 * parents, a message that is not well-formed text or far too long, or a
 * signature that is not 96 bytes.
 */
export function encodeCommit(commit: Commit): Uint8Array {
  const { tree, parents, author, committer, message, signature } = commit
  if (parents.length > parentsMax) throw badCommit(`it has ${parents.length} parents, and ${parentsMax} is the limit`)
  const problem = messageProblem(message) ?? signatureProblem(signature)
  if (problem) throw badCommit(problem)
  return encodeRecord([
    1,
    idToBytes(tree),
    parents.map(idToBytes),
    personToRecord(author),
    personToRecord(committer),
    message,
    signature ?? null,
  ])
}

/** Decodes a commit. Throws `object-damaged` for anything but the canonical encoding of one. */
export function decodeCommit(bytes: Uint8Array): Commit {
  const fields = decodeRecord(what, bytes)
  if (!Array.isArray(fields) || fields.length !== 7) throw damaged(what, 'it is not an array of seven')
  const [format, tree, parents, author, committer, message, signature] = fields
  if (format !== 1) throw damaged(what, 'its format is unknown')
  if (!Array.isArray(parents) || parents.length > parentsMax) throw damaged(what, 'its parents are not a list of ids')
  return {
    tree: idFromRecord(what, tree),
    parents: parents.map((parent) => idFromRecord(what, parent)),
    author: personFromRecord(what, author),
    committer: personFromRecord(what, committer),
    message: textFromRecord(what, message),
    ...signatureFromRecord(what, signature),
  }
}

/** Reads an id out of a record. Throws `object-damaged`. */
export function idFromRecord(kind: string, value: RecordValue | undefined): Id {
  if (!(value instanceof Uint8Array) || value.length !== 32) throw damaged(kind, 'an id is not 32 bytes')
  return idFromBytes(value)
}

/** Reads a text out of a record. Throws `object-damaged`. */
export function textFromRecord(kind: string, value: RecordValue | undefined): string {
  if (typeof value !== 'string') throw damaged(kind, 'a text is not a string')
  return value
}

/** Reads an optional signature out of a record. Throws `object-damaged`. */
export function signatureFromRecord(kind: string, value: RecordValue | undefined): { signature?: Uint8Array } {
  if (value === null) return {}
  if (!(value instanceof Uint8Array) || value.length !== signatureBytes) {
    throw damaged(kind, `its signature is not ${signatureBytes} bytes`)
  }
  // A copy, so that a kept commit does not keep the buffer that it was read from.
  return { signature: value.slice() }
}

/** What is wrong with a message; `undefined` where nothing is. */
export function messageProblem(message: string): string | undefined {
  if (!message.isWellFormed()) return 'its message is not well-formed text'
  // A character takes at most 3 bytes of UTF-8 a UTF-16 unit; the rest of the record is small.
  if (message.length > objectBytesMax / 4) return 'its message is too long'
  return undefined
}

/** What is wrong with a signature; `undefined` where nothing is. */
export function signatureProblem(signature: Uint8Array | undefined): string | undefined {
  if (signature === undefined || signature.length === signatureBytes) return undefined
  return `its signature has ${signature.length} bytes instead of ${signatureBytes}`
}

function badCommit(why: string): DitsError {
  return new DitsError('bad-commit', `the commit cannot be recorded: ${why}`)
}
