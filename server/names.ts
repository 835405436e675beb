import { DitsError } from '#core'

/** Characters of one part of a repository's name, and of a user's name. */
const partCharactersMax = 64
const partsMax = 3

const partPattern = /^[a-z0-9][a-z0-9._-]*$/
/** What stores, locks and records put behind names, so that no name may end with it. */
const reservedEnding = /\.(?:dits|json|lock)$/
/** Names that mean a device on Windows, whatever stands behind a dot. */
const windowsDevice = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/

/**
 * Throws `bad-repository-name` unless `text` is one to three parts joined by
 * '/', such as 'studio/film'. A part has up to 64 lower-case ASCII letters,
 * digits, '.', '_' and '-', starts with a letter or a digit, does not end with
 * '.', and is nothing that a file system takes for something else. Upper case
 * is refused, so no two names differ by it alone.
 */
export function checkRepositoryName(text: string): void {
  const parts = text.length > partsMax * (partCharactersMax + 1) ? [] : text.split('/')
  if (parts.length >= 1 && parts.length <= partsMax && parts.every(isPart)) return
  throw new DitsError('bad-repository-name', `'${shorten(text)}' cannot be the name of a repository`, {
    hint: `use one to three parts of lower-case letters, digits, '.', '_' and '-', such as studio/film`,
  })
}

/** Throws `bad-user-name` unless `text` is what one part of a repository's name may be. */
export function checkUserName(text: string): void {
  if (isPart(text)) return
  throw new DitsError('bad-user-name', `'${shorten(text)}' cannot be the name of a user`, {
    hint: `use up to ${partCharactersMax} lower-case letters, digits, '.', '_' and '-', such as ada`,
  })
}

/** Where a repository's values lie in the server's store. A part never ends with '.dits', so no repository lies in another. */
export function repositoryPrefix(name: string): string {
  return `repos/${name}.dits`
}

function isPart(part: string): boolean {
  if (part.length > partCharactersMax || !partPattern.test(part)) return false
  return !part.endsWith('.') && !reservedEnding.test(part) && !windowsDevice.test(part)
}

/** Enough of a wrong name to recognise it, without what would spoil a terminal. */
function shorten(text: string): string {
  const printable = text.slice(0, 60).replace(/[^\x20-\x7e]/g, '?')
  return text.length > 60 ? `${printable}…` : printable
}
