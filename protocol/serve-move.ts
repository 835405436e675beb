import { decodeTag, DitsError, hasCode, Rescue, type AnnouncedMove, type Commit, type Id, type ObjectKind, type ObjectRef, type PackedObjects, type RecordValue } from '#core'
import { Difference, type Needed } from './difference.ts'
import { errorToTell } from './faults.ts'
import { clipText, packRefs, readArray, readOptionalId, readText } from './fields.ts'
import type { FrameStream, Message } from './frames.ts'
import type { Host, HostedRepository, RefMove } from './host.ts'
import { missingMax, movesMax, moveTextBytesMax, tagDepthMax } from './limits.ts'
import { locateHere, newCommits, parentsHere } from './new-commits.ts'

/**
 * `['move', [[name, before, after]…]]`: moves refs by compare-and-set, once all
 * that they will reach is here. Answers what is missing, or for each ref what
 * became of it.
 */
export async function serveMove(frames: FrameStream, repository: HostedRepository, host: Host, message: Message, signal?: AbortSignal): Promise<void> {
  const moves = readArray(message[1], 'moves', movesMax).map(readMove)
  const answer = await checkAndMove(repository, host, moves, signal)
  if ('missing' in answer) return frames.send(['missing', packRefs(answer.missing)])
  const moved = moves.filter((_, i) => answer.results[i]![1] === '')
  if (moved.length > 0) host.report({ kind: 'moved', repository: repository.name, user: repository.user, moves: moved })
  await frames.send(['moved', answer.results])
}

/** A ref's name, the code of what kept it from moving ('': it moved), and the text. */
type Result = [string, string, string]

async function checkAndMove(repository: HostedRepository, host: Host, moves: readonly RefMove[], signal?: AbortSignal): Promise<{ missing: ObjectRef[] } | { results: Result[] }> {
  // First of all, so that nothing is removed of what is found from here on (core/collecting/announced-move.ts).
  const announced = await repository.announceMove?.()
  let isUnsettled = false
  try {
    await repository.objects.packs.refresh()
    const missing = await followingSweeps(repository, () => completeBelow(repository, moves, announced, signal))
    if (missing.length > 0) return { missing }
    await repository.checkMoves([...moves])
    await announced?.confirm()
    const results: Result[] = []
    for (const move of moves) {
      const wasUnsettled: boolean = isUnsettled
      isUnsettled = true
      const { result, isSettled } = await moveRef(repository, host, move)
      isUnsettled = wasUnsettled || !isSettled
      results.push(result)
    }
    return { results }
  } finally {
    // A put whose outcome nobody knows may still take effect: what it needs has to stay.
    if (!isUnsettled) await announced?.end()
  }
}

/** Why a ref did not move, and certainly will not. */
const settledCodes: ReadonlySet<string> = new Set(['ref-moved', 'ref-conflict', 'ref-damaged', 'bad-ref-name'])
/** How often packs may go while they are looked through. */
const sweepsMax = 3

/** Does what may come upon objects that a collection has just removed: then once more, without them. */
async function followingSweeps<T>({ objects: { packs } }: HostedRepository, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const { generation } = packs
    try {
      return await work()
    } catch (error) {
      const isGone = hasCode(error, 'pack-missing') || hasCode(error, 'object-missing')
      if (!isGone || tries === sweepsMax || !(await packs.haveChangedSince(generation))) throw error
    }
  }
}

