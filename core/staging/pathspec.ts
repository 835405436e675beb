import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'

/**
 * What a person names on the command line: files, folders and patterns. As in
 * Git, a folder stands for everything below it, and `*` in a pattern also
 * matches '/'.
 */
export interface Pathspec {
  /** True where everything is meant. */
  readonly all: boolean
  matches(path: BytePath): boolean
  /** The given names that are no patterns. */
  readonly literals: readonly BytePath[]
  readonly patterns: readonly BytePath[]
}

const patternCharacters = /[*?[]/

/**
 * Parses the names given in `prefix` (the folder, relative to the root, in
 * which the person stands). No names: everything. Throws `outside-repository`.
 */
export function parsePathspec(names: readonly BytePath[], prefix: BytePath): Pathspec {
  const paths = names.map((name) => resolvePath(name, prefix))
  const literals = paths.filter((path) => !patternCharacters.test(path))
  const patterns = paths.filter((path) => patternCharacters.test(path))
  const expressions = patterns.map(toExpression)
  const all = paths.length === 0 || paths.includes('' as BytePath)
  const below = (path: string) => literals.some((literal) => path === literal || path.startsWith(`${literal}/`))
  return {
    all,
    literals,
    patterns,
    matches: (path) => all || below(path) || patterns.includes(path) || expressions.some((expression) => expression.test(path)),
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

function toExpression(pattern: string): RegExp {
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!
    const close = c === '[' ? pattern.indexOf(']', i + 2) : -1
    if (c === '*') source += '[^]*'
    else if (c === '?') source += '[^/]'
    else if (close > 0) {
      const inside = pattern.slice(i + 1, close).replace(/\\/g, '\\\\').replace(/^!/, '^')
      source += `[${inside}]`
      i = close
    } else source += c.replace(/[\\^$.|+(){}[\]]/g, '\\$&')
  }
  return new RegExp(`^${source}(?:/[^]*)?$`)
}
