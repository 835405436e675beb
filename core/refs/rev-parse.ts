import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError, hasCode } from '../errors.ts'
import { mergeBases } from '../history/ancestry.ts'
import { readCommit } from '../history/paint.ts'
import { decodeCommit } from '../objects/commit.ts'
import type { Id, ObjectKind } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { decodeTag } from '../objects/tag.ts'
import type { TreeEntry } from '../objects/tree-entry.ts'
import { entryAtPath } from '../objects/tree.ts'
import { earlierValue, previousBranch, type OperationReader, type RefReader } from './earlier-values.ts'
import { nearestName } from './nearest-name.ts'
import { listStashRefs } from './stash-refs.ts'
import { parseRangeSyntax, parseRevisionSyntax, type RevisionBase, type RevisionStep } from './revision-syntax.ts'

export type { HeadValue, MovedRefs, OperationReader, RefReader } from './earlier-values.ts'

export interface FoundObject {
  id: Id
  kind: ObjectKind
}

/** Everything that a revision may be looked up in. */
export interface RevisionContext {
  reader: ObjectReader
  refs: RefReader
  oplog: OperationReader
  /** The objects whose ids start with these hex digits (a full id finds the object itself), or the first few of them. */
  findByPrefix(prefix: string): Promise<FoundObject[]>
}

/** What a revision stands for. */
export interface Revision {
  id: Id
  kind: ObjectKind
  /** For `rev:path`: the path, and its entry ('' for the root directory has an entry without a name). */
  path?: BytePath
  entry?: TreeEntry
}

/** What `A`, `A..B` or `A...B` stands for, ready for `walkCommits(reader, starts, { exclude })`. */
export interface RevisionRange {
  /** The commit left of the dots; `undefined` where the text is a single revision. */
  left: Id | undefined
  right: Id
  /** Three dots: the commits on either side, but not on both. */
  symmetric: boolean
  starts: Id[]
  exclude: Id[]
}

/** The shortest start of an id that is looked up. */
const prefixDigitsMin = 4
/** Refs that are compared with a name that was not found. */
const suggestionRefsMax = 10_000
/** Tags naming tags naming tags. */
const tagDepthMax = 64
/** Where a short name is looked for. */
const refFolders = ['refs/', 'refs/tags/', 'refs/heads/', 'refs/remotes/']
/** People name commits and tags; with 16 million chunks, every short prefix is also the start of some chunk's id. */
const kindsByLikelihood: ObjectKind[][] = [['commit', 'tag'], ['tree', 'manifest'], ['chunk', 'list']]

/**
 * Finds what the text of a revision stands for: HEAD or @, a branch, a tag,
 * `heads/x`, `origin/x`, `refs/…`, `stash`, an id or at least 4 digits of one; then
 * `@{n}` (its value n changes ago) or alone `@{-n}` (the branch before the last
 * n switches); then steps `~n`, `^n`, `^{}`, `^{commit}`, `^{tree}`, `^{tag}`;
 * then `:path`. Throws `bad-revision` (not of this form), `unknown-revision`,
 * `ambiguous-revision` (a branch and a tag of one name), `ambiguous-id`,
 * `unknown-path`, `wrong-kind` (a step that the object has not).
 */
export async function parseRevision(context: RevisionContext, text: string): Promise<Revision> {
  const { base, steps, path } = parseRevisionSyntax(text)
  let found = await resolveBase(context, base, text)
  for (const step of steps) found = await takeStep(context, found, step, text)
  return path === undefined ? found : entryRevision(context, found, path, text)
}

/**
 * Finds what a range of commits stands for. `A..B`: what B reaches and A does
 * not; `A...B`: what only one of them reaches; `A`: what A reaches. Throws as
 * `parseRevision`.
 */
export async function parseRange(context: RevisionContext, text: string): Promise<RevisionRange> {
  const { left: leftText, right: rightText, symmetric } = parseRangeSyntax(text)
  const right = await parseCommit(context, rightText)
  if (leftText === undefined) return { left: undefined, right, symmetric, starts: [right], exclude: [] }
  const left = await parseCommit(context, leftText)
  if (!symmetric) return { left, right, symmetric, starts: [right], exclude: [left] }
  const exclude = await mergeBases(context.reader, left, right)
  return { left, right, symmetric, starts: [left, right], exclude }
}

/** The commit that a revision stands for, through tags. Throws as `parseRevision`. */
export async function parseCommit(context: RevisionContext, text: string): Promise<Id> {
  const found = await parseRevision(context, text)
  return (await peel(context, found, 'commit', text)).id
}

