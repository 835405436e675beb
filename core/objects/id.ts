import { toHex } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { blake3, createDerivedBlake3, type RunningHash } from '../hash.ts'

declare const idBrand: unique symbol
/** The BLAKE3-256 of an object: 64 lowercase hex digits. */
export type Id = string & { readonly [idBrand]: true }

/**
 * The kinds of objects, with their codes on disk (FORMAT.md, "Objects"):
 * a chunk of content; a node of a manifest's chunk list; a manifest; a node of
 * a directory; a commit; an annotated tag.
 */
export const kindCodes = { chunk: 1, list: 2, manifest: 3, tree: 4, commit: 5, tag: 6 } as const
export type ObjectKind = keyof typeof kindCodes

const kindNames = Object.keys(kindCodes) as ObjectKind[]
const idPattern = /^[0-9a-f]{64}$/
const hashers = new Map<ObjectKind, RunningHash>()

/** The kind of a code; `undefined` where there is none. */
export function kindOfCode(code: number): ObjectKind | undefined {
  return kindNames[code - 1]
}

/**
 * The id of an object of `kind`: 32 bytes. A chunk's id is the plain BLAKE3 of
 * its bytes; every other kind is hashed in derive-key mode under a context of
 * its own, so that no object can pass for one of another kind.
 */
export function hashObject(kind: ObjectKind, bytes: Uint8Array): Uint8Array {
  if (kind === 'chunk') return blake3(bytes)
  let hasher = hashers.get(kind)
  if (!hasher) hashers.set(kind, (hasher = createDerivedBlake3(`dits 1 ${kind}`)))
  hasher.reset()
  hasher.update(bytes)
  return hasher.digest()
}

export function idFromBytes(bytes: Uint8Array): Id {
  return toHex(bytes) as Id
}

export function idToBytes(id: Id): Uint8Array {
  return Buffer.from(id, 'hex')
}

/** What an empty file is made of: the hash of nothing. */
export const emptyChunk = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262' as Id

/** Parses a full id. Throws `bad-id`. */
export function parseId(text: string): Id {
  if (!idPattern.test(text)) throw new DitsError('bad-id', `'${text}' is not an object id`)
  return text as Id
}
