import { realpathSync } from 'node:fs'
import { posix, relative } from 'node:path'
import { pathFromText, pathToFs, rootPath, type BytePath } from '../core/bytes.ts'
import { DitsError, isErrno } from '../core/errors.ts'
import type { Id } from '../core/objects/id.ts'
import { parseCommit, parseRevision, type Revision, type RevisionContext } from '../core/refs/rev-parse.ts'
import { shortRefName } from '../core/changing/head.ts'
import type { Head } from '../core/refs/refs.ts'
import type { Repo } from '../core/repo.ts'
import { parsePathspec, resolvePath, type Pathspec } from '../core/staging/pathspec.ts'
import type { Context } from './context.ts'
import { pathFromArgument } from './raw-arguments.ts'

/** What people type for versions and files, turned into what core takes. */

const prefixMatchesMax = 64
export const shortIdDigits = 10

export function revisionContext(repo: Repo): RevisionContext {
  return {
    reader: repo.objects,
    refs: repo.refs,
    oplog: repo.oplog,
    findByPrefix: (prefix) => repo.objects.packs.findByPrefix(prefix, prefixMatchesMax),
  }
}

export function findRevision(repo: Repo, text: string): Promise<Revision> {
  return parseRevision(revisionContext(repo), text)
}

export function findCommit(repo: Repo, text: string): Promise<Id> {
  return parseCommit(revisionContext(repo), text)
}

/** The first digits of an id, for people. */
export function shortId(id: Id): string {
  return id.slice(0, shortIdDigits)
}

/** What to call where HEAD stands. */
export function headName(head: Head): string {
  return 'branch' in head ? shortRefName(head.branch) : shortId(head.id)
}

/** An absolute path with the links on its way followed, but not the one that it may be itself; `undefined` where nothing is. */
function realPlace(path: string): string | undefined {
  try {
    return `${realpathSync(pathToFs(posix.dirname(path)), { encoding: 'buffer' }).toString('latin1')}/${posix.basename(path)}`
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) return undefined
    throw error
  }
}

/** The folder in which the person stands, from the root. */
export function prefixOf(context: Context, repo: Repo): BytePath {
  return pathFromText(relative(repo.root, context.cwd))
}

export function pathspecOf(context: Context, repo: Repo, names: readonly string[] | undefined): Pathspec {
  return parsePathspec((names ?? []).map((name) => nameInTree(repo, name)), prefixOf(context, repo))
}

export function pathOf(context: Context, repo: Repo, name: string): BytePath {
  return resolvePath(nameInTree(repo, name), prefixOf(context, repo))
}

/** Whether the name of a branch or tag is one of those that patterns such as 'shots/*' speak of; all are where there is none. */
export function nameFilter(patterns: readonly string[]): (name: string) => boolean {
  const spec = parsePathspec(patterns.map(pathFromText), rootPath)
  return (name) => spec.matches(pathFromText(name))
}

/** What is typed as an absolute path, as `:/` and the path from the root. Throws `outside-repository`. */
export function nameInTree(repo: Repo, name: string): BytePath {
  const given = pathFromArgument(name)
  if (!given.startsWith('/')) return given
  const root = repo.rootBytes === '/' ? '' : repo.rootBytes
  const path = posix.normalize(given).replace(/(?<=.)\/$/, '')
  // The way there may lead through a link, and the root is known by the way without.
  for (const place of [path, realPlace(path)]) if (place === root || place?.startsWith(`${root}/`)) return `:${place.slice(root.length) || '/'}` as BytePath
  throw new DitsError('outside-repository', `'${name}' is outside the repository`, { hint: `the repository is '${repo.root}'` })
}

/** The path as seen from the folder in which the person stands: with '../' where it is elsewhere, '.' for that folder itself. */
export function seenFrom(prefix: BytePath, path: BytePath): BytePath {
  if (prefix === '') return path
  const [here, there] = [prefix.split('/'), path.split('/')]
  let shared = 0
  while (shared < here.length && here[shared] === there[shared]) shared++
  return ([...here.slice(shared).map(() => '..'), ...there.slice(shared)].join('/') || '.') as BytePath
}

/** Up to this many objects, all indexes are at hand, and asking for a prefix costs next to nothing. */
const shortenedObjectsMax = 1_000_000
const uncheckedDigits = 12

/**
 * A function that shortens ids for people: to 10 digits, or as many as no
 * other commit or tag starts with. In a very large repository it is 12 without
 * a look, since a look would read all indexes.
 */
export async function idShortener(repo: Repo): Promise<(id: Id) => Promise<string>> {
  const { packs } = repo.objects
  if ((await packs.countObjects()) > shortenedObjectsMax) return async (id) => id.slice(0, uncheckedDigits)
  return async (id) => {
    for (let digits = shortIdDigits; digits < id.length; digits++) {
      const found = await packs.findByPrefix(id.slice(0, digits), prefixMatchesMax)
      if (!found.some((other) => other.id !== id && (other.kind === 'commit' || other.kind === 'tag'))) return id.slice(0, digits)
    }
    return id
  }
}
