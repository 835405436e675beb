import { lstatSync } from 'node:fs'
import { rootPath, type BytePath } from '../core/bytes.ts'
import { readCurrentHead } from '../core/changing/head.ts'
import { DitsError, hasCode } from '../core/errors.ts'
import type { Id } from '../core/objects/id.ts'
import { entryOfObject } from '../core/file-facts.ts'
import type { TreeEntry } from '../core/objects/tree-entry.ts'
import { entryAtPath } from '../core/objects/tree.ts'
import { parseCommit, parseRange, parseRevision, type Revision } from '../core/refs/rev-parse.ts'
import type { Repo } from '../core/repo.ts'
import { resolvePath } from '../core/staging/pathspec.ts'
import { readIndex } from '../core/staging/stage.ts'
import { diskPath } from '../core/worktree/disk.ts'
import type { RestArguments } from './command.ts'
import type { Context } from './context.ts'
import { pathFromArgument } from './raw-arguments.ts'
import { pathOf, revisionContext } from './revisions.ts'

/** Words of a command line that may name versions, files, or first the one and then the other. */
export interface RevisionsAndPaths {
  revisions: string[]
  paths: string[]
}

/** Codes that say that a word is no revision; all others say that it is one with something wrong. */
const notRevision = ['unknown-revision', 'bad-revision', 'unknown-path', 'bad-ref-name']

/**
 * Tells revisions from paths, as git does: with '--' it stands between them;
 * without, words are revisions until one is none, and from there on paths.
 * Throws `ambiguous-argument` for a word that is both, and what is wrong with
 * the revision for one that is neither.
 */
export async function splitWords(context: Context, repo: Repo, words: readonly string[], rest: RestArguments): Promise<RevisionsAndPaths> {
  if (rest.dashes) {
    const revisions = words.slice(0, words.length - rest.afterDashes.length)
    return { revisions: [...revisions], paths: [...rest.afterDashes] }
  }
  for (const [i, word] of words.entries()) {
    const problem = await revisionProblem(repo, word)
    const isPath = await isKnownPath(context, repo, word)
    if (problem === undefined && isPath && !word.includes(':')) {
      throw new DitsError('ambiguous-argument', `'${word}' is both a version and a file`, {
        hint: `write '${word} --' for the version, or '-- ${word}' for the file`,
      })
    }
    if (problem === undefined) continue
    if (!isPath) throw neither(word, problem)
    return { revisions: words.slice(0, i), paths: words.slice(i) }
  }
  return { revisions: [...words], paths: [] }
}

/** What is wrong with a word as a revision or range; `undefined` where it is one. */
async function revisionProblem(repo: Repo, word: string): Promise<DitsError | undefined> {
  const context = revisionContext(repo)
  try {
    if (word.startsWith('^')) await parseCommit(context, word.slice(1))
    else if (isRange(word)) await parseRange(context, word)
    else await parseRevision(context, word)
    return undefined
  } catch (error) {
    if (error instanceof DitsError && notRevision.includes(error.code)) return error
    throw error
  }
}

/** True where the word has the dots of a range. */
export function isRange(word: string): boolean {
  return word.includes('..') && !word.includes(':') && !/^\.\.?\/|^\.\.$|\/\.\.?(\/|$)/.test(word)
}

function neither(word: string, problem: DitsError): DitsError {
  return new DitsError(problem.code, `'${word}' is neither a version nor a file`, {
    hint: [problem.hint, `for a file that is gone, write it after '--'`].filter((hint) => hint !== undefined).join('\n'),
    cause: problem,
  })
}

