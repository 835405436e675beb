import { joinPath, parentPath, pathFromText, rootPath, type BytePath } from '../bytes.ts'
import type { ProfileName } from '../objects/manifest.ts'
import { readRuleFile } from './ignore.ts'
import { patternLines, PatternList } from './patterns.ts'
import { isProfileName } from './profiles.ts'

/** What attribute files say of a path; a missing field means that they say nothing about it. */
export interface Attributes {
  lockable?: boolean
  /** The name of the handler to use. */
  handler?: string
  profile?: ProfileName
}

export const attributesFileName = '.ditsattributes' as BytePath

/**
 * The attribute rules in force in one folder and below it. A line is a pattern
 * as in gitignore (in double quotes where it has spaces; without `!`) and
 * words: `lockable`, `-lockable`, `handler=NAME`, `profile=NAME`. A pattern
 * that names a folder speaks of everything below. For each word the last line
 * that matches decides, and files in inner folders come last.
 */
export class AttributeRules {
  readonly #rules: readonly Rule[]
  readonly #foldsCase: boolean
  /** What is wrong in the files that were read, a sentence for each line; such lines have no effect. */
  readonly problems: readonly string[]

  constructor(options: { foldsCase?: boolean } = {}, rules: readonly Rule[] = [], problems: readonly string[] = []) {
    this.#foldsCase = options.foldsCase ?? false
    this.#rules = rules
    this.problems = problems
  }

  /** The rules in `folder`, given the text of its attributes file; these are the rules of its parent. */
  enter(folder: BytePath, text: string): AttributeRules {
    const rules = [...this.#rules]
    const problems = [...this.problems]
    patternLines(text).forEach((line, number) => {
      const parsed = parseLine(line)
      if (typeof parsed === 'string') problems.push(`line ${number + 1} of '${joinPath(folder, attributesFileName)}': ${parsed}`)
      else if (parsed) {
        rules.push({ ...parsed, pattern: new PatternList(this.#foldsCase).extend(folder, [parsed.text]) })
      }
    })
    return new AttributeRules({ foldsCase: this.#foldsCase }, rules, problems)
  }

  /** What the rules say of the file at `path`, which lies in their folder or below it. */
  of(path: BytePath): Attributes {
    const found: Attributes = {}
    for (const { pattern, attributes } of this.#rules) {
      if (pattern.matches(path, false)) Object.assign(found, attributes)
    }
    return found
  }
}

/** The attributes of files in a working tree. Reads each folder's attributes file once. */
export class WorktreeAttributes {
  readonly #root: BytePath
  readonly #outermost: AttributeRules
  readonly #inFolder = new Map<BytePath, AttributeRules>()
  readonly #onProblem: ((problem: string) => void) | undefined

  /** `onProblem` is told of each line that has no effect, when its file is read. */
  constructor(root: string, options: { foldsCase?: boolean; onProblem?: ((problem: string) => void) | undefined } = {}) {
    this.#root = pathFromText(root)
    this.#outermost = new AttributeRules(options)
    this.#onProblem = options.onProblem
  }

  /** What the attribute files say of the file at `path`. Throws `rules-too-large`. */
  of(path: BytePath): Attributes {
    return this.rulesIn(parentPath(path)).of(path)
  }

  /** The rules in force in a folder. Throws `rules-too-large`. */
  rulesIn(folder: BytePath): AttributeRules {
    const known = this.#inFolder.get(folder)
    if (known) return known
    const above = folder === rootPath ? this.#outermost : this.rulesIn(parentPath(folder))
    const text = readRuleFile(this.#root, joinPath(folder, attributesFileName))
    const rules = text === undefined ? above : above.enter(folder, text)
    for (const problem of rules.problems.slice(above.problems.length)) this.#onProblem?.(problem)
    if (this.#inFolder.size >= foldersMax) this.#inFolder.clear()
    this.#inFolder.set(folder, rules)
    return rules
  }
}

interface Rule {
  pattern: PatternList
  attributes: Attributes
}

/** Folders whose rules are kept at hand. */
const foldersMax = 10_000

/** A line's pattern and attributes, `undefined` for an empty line or a comment, or what is wrong with it. */
function parseLine(line: string): { text: string; attributes: Attributes } | undefined | string {
  if (/^\s*(#|$)/.test(line)) return undefined
  const [, quoted, plain, rest = ''] = /^\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))(.*)$/.exec(line) ?? []
  const text = quoted?.replace(/\\(["\\])/g, '$1') ?? plain ?? ''
  if (text.startsWith('!')) return `'${text}': a pattern here cannot start with '!'`
  const attributes: Attributes = {}
  for (const word of rest.split(/\s+/).filter((part) => part !== '')) {
    if (!readWord(word, attributes)) return `'${word}' is not an attribute`
  }
  return { text, attributes }
}

function readWord(word: string, into: Attributes): boolean {
  const equals = word.indexOf('=')
  const value = word.slice(equals + 1)
  switch (equals < 0 ? word : word.slice(0, equals + 1)) {
    case 'lockable':
    case '-lockable':
      into.lockable = word === 'lockable'
      return true
    case 'handler=':
      into.handler = value
      return value !== ''
    case 'profile=':
      if (!isProfileName(value)) return false
      into.profile = value
      return true
    default:
      return false
  }
}
