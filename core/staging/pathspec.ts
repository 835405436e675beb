import { parentPath, pathToText, rootPath, type BytePath } from '../bytes.ts'
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

/** One name that a person gave. */
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
  const patterns = names.filter((name) => name.isPattern)
  const literals = new Set(names.filter((name) => !name.isPattern).map(({ path }) => path))
  return {
    all,
    // A shell may have written out 100,000 names, so they are not tried one by one.
    matches: (path) => all || isAtOrBelow(path, literals) || patterns.some((name) => name.matches(path)),
    literals: [...literals],
    patterns: patterns.map(({ path }) => path),
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
  return outermost([...literals, ...patterns.map(fixedFolder)])
}

/**
 * The same for who reads folders: where many of the names lie in one folder,
 * that folder, so that it is not read for each of them.
 */
export function startingFolders(spec: Pathspec): BytePath[] {
  const points = startingPoints(spec)
  const inFolder = new Map<BytePath, number>()
  for (const path of points) inFolder.set(parentPath(path), (inFolder.get(parentPath(path)) ?? 0) + 1)
  return outermost(points.map((path) => (inFolder.get(parentPath(path))! > namesReadSingly ? parentPath(path) : path)))
}

const namesReadSingly = 8

/** The paths in path order, each once, without those below others. */
function outermost(paths: readonly BytePath[]): BytePath[] {
  const kept: BytePath[] = []
  for (const path of [...paths].sort(comparePathOrder)) {
    const last = kept.at(-1)
    if (last === undefined || (path !== last && !isBelow(path, last))) kept.push(path)
  }
  return kept
}

function isAtOrBelow(path: BytePath, names: ReadonlySet<BytePath>): boolean {
  if (names.size === 0) return false
  for (let at = path; at !== rootPath; at = parentPath(at)) if (names.has(at)) return true
  return names.has(rootPath)
}

function parseName(path: BytePath): PathspecName {
  if (!patternCharacters.test(path)) return { path, isPattern: false, matches: (other) => path === rootPath || other === path || isBelow(other, path) }
  const steps = toSteps(path)
  const matches = (other: BytePath) => other === path || isBelow(other, path) || matchesSomewhere(steps, other)
  return { path, isPattern: true, matches }
}

/** The folders before the first name with something special in it. A file may also be called just like the pattern. */
function fixedFolder(pattern: string): BytePath {
  const special = pattern.search(/[*?[\\]/)
  return pattern.slice(0, Math.max(0, pattern.lastIndexOf('/', special))) as BytePath
}

/** One step of a pattern: a run of any characters, or one character that passes. */
type Step = 'run' | ((c: string) => boolean)

function toSteps(pattern: string): Step[] {
  const steps: Step[] = []
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!
    const close = c === '[' ? pattern.indexOf(']', i + 2) : -1
    if (c === '*') steps.push('run')
    else if (c === '?') steps.push((other) => other !== '/')
    else if (close > 0) {
      const set = new RegExp(`^${toClass(pattern.slice(i + 1, close))}$`)
      steps.push((other) => set.test(other))
      i = close
    } else {
      const literal = c === '\\' && i + 1 < pattern.length ? pattern[++i]! : c
      steps.push((other) => other === literal)
    }
  }
  return steps
}

/** True where the pattern matches a path, or a folder that holds it. */
function matchesSomewhere(steps: readonly Step[], path: string): boolean {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) if (matchesWhole(steps, path.slice(0, end))) return true
  return matchesWhole(steps, path)
}

/** Goes back to the last run only, so that a pattern of many runs costs steps times characters and not their power. */
function matchesWhole(steps: readonly Step[], text: string): boolean {
  let [step, at, runStep, runAt] = [0, 0, -1, 0]
  while (at < text.length) {
    const wanted = steps[step]
    if (wanted === 'run') [runStep, runAt, step] = [step, at, step + 1]
    else if (wanted?.(text[at]!)) [step, at] = [step + 1, at + 1]
    else if (runStep >= 0) [step, runAt, at] = [runStep + 1, runAt + 1, runAt + 1]
    else return false
  }
  while (steps[step] === 'run') step++
  return step === steps.length
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