/** Whether a word names something on disk, staged or committed, or is a pattern. */
async function isKnownPath(context: Context, repo: Repo, word: string): Promise<boolean> {
  if (/[*?[]/.test(word)) return true
  let path: BytePath
  try {
    path = pathOf(context, repo, word)
  } catch (error) {
    if (hasCode(error, 'outside-repository')) return false
    throw error
  }
  if (lstatSync(diskPath(repo.rootBytes, path), { throwIfNoEntry: false })) return true
  const index = await readIndex(repo)
  if (index && (index.find(path) !== undefined || index.findFolder(path) !== undefined)) return true
  const { commit } = await readCurrentHead(repo)
  return commit !== undefined && (await entryAtPath(repo.objects, commit.tree, path)) !== undefined
}

/** Where a walk over commits starts, and whose history it leaves out. */
export interface CommitRange {
  starts: Id[]
  exclude: Id[]
}

/** The commits that words such as 'main', 'A..B', 'A...B' and '^A' stand for together. */
export async function commitRange(repo: Repo, words: readonly string[]): Promise<CommitRange> {
  const context = revisionContext(repo)
  const range: CommitRange = { starts: [], exclude: [] }
  for (const word of words) {
    if (word.startsWith('^')) range.exclude.push(await parseCommit(context, word.slice(1)))
    else {
      const { starts, exclude } = await parseRange(context, word)
      range.starts.push(...starts)
      range.exclude.push(...exclude)
    }
  }
  return range
}

/**
 * What a word names that stands for content: `REV:PATH` (PATH from the root,
 * or from here where it starts with './' or '../', or absolute), `:PATH` for what is
 * staged, a revision, or a path of the last commit. Throws `unknown-path`,
 * and what `parseRevision` throws.
 */
export async function findContent(context: Context, repo: Repo, word: string): Promise<Revision> {
  const colon = word.indexOf(':')
  try {
    if (colon < 0) return await parseRevision(revisionContext(repo), word)
    return await contentAt(context, repo, word.slice(0, colon), word.slice(colon + 1))
  } catch (error) {
    if (!(error instanceof DitsError) || !notRevision.includes(error.code)) throw error
    const path = pathOf(context, repo, word)
    const { commit } = await readCurrentHead(repo)
    const entry = commit && (await entryAtPath(repo.objects, commit.tree, path))
    if (entry) return { id: entry.id, kind: entry.content, path, entry }
    if (colon >= 0) throw error
    throw new DitsError(error.code, `'${word}' is neither a version nor a file of the last commit`, {
      hint: `a file of another version is REV:${word}; to find one, run: dits log -- ${word}`,
      cause: error,
    })
  }
}

/** What stands at a path of a version; no version means what is staged. */
async function contentAt(context: Context, repo: Repo, version: string, name: string): Promise<Revision> {
  const isRelative = /^\.\.?(\/|$)/.test(name) || name.startsWith(`${repo.root}/`)
  const path = isRelative ? pathOf(context, repo, name) : resolvePath(pathFromArgument(name), rootPath)
  const tree = version === '' ? (await readIndex(repo))?.tree : await treeOfVersion(repo, version)
  const entry = tree && (await entryAtPath(repo.objects, tree, path))
  if (entry) return { id: entry.id, kind: entry.content, path, entry }
  throw new DitsError('unknown-path', `'${name}' ${version === '' ? 'is not staged' : `does not exist in '${version}'`}`, {
    hint: version === '' ? 'see: dits ls-files' : `see: dits ls-tree -r ${version}`,
  })
}

/** A version first, so that what is wrong with it is said in the words that were typed. */
async function treeOfVersion(repo: Repo, version: string): Promise<Id> {
  await parseRevision(revisionContext(repo), version)
  return (await parseRevision(revisionContext(repo), `${version}^{tree}`)).id
}

/** The directory or file that a word names; tags and commits stand for their trees. */
export async function findEntry(context: Context, repo: Repo, word: string): Promise<TreeEntry> {
  const found = await findContent(context, repo, word)
  if (found.entry) return found.entry
  if (found.kind === 'manifest' || found.kind === 'chunk' || found.kind === 'list') return entryOfObject(repo.objects, found)
  return (await entryAtPath(repo.objects, await treeOfVersion(repo, word), rootPath))!
}
