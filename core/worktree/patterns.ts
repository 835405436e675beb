import ignore from 'ignore'
import { pathToText, type BytePath } from '../bytes.ts'

/**
 * Lists of patterns as gitignore has them (gitignore(5)), from files in
 * several folders, in force together: the last pattern that matches a path
 * decides, and what lies in a matched folder is matched. The only file that
 * imports the library.
 */
export class PatternList {
  readonly #foldsCase: boolean
  readonly #patterns: readonly Pattern[]
  #matcher: Matcher
  #tested = 0

  /** `foldsCase`: upper and lower case are the same in names, as the file system has it. */
  constructor(foldsCase: boolean, patterns: readonly Pattern[] = []) {
    this.#foldsCase = foldsCase
    this.#patterns = patterns
    this.#matcher = ignore({ ignoreCase: foldsCase }).add(patterns)
  }

  /**
   * A new list with the lines of a pattern file that lies in `folder`, behind
   * the patterns of this one. `nameLine` says what to call a line, by its number
   * from 1 (see `reason`).
   */
  extend(folder: BytePath, lines: readonly string[], nameLine: (number: number) => string = () => ''): PatternList {
    const added = lines.flatMap((line, i) => {
      const pattern = placePattern(folder, line)
      return pattern === undefined ? [] : [{ pattern, mark: nameLine(i + 1) }]
    })
    return added.length === 0 ? this : new PatternList(this.#foldsCase, [...this.#patterns, ...added])
  }

  /** True where `path` matches, in that the last pattern that speaks of it is not negated. */
  matches(path: BytePath, isFolder: boolean): boolean {
    return this.#patterns.length > 0 && this.#ready().ignores(testedText(path, isFolder))
  }

  /** What the line that decides is called, where `path` matches. */
  reason(path: BytePath, isFolder: boolean): string | undefined {
    if (this.#patterns.length === 0) return undefined
    const { ignored, rule } = this.#ready().test(testedText(path, isFolder))
    return ignored ? (rule?.mark ?? '') : undefined
  }

  #ready(): Matcher {
    // The library remembers every path that it was asked for: start over before that adds up.
    if (++this.#tested % testsMax === 0) this.#matcher = ignore({ ignoreCase: this.#foldsCase }).add(this.#matcher)
    return this.#matcher
  }
}

/** The lines of a pattern file, without the byte order mark and the line ends. */
export function patternLines(text: string): string[] {
  return (text.startsWith('\ufeff') ? text.slice(1) : text).split(/\r?\n/)
}

/** A line of a pattern file in the root that matches this path alone (and what is below it). */
export function patternOfPath(path: BytePath): string {
  return `/${escapePattern(matchedText(path))}`
}

type Matcher = ReturnType<typeof ignore>
type Pattern = { pattern: string; mark: string }

const testsMax = 10_000

/**
 * The pattern as it reads from the root, for a line of a file in `folder`:
 * with a slash at its start or in its middle it is bound to the folder,
 * without one it matches at any depth below. `undefined` where the line holds
 * no pattern.
 */
function placePattern(folder: BytePath, line: string): string | undefined {
  if (line.startsWith('#')) return undefined
  const negation = line.startsWith('!') ? '!' : ''
  const body = line.slice(negation.length).replace(/(?<!\\) +$/, '')
  if (body === '' || body === '/') return undefined
  if (folder === '') return negation + body
  const prefix = escapePattern(matchedText(folder))
  const isBound = body.slice(0, -1).includes('/')
  return `${negation}/${prefix}${isBound ? '' : '/**'}${body.startsWith('/') ? '' : '/'}${body}`
}

function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]!# ]/g, '\\$&')
}

function testedText(path: BytePath, isFolder: boolean): string {
  const text = matchedText(path)
  return isFolder ? `${text}/` : text
}

/** Line ends in names become another byte, because '.' in the library's expressions does not match them. */
function matchedText(path: BytePath): string {
  return pathToText(path).replace(/[\n\r\u2028\u2029]/g, '\u0001')
}