async function resolveBase(context: RevisionContext, base: RevisionBase, text: string): Promise<FoundObject> {
  const stashed = await findStashEntry(context, base, text)
  if (stashed !== undefined) return objectOfId(context, stashed)
  if (base.kind === 'name') return resolveName(context, base.name, text)
  if (base.kind === 'previous-branch') {
    const branch = await previousBranch(context.oplog, base.back)
    if (branch === undefined) throw unknown(text, `the operation log knows of fewer than ${base.back} switches from a branch`)
    return objectOfRef(context, branch, text)
  }
  const name = base.name === 'HEAD' ? 'HEAD' : await fullName(context, base.name, text)
  const id = await earlierValue(context, name, base.back)
  if (id === undefined) throw unknown(text, `the operation log knows no value of '${shortName(name)}' from ${base.back} changes ago`)
  return objectOfId(context, id)
}

/** The entry that `stash` or `stash@{n}` means, unless a branch or tag is called so, or the stash is empty. */
async function findStashEntry(context: RevisionContext, base: RevisionBase, text: string): Promise<Id | undefined> {
  if (base.kind === 'previous-branch' || base.name !== 'stash' || (await findRef(context, base.name, text)) !== undefined) return undefined
  const entries = await listStashRefs(context.refs)
  const back = base.kind === 'earlier' ? base.back : 0
  if (entries.length > 0 && back >= entries.length) throw unknown(text, 'see: dits stash list')
  return entries[back]?.id
}

async function resolveName(context: RevisionContext, name: string, text: string): Promise<FoundObject> {
  if (name === 'HEAD') return resolveHead(context, text)
  const ref = await findRef(context, name, text)
  if (ref !== undefined) return objectOfRef(context, ref, text)
  const isHex = /^[0-9a-f]+$/i.test(name) && name.length >= prefixDigitsMin && name.length <= 64
  const found = isHex ? await findById(context, name.toLowerCase()) : undefined
  if (found) return found
  throw unknown(text, await suggestion(context, name))
}

async function resolveHead(context: RevisionContext, text: string): Promise<FoundObject> {
  const head = await context.refs.readHead()
  if ('id' in head) return objectOfId(context, head.id)
  const id = await context.refs.read(head.branch)
  if (id === undefined) throw unknown(text, `the branch '${shortName(head.branch)}' has no commit yet; run: dits commit`)
  return objectOfId(context, id)
}

/** The ref that a name stands for; the current branch for no name (HEAD where none is checked out). */
async function fullName(context: RevisionContext, name: string | undefined, text: string): Promise<string> {
  if (name === undefined) {
    const head = await context.refs.readHead()
    return 'branch' in head ? head.branch : 'HEAD'
  }
  const ref = await findRef(context, name, text)
  if (ref === undefined) throw unknown(text, await suggestion(context, name))
  return ref
}

async function findRef(context: RevisionContext, name: string, text: string): Promise<string | undefined> {
  const candidates = name.startsWith('refs/') ? [name] : refFolders.map((folder) => folder + name)
  const found: string[] = []
  for (const candidate of candidates) {
    if ((await readRef(context, candidate)) !== undefined) found.push(candidate)
  }
  const [first, second] = found
  if (first === undefined || second === undefined) return first
  throw new DitsError('ambiguous-revision', `'${text}' stands for '${first}' and '${second}'`, {
    hint: `write '${first.slice('refs/'.length)}' or '${second.slice('refs/'.length)}'`,
  })
}

/** What is no name for a ref names nothing. */
async function readRef(context: RevisionContext, name: string): Promise<Id | undefined> {
  try {
    return await context.refs.read(name)
  } catch (error) {
    if (hasCode(error, 'bad-ref-name')) return undefined
    throw error
  }
}

async function objectOfRef(context: RevisionContext, ref: string, text: string): Promise<FoundObject> {
  const id = await context.refs.read(ref)
  if (id === undefined) throw unknown(text, `'${shortName(ref)}' does not exist any more`)
  return objectOfId(context, id)
}

/** What a ref names must be there: its absence is damage. */
async function objectOfId(context: RevisionContext, id: Id): Promise<FoundObject> {
  const found = (await context.findByPrefix(id)).find((object) => object.id === id)
  if (!found) throw new DitsError('object-missing', `object '${id}' is missing`, { hint: 'run: dits fsck' })
  return found
}

