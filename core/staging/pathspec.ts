import { pathToText, rootPath, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { comparePathOrder, isBelow } from '../worktree/path-order.ts'

/**
 * What a person names on the command line: files, folders and patterns. As in
 * Git, a folder stands for everything below it, `*` in a pattern also matches
 * '/', and a backslash takes its meaning from the character that follows.
 */
export interface Pathspec {
  /** True where everything is meant. */
  readonly all: boolean
  matches(path: BytePath): boolean
  /** The given names that are no patterns. */
  readonly literals: readonly BytePath[]
  readonly patterns: readonly BytePath[]
  /** Every name by itself, for telling which of them matched nothing. */
  readonly names: readonly PathspecName[]
}

export interface PathspecName {
  /** From the root. */
  path: BytePath
  isPattern: boolean
  matches(path: BytePath): boolean
}

const patternCharacters = /[*?[]/

/** Everything in the repository. */
export const everyPath: Pathspec = { all: true, matches: () => true, literals: [], patterns: [], names: [] }

/**
 * Parses the names given in `prefix` (the folder, relative to the root, in
 * which the person stands). No names: everything. Throws `outside-repository`.
 */
export function parsePathspec(names: readonly BytePath[], prefix: BytePath): Pathspec {
  const parsed = names.map((name) => parseName(resolvePath(name, prefix)))
  return parsed.length === 0 ? everyPath : specOfNames(parsed)
}

/** A pathspec of some names of another. */
export function specOfNames(names: readonly PathspecName[]): Pathspec {
  const all = names.some(({ path }) => path === rootPath)
  return {
    all,
    matches: (path) => all || names.some((name) => name.matches(path)),
    literals: names.filter((name) => !name.isPattern).map(({ path }) => path),
    patterns: names.filter((name) => name.isPattern).map(({ path }) => path),
    names,
  }
}

/** The path from the root of what a person calls `name` when standing in `prefix`. Throws `outside-repository`. */
export function resolvePath(name: BytePath, prefix: BytePath): BytePath {
  const parts: string[] = []
  const given = name.startsWith(':/') ? name.slice(2) : `${prefix}/${name}`
  for (const part of given.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) throw new DitsError('outside-repository', `'${pathToText(name)}' is outside the repository`)
  }
  return parts.join('/') as BytePath
}

/**
 * Where to look for what a pathspec names, in path order, none below another:
 * the names themselves, and for a pattern the folder that it starts with.
 */
export function startingPoints({ all, literals, patterns }: Pathspec): BytePath[] {
  if (all) return [rootPath]
  const points = [...new Set([...literals, ...patterns.map(fixedFolder)])].sort(comparePathOrder)
  return points.filter((path) => !points.some((other) => isBelow(path, other)))
}

function parseName(path: BytePath): PathspecName {
  if (!patternCharacters.test(path)) return { path, isPattern: false, matches: (other) => path === rootPath || other === path || isBelow(other, path) }
  const expression = toExpression(path)
  return { path, isPattern: true, matches: (other) => other === path || isBelow(other, path) || expression.test(other) }
}

/** The folders before the first name with something special in it. A file may also be called just like the pattern. */
function fixedFolder(pattern: string): BytePath {
  const special = pattern.search(/[*?[\\]/)
  return pattern.slice(0, Math.max(0, pattern.lastIndexOf('/', special))) as BytePath
}

function toExpression(pattern: string): RegExp {
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!
    const close = c === '[' ? pattern.indexOf(']', i + 2) : -1
    if (c === '*') source += '[^]*'
    else if (c === '?') source += '[^/]'
    else if (close > 0) {
      source += toClass(pattern.slice(i + 1, close))
      i = close
    } else source += escaped(c === '\\' && i + 1 < pattern.length ? pattern[++i]! : c)
  }
  return new RegExp(`^${source}(?:/[^]*)?$`)
}

/** A set of characters such as 'a-z' or '!0-9'; one whose ends are the wrong way round matches nothing. */
function toClass(inside: string): string {
  const isNot = /^[!^]/.test(inside)
  const set = inside.slice(isNot ? 1 : 0)
  let source = ''
  for (let i = 0; i < set.length; i++) {
    const [from, dash, to] = [set[i]!, set[i + 1], set[i + 2]]
    if (dash !== '-' || to === undefined) source += escaped(from)
    else {
      if (from <= to) source += `${escaped(from)}-${escaped(to)}`
      i += 2
    }
  }
  return `[${isNot ? '^' : ''}${source}]`
}

function escaped(c: string): string {
  return c.replace(/[\\^$.|?*+(){}[\]/-]/, '\\$&')
}
