import { decodeTag, DitsError, type Commit, type Id, type ObjectRef, type RecordValue } from '#core'
import { Difference } from './difference.ts'
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
  await repository.objects.packs.refresh()
  const missing = await missingBelow(repository, moves, signal)
  if (missing.length > 0) return frames.send(['missing', packRefs(missing)])
  await repository.checkMoves(moves)
  const results: [string, string, string][] = []
  for (const move of moves) results.push(await moveRef(repository, host, move))
  const moved = moves.filter((_, i) => results[i]![1] === '')
  if (moved.length > 0) host.report({ kind: 'moved', repository: repository.name, user: repository.user, moves: moved })
  await frames.send(['moved', results])
}

function readMove(value: RecordValue): RefMove {
  const [name, before, after] = readArray(value, 'move', 3)
  const move = { name: readText(name, 'ref', 1024), before: readOptionalId(before, 'before'), after: readOptionalId(after, 'after') }
  if (/^refs\/(heads|tags)\//.test(move.name)) return move
  throw new DitsError('bad-ref-name', `'${move.name}' cannot be moved from elsewhere: only branches and tags can`)
}

/** What the new values of refs need and is not here, the first so many. Everything that the refs of now reach is here. */
async function missingBelow(repository: HostedRepository, moves: readonly RefMove[], signal?: AbortSignal): Promise<ObjectRef[]> {
  const { objects } = repository
  const missing: ObjectRef[] = []
  const commits: Id[] = []
  for (const { name, after } of moves) {
    const commit = after && (await commitOf(repository, name, after, missing))
    if (commit) commits.push(commit)
  }
  const walk = await newCommits(objects, commits, await commitTips(repository), signal)
  const difference = new Difference(objects, { signal })
  for await (const { commit } of walk.commits) {
    for await (const { kind, id, located } of difference.ofTree(commit.tree, await wholeParents(repository, commit, walk.missing))) {
      if (!located) missing.push({ kind, id })
      if (missing.length >= missingMax) return missing
    }
  }
  for (const id of walk.missing) missing.push({ kind: 'commit', id })
  return missing.slice(0, missingMax)
}

/** The commit that a ref's new value leads to. Branches name commits, tags may name tags of commits. */
async function commitOf({ objects }: HostedRepository, name: string, id: Id, missing: ObjectRef[]): Promise<Id | undefined> {
  const isTag = name.startsWith('refs/tags/')
  let at = id
  for (let depth = 0; ; depth++) {
    const kind = (await locateHere(objects, at))?.kind
    if (kind === 'commit') return at
    if (kind === undefined) {
      missing.push({ kind: isTag ? 'tag' : 'commit', id: at })
      return undefined
    }
    if (kind !== 'tag' || !isTag || depth === tagDepthMax) break
    at = decodeTag(await objects.read('tag', at)).target
  }
  throw new DitsError('bad-ref-target', `'${name}' cannot be at '${id}', which leads to no commit`)
}

/** The commits that the refs of now lead to. */
async function commitTips({ refs, objects }: HostedRepository): Promise<Id[]> {
  const commits: Id[] = []
  for await (let { id } of refs.list('refs/')) {
    for (let depth = 0; depth < tagDepthMax && (await locateHere(objects, id))?.kind === 'tag'; depth++) id = decodeTag(await objects.read('tag', id)).target
    commits.push(id)
  }
  return commits
}

/** The parents that a new commit may be compared with: they are whole, or new and gone through as well. */
async function wholeParents({ objects }: HostedRepository, commit: Commit, missing: ReadonlySet<Id>): Promise<Commit[]> {
  return commit.parents.some((id) => missing.has(id)) ? [] : parentsHere(objects, commit)
}

async function moveRef({ name: repository, user, refs }: HostedRepository, host: Host, { name, before, after }: RefMove): Promise<[string, string, string]> {
  try {
    await refs.move(name, before, after)
    return [name, '', '']
  } catch (error) {
    if (!(error instanceof DitsError)) throw error
    const told = errorToTell(host, error, { repository, user, request: 'move' })
    return [name, told.code, clipText(told.message, moveTextBytesMax)]
  }
}
