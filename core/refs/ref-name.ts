import { pathFromText } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { keyNameBytesMax } from '../store/key.ts'

/** Bytes of a ref name in UTF-8. */
export const refNameBytesMax = 1024

/** A long part of a name is cut into these, so that it fits the names that file systems allow. */
const cutPattern = /.{1,200}/g
const forbidden = /[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock\/|\.lock$|[./]$/
const escapePattern = /[^A-Za-z0-9._-]/g
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Throws `bad-ref-name` unless `name` is a full ref name: `refs/`, a kind, and
 * a name of one or more parts, such as `refs/heads/feature/one`. The rules are
 * those of `git check-ref-format`: no part is empty, starts with '.' or ends
 * with '.lock'; nowhere '..', '@{', a space, a control character or one of
 * `~^:?*[\`; no '.' or '/' at the end. At most 1024 bytes of UTF-8.
 */
export function checkRefName(name: string): void {
  const [refs, kind, ...parts] = name.split('/')
  if (refs !== 'refs' || !kind || parts.length === 0) throw badName(name, "full names start with 'refs/heads/' or 'refs/tags/'")
  if (forbidden.test(name) || !name.isWellFormed()) {
    throw badName(name, "use letters, digits, '-', '_', '.' and '/'; no spaces, no '..', and no '.' or '/' at the end")
  }
  if (Buffer.byteLength(name) > refNameBytesMax) throw badName(name, 'use a shorter name')
  if (escapeName(kind).length > keyNameBytesMax) throw badName(name, 'use a shorter name')
}

/**
 * As `checkRefName`, for a name that is to be used for the first time: without
 * what a terminal takes for a command or for a turn of its direction, which
 * clients refuse to show. A ref that has such a name can still be read and deleted.
 */
export function checkNewRefName(name: string): void {
  checkRefName(name)
  if (unprintable.test(name)) throw badName(name.replace(new RegExp(unprintable, 'gu'), '?'), 'leave out control characters')
}

const unprintable = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u

/** Whether `checkRefName` takes the name. */
export function isRefName(name: string): boolean {
  try {
    checkRefName(name)
    return true
  } catch (error) {
    if (error instanceof DitsError) return false
    throw error
  }
}

/** A branch's or tag's name as people say it: 'main' for 'refs/heads/main'. */
export function shortRefName(name: string): string {
  return name.replace(/^refs\/(heads|tags|remotes)\//, '')
}

/**
 * The key that holds a ref (FORMAT.md, "Refs"). Folders below the kind end
 * with '%', so that no ref's file has the name of a folder, not even a deleted ref's.
 */
export function refKey(name: string): string {
  return keyPrefixOf(name)
}

/** What the keys of all refs whose names start with `prefix` start with. Throws `bad-ref-name` where there can be none. */
export function refKeyPrefix(prefix: string): string {
  if ('refs/'.startsWith(prefix)) return 'refs/'
  if (!prefix.startsWith('refs/') || /\/(\.\.?)?\//.test(prefix)) {
    throw badName(prefix, "a prefix of names starts with 'refs/'")
  }
  return keyPrefixOf(prefix)
}

/** The name of the ref that `key` holds; `undefined` where `key` is no ref's. */
export function refNameOfKey(key: string): string | undefined {
  const bytes = key.replaceAll('%%/', '').replaceAll('%/', '/').replace(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
  try {
    const name = utf8.decode(Buffer.from(bytes, 'latin1'))
    checkRefName(name)
    // What another key would be made of the name is not its key.
    return refKey(name) === key ? name : undefined
  } catch {
    return undefined
  }
}

/** The names that would be folders of `name`: 'refs/heads/a' for 'refs/heads/a/b'. */
export function foldersOfName(name: string): string[] {
  const parts = name.split('/')
  return parts.slice(3).map((_, i) => parts.slice(0, i + 3).join('/'))
}

function keyPrefixOf(name: string): string {
  const [refs = '', kind, ...parts] = name.split('/')
  const start = kind === undefined ? refs : `${refs}/${escapeName(kind)}`
  return parts.length === 0 ? start : `${start}/${parts.map(partKey).join('%/')}`
}

/** One part of a name, cut where it is long. */
function partKey(part: string): string {
  return (escapeName(part).match(cutPattern) ?? ['']).join('%%/')
}

function escapeName(text: string): string {
  return pathFromText(text).replace(escapePattern, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

function badName(name: string, hint: string): DitsError {
  const [, kind, short] = /^refs\/(heads|tags)\/(.*)$/s.exec(name) ?? []
  const message = kind === undefined ? `'${name}' is not a name for a ref` : `'${short}' cannot be the name of a ${kind === 'tags' ? 'tag' : 'branch'}`
  return new DitsError('bad-ref-name', message, { hint })
}