function readMove(value: RecordValue): RefMove {
  const [name, before, after] = readArray(value, 'move', 3)
  const move = { name: readText(name, 'ref', 1024), before: readOptionalId(before, 'before'), after: readOptionalId(after, 'after') }
  if (/^refs\/(heads|tags)\//.test(move.name)) return move
  throw new DitsError('bad-ref-name', `'${move.name}' cannot be moved from elsewhere: only branches and tags can`)
}

/** What the new values of refs need and is not here, the first so many. Where all is, what of it lay only in condemned packs was copied out of them. */
async function completeBelow(repository: HostedRepository, moves: readonly RefMove[], announced: AnnouncedMove | undefined, signal?: AbortSignal): Promise<ObjectRef[]> {
  const condemned = announced?.condemned
  const rescue = condemned && condemned.size > 0 ? new Rescue(repository, condemned) : undefined
  const check = new Check(repository, rescue)
  const missing = await missingBelow(check, moves, announced?.wholeTips, signal)
  if (missing.length === 0) await rescue?.copyOut()
  return missing
}

/** Looks for objects, and notes those that have to be copied out of condemned packs. */
class Check {
  readonly repository: HostedRepository
  readonly missing: ObjectRef[] = []
  readonly #rescue: Rescue | undefined

  constructor(repository: HostedRepository, rescue: Rescue | undefined) {
    this.repository = repository
    this.#rescue = rescue
  }

  /** The kind of an object that is needed; `undefined` where it is not here. */
  async find(id: Id): Promise<ObjectKind | undefined> {
    const located = await locateHere(this.repository.objects, id)
    if (located) await this.#rescue?.need(id, located)
    return located?.kind
  }

  /** Takes note of what a difference gave. */
  async need({ kind, id, located }: Needed): Promise<void> {
    if (located) await this.#rescue?.need(id, located)
    else this.missing.push({ kind, id })
  }
}

/** Everything that `wholeTips` reach is here, or else what the refs of now do. */
async function missingBelow(check: Check, moves: readonly RefMove[], wholeTips: readonly Id[] | undefined, signal?: AbortSignal): Promise<ObjectRef[]> {
  const { missing, repository } = check
  const { objects } = repository
  const commits: Id[] = []
  for (const { name, after } of moves) {
    const commit = after && (await commitOf(check, name, after))
    if (commit) commits.push(commit)
  }
  const walk = await newCommits(objects, commits, await commitsOf(objects, wholeTips ?? (await refTips(repository))), signal)
  const difference = new Difference(objects, { signal })
  for await (const { id, commit } of walk.commits) {
    await check.find(id)
    for await (const needed of difference.ofTree(commit.tree, await wholeParents(repository, commit, walk.missing))) {
      await check.need(needed)
      if (missing.length >= missingMax) return missing
    }
  }
  for (const id of walk.missing) missing.push({ kind: 'commit', id })
  return missing.slice(0, missingMax)
}

/** The commit that a ref's new value leads to. Branches name commits, tags may name tags of commits. */
async function commitOf(check: Check, name: string, id: Id): Promise<Id | undefined> {
  const isTag = name.startsWith('refs/tags/')
  let at = id
  for (let depth = 0; ; depth++) {
    const kind = await check.find(at)
    if (kind === 'commit') return at
    if (kind === undefined) {
      check.missing.push({ kind: isTag ? 'tag' : 'commit', id: at })
      return undefined
    }
    if (kind !== 'tag' || !isTag || depth === tagDepthMax) break
    at = decodeTag(await check.repository.objects.read('tag', at)).target
  }
  throw new DitsError('bad-ref-target', `'${name}' cannot be at '${id}', which leads to no commit`)
}

async function refTips({ refs }: HostedRepository): Promise<Id[]> {
  return (await Array.fromAsync(refs.list('refs/'))).map(({ id }) => id)
}

/** The commits that tips lead to. */
async function commitsOf(objects: PackedObjects, tips: readonly Id[]): Promise<Id[]> {
  const commits: Id[] = []
  for (let id of tips) {
    for (let depth = 0; depth < tagDepthMax && (await locateHere(objects, id))?.kind === 'tag'; depth++) id = decodeTag(await objects.read('tag', id)).target
    commits.push(id)
  }
  return commits
}

/** The parents that a new commit may be compared with: they are whole, or new and gone through as well. */
async function wholeParents({ objects }: HostedRepository, commit: Commit, missing: ReadonlySet<Id>): Promise<Commit[]> {
  return commit.parents.some((id) => missing.has(id)) ? [] : parentsHere(objects, commit)
}

async function moveRef({ name: repository, user, refs }: HostedRepository, host: Host, { name, before, after }: RefMove): Promise<{ result: Result; isSettled: boolean }> {
  try {
    await refs.move(name, before, after)
    return { result: [name, '', ''], isSettled: true }
  } catch (error) {
    if (!(error instanceof DitsError)) throw error
    const told = errorToTell(host, error, { repository, user, request: 'move' })
    return { result: [name, told.code, clipText(told.message, moveTextBytesMax)], isSettled: settledCodes.has(error.code) }
  }
}