async function findById(context: RevisionContext, prefix: string): Promise<FoundObject | undefined> {
  const found = await context.findByPrefix(prefix)
  for (const kinds of kindsByLikelihood) {
    const likely = new Map(found.filter(({ kind }) => kinds.includes(kind)).map((object) => [object.id, object]))
    const [first, second] = likely.values()
    if (second) throw ambiguousId(prefix, [...likely.values()])
    if (first) return first
  }
  return undefined
}

function ambiguousId(prefix: string, found: FoundObject[]): DitsError {
  const shown = found.slice(0, 8).map(({ id, kind }) => `${kind} ${id.slice(0, Math.max(16, prefix.length + 4))}`)
  const rest = found.length > shown.length ? ` and ${found.length - shown.length} more` : ''
  return new DitsError('ambiguous-id', `'${prefix}' is the start of several ids`, {
    hint: `write more digits: ${shown.join(', ')}${rest}`,
  })
}

async function takeStep(
  context: RevisionContext,
  from: FoundObject,
  step: RevisionStep,
  text: string,
): Promise<FoundObject> {
  if (step.kind === 'peel') return peel(context, from, step.to, text)
  let commit = await peel(context, from, 'commit', text)
  if (step.kind === 'parent') return step.number === 0 ? commit : parentOf(context, commit.id, step.number, text)
  for (let i = 0; i < step.generations; i++) commit = await parentOf(context, commit.id, 1, text)
  return commit
}

async function parentOf(context: RevisionContext, id: Id, number: number, text: string): Promise<FoundObject> {
  const { parents } = await readCommit(context.reader, id)
  const parent = parents[number - 1]
  if (parent !== undefined) return { id: parent, kind: 'commit' }
  if (context.reader.shallow?.has(id)) {
    throw unknown(text, `what came before '${id.slice(0, 12)}' was left behind: bring it with dits fetch --unshallow, or a part of it with dits fetch --deepen N`)
  }
  const count = parents.length === 1 ? '1 parent' : `${parents.length} parents`
  throw unknown(text, parents.length === 0 ? `'${id.slice(0, 12)}' is a first commit` : `'${id.slice(0, 12)}' has ${count}`)
}

/** Through tags, and from a commit to its tree, until the object is of the kind that is wanted. */
async function peel(
  context: RevisionContext,
  from: FoundObject,
  to: ObjectKind | undefined,
  text: string,
): Promise<FoundObject> {
  let at = from
  for (let depth = 0; at.kind === 'tag' && at.kind !== to && depth < tagDepthMax; depth++) {
    const tag = decodeTag(await context.reader.read('tag', at.id))
    at = { id: tag.target, kind: tag.targetKind }
  }
  if (to === 'tree' && at.kind === 'commit') {
    at = { id: decodeCommit(await context.reader.read('commit', at.id)).tree, kind: 'tree' }
  }
  if (at.kind === to || (to === undefined && at.kind !== 'tag')) return at
  const wanted = to ?? 'tagged object'
  throw new DitsError('wrong-kind', `'${text}' needs a ${wanted}, and there is a ${at.kind}`, {
    hint: `name something that leads to a ${wanted}`,
  })
}

async function entryRevision(
  context: RevisionContext,
  from: FoundObject,
  path: BytePath,
  text: string,
): Promise<Revision> {
  const root = await peel(context, from, 'tree', text)
  const entry = await entryAtPath(context.reader, root.id, path)
  if (!entry) {
    const revision = text.slice(0, text.indexOf(':'))
    throw new DitsError('unknown-path', `'${pathToText(path)}' does not exist in '${revision}'`, {
      hint: 'paths start at the top of the project, and upper and lower case differ',
    })
  }
  return { id: entry.id, kind: entry.content, path, entry }
}

function unknown(text: string, hint: string): DitsError {
  return new DitsError('unknown-revision', `'${text}' is not a known revision`, { hint })
}

async function suggestion(context: RevisionContext, name: string): Promise<string> {
  const names: string[] = []
  for await (const ref of context.refs.list('refs/')) {
    if (names.push(shortName(ref.name)) >= suggestionRefsMax) break
  }
  const nearest = nearestName(name, ['HEAD', ...names])
  return nearest === undefined ? 'run: dits branch or dits tag to see the names, dits log to see the ids' : `did you mean '${nearest}'?`
}

function shortName(ref: string): string {
  return ref.replace(/^refs\/(?:heads|tags|remotes)\//, '')
}
