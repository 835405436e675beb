import { DitsError } from '../errors.ts'
import { damaged } from './columns.ts'
import { idFromRecord, messageProblem, signatureFromRecord, signatureProblem, textFromRecord } from './commit.ts'
import { idToBytes, kindCodes, kindOfCode, type Id, type ObjectKind } from './id.ts'
import { personFromRecord, personToRecord, type Person } from './person.ts'
import { decodeRecord, encodeRecord } from './record.ts'

/** An annotated tag: a name for an object, with who gave it, when and why. */
export interface Tag {
  targetKind: ObjectKind
  target: Id
  name: string
  tagger: Person
  message: string
  /** As in a commit. */
  signature?: Uint8Array
}

const what = 'tag'
const badCharacter = /[\0\n\r]/

/**
 * Encodes a tag. Throws `bad-person`, and `bad-tag` for a name that is empty
 * or has a line end or zero byte, a message that is not well-formed text or
 * far too long, or a signature that is not 96 bytes.
 */
export function encodeTag({ targetKind, target, name, tagger, message, signature }: Tag): Uint8Array {
  const problem = nameProblem(name) ?? messageProblem(message) ?? signatureProblem(signature)
  if (problem) throw new DitsError('bad-tag', `the tag '${name}' cannot be recorded: ${problem}`)
  return encodeRecord([
    1,
    kindCodes[targetKind],
    idToBytes(target),
    name,
    personToRecord(tagger),
    message,
    signature ?? null,
  ])
}

/** Decodes a tag. Throws `object-damaged` for anything but the canonical encoding of one. */
export function decodeTag(bytes: Uint8Array): Tag {
  const fields = decodeRecord(what, bytes)
  if (!Array.isArray(fields) || fields.length !== 7) throw damaged(what, 'it is not an array of seven')
  const [format, kindCode, target, nameField, tagger, message, signature] = fields
  if (format !== 1) throw damaged(what, 'its format is unknown')
  const targetKind = typeof kindCode === 'number' ? kindOfCode(kindCode) : undefined
  if (!targetKind) throw damaged(what, 'the kind of its target is unknown')
  const name = textFromRecord(what, nameField)
  const problem = nameProblem(name)
  if (problem) throw damaged(what, problem)
  return {
    targetKind,
    target: idFromRecord(what, target),
    name,
    tagger: personFromRecord(what, tagger),
    message: textFromRecord(what, message),
    ...signatureFromRecord(what, signature),
  }
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'its name is empty'
  if (badCharacter.test(name)) return 'its name has a zero byte or a line end'
  return name.isWellFormed() ? undefined : 'its name is not well-formed text'
}
