import { lstatSync, readFileSync } from 'node:fs'
import { joinPath, pathFromText, pathToText, rootPath, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { ruleFileBytesMax } from '../limits.ts'
import { diskPath } from './disk.ts'
import { foldersAbove } from './path-order.ts'
import { patternLines, PatternList, patternOfPath } from './patterns.ts'

/**
 * What is ignored in one folder and below it: the rules of the folders on the
 * way, innermost last. In one folder, `.ditsignore` overrules `.gitignore`.
 * What is tracked stays tracked, whatever the rules say; that is up to the
 * caller.
 */
export class IgnoreRules {
  readonly #patterns: PatternList
  readonly #readsFiles: boolean

  constructor(patterns: PatternList, options: { readsFiles?: boolean } = {}) {
    this.#patterns = patterns
    this.#readsFiles = options.readsFiles ?? true
  }

  /**
   * The rules in force in `folder`, whose names are given and whose parent has
   * these rules. Throws `rules-too-large` for an ignore file over 1 MiB.
   */
  enter(root: BytePath, folder: BytePath, names: readonly string[]): IgnoreRules {
    if (!this.#readsFiles) return this
    let patterns = this.#patterns
    for (const name of ignoreFileNames) {
      const text = names.includes(name) ? readRuleFile(root, joinPath(folder, name)) : undefined
      if (text !== undefined) patterns = patterns.extend(folder, patternLines(text), (line) => `'${pathToText(joinPath(folder, name))}', line ${line}`)
    }
    return patterns === this.#patterns ? this : new IgnoreRules(patterns)
  }

  /** Whether the rules ignore `path`, which lies in their folder or below it. */
  ignores(path: BytePath, isFolder: boolean): boolean {
    return this.#patterns.matches(path, isFolder)
  }

  /** What ignores `path`, such as `'shots/.ditsignore', line 3`; `undefined` where nothing does. */
  reason(path: BytePath, isFolder: boolean): string | undefined {
    return this.#patterns.reason(path, isFolder)
  }
}

export interface IgnoreOptions {
  /** The content of the user's own ignore file, which applies to all repositories. */
  userText?: string
  /** Single paths that are ignored, too. */
  paths?: Iterable<BytePath>
  /** Upper and lower case are the same in names; default: false. */
  foldsCase?: boolean
}

/**
 * The rules before any folder's file is read: system rubbish and other version
 * control are ignored (a `!` pattern takes them back), then what the user says
 * for all repositories.
 */
export function baseRules(options: IgnoreOptions = {}): IgnoreRules {
  const defaults = new PatternList(options.foldsCase ?? false).extend(rootPath, defaultPatterns, () => 'a rule of dits itself')
  const users = defaults.extend(rootPath, patternLines(options.userText ?? ''), (line) => `your own ignore file, line ${line}`)
  return new IgnoreRules(users.extend(rootPath, Array.from(options.paths ?? [], patternOfPath)))
}

/** Rules that leave out the folders of other version control and nothing else, whatever ignore files say. */
export function versionControlRules(foldsCase: boolean): IgnoreRules {
  return new IgnoreRules(new PatternList(foldsCase).extend(rootPath, versionControlNames), { readsFiles: false })
}

/**
 * What ignores one path of a working tree, which need not exist (see
 * `IgnoreRules.reason`); `undefined` where nothing does. `root` is the working
 * tree's folder. Throws `rules-too-large`.
 */
export function whyIgnored(root: string, path: BytePath, isFolder: boolean, base: IgnoreRules): string | undefined {
  const rootBytes = pathFromText(root)
  let rules = base.enter(rootBytes, rootPath, ignoreFileNames)
  for (const folder of foldersAbove(path)) {
    const reason = rules.reason(folder, true)
    if (reason !== undefined) return reason
    rules = rules.enter(rootBytes, folder, ignoreFileNames)
  }
  return rules.reason(path, isFolder)
}

/** True for files that systems leave behind by themselves; a folder that holds nothing else counts as empty. */
export function isRubbish(name: string): boolean {
  return rubbishNames.includes(name)
}

/** The text of an ignore or attributes file; `undefined` where there is no such regular file. Throws `rules-too-large`. */
export function readRuleFile(root: BytePath, path: BytePath): string | undefined {
  const at = diskPath(root, path)
  const stats = lstatSync(at, { throwIfNoEntry: false })
  if (!stats?.isFile()) return undefined
  if (stats.size > ruleFileBytesMax) {
    throw new DitsError('rules-too-large', `'${path}' has more than ${ruleFileBytesMax} bytes`, {
      hint: 'use patterns instead of lists of files',
    })
  }
  return readFileSync(at, 'utf8')
}

/** The names of ignore files, in this order: the later overrules. */
export const ignoreFileNames: readonly BytePath[] = ['.gitignore' as BytePath, '.ditsignore' as BytePath]

const rubbishNames = ['.DS_Store', '.Spotlight-V100', '.TemporaryItems', '.Trashes', '.fseventsd', 'Thumbs.db', 'ehthumbs.db']

const versionControlNames = ['.git', '.hg', '.svn']

const defaultPatterns = [...rubbishNames, '$RECYCLE.BIN/', ...versionControlNames, 'System Volume Information/']
