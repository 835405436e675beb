import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import type { Repo } from '../repo.ts'
import { FolderGuard } from '../worktree/folder-guard.ts'
import { whyIgnored, type IgnoreRules } from '../worktree/ignore.ts'
import type { Index } from '../worktree/index-file.ts'
import { foldersAbove } from '../worktree/path-order.ts'
import { ignoreRules } from './changes.ts'
import type { Pathspec, PathspecName } from './pathspec.ts'
import { isStaged } from './spec-entries.ts'

/** A name that is ignored, and what says so, such as `'.ditsignore', line 3`. */
export interface IgnoredName {
  path: BytePath
  by: string
}

/**
 * Looks at the names of what is to be added before anything is read, and
 * answers which of them are ignored. Throws `no-such-path` where a name is
 * neither on disk nor staged, and `path-ignored` where all are ignored.
 */
export function checkNames(repo: Repo, index: Index | undefined, spec: Pathspec, options: { force?: boolean; trackedOnly?: boolean }): IgnoredName[] {
  const ignored: IgnoredName[] = []
  const guard = new FolderGuard(repo.root)
  let rules: IgnoreRules | undefined
  for (const name of spec.names) {
    if (name.isPattern || name.path === '' || isStaged(index, name)) continue
    const stats = guard.lookAt(name.path)
    const shown = pathToText(name.path)
    if (!stats) throw notThere(guard, name.path)
    if (options.trackedOnly) throw new DitsError('no-such-path', `'${shown}' is not tracked`, { hint: `track it with: dits add ${shown}` })
    const by = options.force ? undefined : whyIgnored(repo.root, name.path, stats.isDirectory(), (rules ??= ignoreRules(repo)))
    if (by !== undefined) ignored.push({ path: name.path, by })
  }
  if (ignored.length > 0 && ignored.length === spec.names.length) throw allIgnored(ignored)
  return ignored
}

/** The patterns that nothing has matched so far. */
export class UnmatchedPatterns {
  #patterns: PathspecName[]

  constructor(index: Index | undefined, spec: Pathspec) {
    this.#patterns = spec.names.filter((name) => name.isPattern && !isStaged(index, name))
  }

  /** Strikes out the patterns that match one of the changes. */
  strike(changes: readonly { path: BytePath }[]): void {
    this.#patterns = this.#patterns.filter((name) => !changes.some(({ path }) => name.matches(path)))
  }

  /** Throws `no-such-path` where one is left. */
  check(): void {
    const [first] = this.#patterns
    if (first) throw new DitsError('no-such-path', `'${pathToText(first.path)}' matches no file`, { hint: 'see: dits status' })
  }
}

function notThere(guard: FolderGuard, path: BytePath): DitsError {
  const link = foldersAbove(path).find((folder) => guard.lookAt(folder)?.isSymbolicLink())
  if (link === undefined) return new DitsError('no-such-path', `'${pathToText(path)}' is not there`, { hint: 'see: dits status' })
  return new DitsError('no-such-path', `'${pathToText(path)}' lies behind the link '${pathToText(link)}'`, { hint: 'add the link itself, or what it leads to' })
}

function allIgnored(names: readonly IgnoredName[]): DitsError {
  const named = names.slice(0, 5).map(({ path, by }) => `'${pathToText(path)}' by ${by}`)
  const message = names.length === 1 ? `'${pathToText(names[0]!.path)}' is ignored by ${names[0]!.by}` : `everything that was named is ignored: ${named.join(', ')}`
  return new DitsError('path-ignored', names.length > 5 ? `${message}, ...` : message, {
    hint: 'add it even so with: dits add --force',
  })
}
