import { baseName, rootPath, type BytePath } from '../bytes.ts'
import { parseSize } from '../config.ts'
import { DitsError } from '../errors.ts'
import { ruleFileBytesMax } from '../limits.ts'
import { attributesFileName } from '../worktree/attributes.ts'
import { ignoreFileNames } from '../worktree/ignore.ts'
import { PatternList } from '../worktree/patterns.ts'

/** Of which files a partial repository wants the content at once; that of others comes when it is needed. */
export type ContentFilter =
  | { kind: 'none' }
  /** Files of at most so many bytes. */
  | { kind: 'size'; bytesMax: number }
  /** Files of which the last pattern that matches them says so. */
  | { kind: 'path'; patterns: readonly PathPattern[] }

/** A pattern as in an ignore file; one that names a folder speaks of everything below. `line` is how it was written, with `!` where it is not `wanted`. */
export interface PathPattern {
  line: string
  wanted: boolean
  list: PatternList
}

/** Characters of a filter with patterns. */
export const filterCharactersMax = 64 * 1024

/**
 * Reads a filter as people write it: `none`, `size:10M`, or `path:` and
 * patterns as in an ignore file, with commas between them (a comma in a name is
 * `\,`), such as `path:Level_3/**,*.txt,!*.psd`; the last that matches decides.
 * Throws `bad-filter`.
 */
export function parseFilter(text: string): ContentFilter {
  const colon = text.indexOf(':')
  const [kind, value] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
  if (text === 'none') return { kind: 'none' }
  if (kind === 'size') {
    const bytesMax = parseSize(value)
    if (bytesMax !== undefined) return { kind, bytesMax }
  }
  const lines = kind === 'path' && text.length <= filterCharactersMax ? splitPatterns(value) : []
  if (lines.length === 0) throw badFilter(text)
  return pathFilter(lines)
}

/** A filter of these patterns. */
export function pathFilter(lines: readonly string[]): ContentFilter {
  const patterns = lines.map((line): PathPattern => {
    const wanted = !line.startsWith('!')
    return { line, wanted, list: new PatternList(false).extend(rootPath, [wanted ? line : line.slice(1)]) }
  })
  return { kind: 'path', patterns }
}

/** The text that `parseFilter` reads this filter from. */
export function formatFilter(filter: ContentFilter): string {
  if (filter.kind === 'none') return 'none'
  if (filter.kind === 'size') return `size:${filter.bytesMax}`
  return `path:${filter.patterns.map(({ line }) => line.replaceAll(',', '\\,')).join(',')}`
}

/**
 * True where the content of the file at `path` is wanted at once. Always for
 * files that say how the others are to be treated (ignore and attribute files),
 * and for files without content. Symlinks are not asked about: their targets
 * are always wanted.
 */
export function matches(filter: ContentFilter, path: BytePath, size: number): boolean {
  if (size === 0 || (size <= ruleFileBytesMax && ruleFileNames.has(baseName(path)))) return true
  if (filter.kind === 'none') return false
  return filter.kind === 'size' ? size <= filter.bytesMax : filter.patterns.findLast(({ list }) => list.matches(path, false))?.wanted === true
}

const ruleFileNames: ReadonlySet<string> = new Set([...ignoreFileNames, attributesFileName])

function splitPatterns(text: string): string[] {
  return text
    .split(/(?<!\\),/)
    .map((part) => part.replaceAll('\\,', ',').trimStart())
    .filter((part) => part !== '')
}

function badFilter(text: string): DitsError {
  return new DitsError('bad-filter', `'${text.slice(0, 200)}' is not a filter for content`, {
    hint: "filters are 'none', 'size:10M' and 'path:PATTERN,PATTERN'",
  })
}
