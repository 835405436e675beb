import { DitsError } from './errors.ts'
import type { ObjectRef } from './reachable.ts'
import type { Collectable } from './collecting/sweep.ts'
import type { Head } from './refs/refs.ts'
import type { Id } from './objects/id.ts'
import { readIndex } from './staging/stage.ts'
import { objectsOfMove, objectsOfState, readMergeState } from './merging/merge-state.ts'

/** An object that keeps everything it reaches. */
export interface Root extends ObjectRef {
  /** True where nothing but the operation log refers to it. */
  undoOnly: boolean
}

/**
 * Everything that a repository refers to: refs, a detached HEAD, what is
 * staged, a merge in progress, and what the operation log could bring back.
 * With `onProblem`, damage is reported and the rest still found; without it,
 * it throws.
 */
export async function findRoots(repo: Pick<Collectable, 'store' | 'objects' | 'refs' | 'oplog'>, onProblem?: (error: DitsError) => void): Promise<Root[]> {
  const roots = new Map<Id, Root>()
  let undoOnly = false
  const add = (kind: Root['kind'], id: Id | undefined) => void (id && !roots.has(id) && roots.set(id, { kind, id, undoOnly }))
  const guarded = async (work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof DitsError) || !onProblem) throw error
      onProblem(error)
    }
  }
  const addTip = async (id: Id | undefined) => add(id ? await kindOfTip(repo, id) : 'commit', id)
  const addHead = (head: Head | undefined) => (head && 'id' in head ? addTip(head.id) : undefined)
  await guarded(async () => addHead(await repo.refs.readHead()))
  await guarded(async () => {
    for await (const { id } of repo.refs.list('refs/')) await addTip(id)
  })
  await guarded(async () => {
    const index = await readIndex(repo)
    add('tree', index?.tree)
  })
  await guarded(async () => {
    const merge = await readMergeState(repo)
    for (const { kind, id } of merge ? objectsOfState(merge) : []) add(kind, id)
  })
  undoOnly = true
  await guarded(async () => {
    for await (const operation of repo.oplog.newestFirst()) {
      for (const move of operation.refs) for (const id of [move.before, move.after]) await addTip(id)
      await addHead(operation.head.before)
      await addHead(operation.head.after)
      const { staged, saved, disk, merge = {} } = operation
      for (const id of [staged.before, staged.after, saved, disk?.before, disk?.after]) add('tree', id)
      for (const { kind, id } of objectsOfMove(merge)) add(kind, id)
    }
  })
  return [...roots.values()]
}

/** A ref names a commit or an annotated tag; what is missing counts as a commit, and will be reported as missing. */
async function kindOfTip(repo: Pick<Collectable, 'objects'>, id: Id): Promise<Root['kind']> {
  const located = await repo.objects.locate(id)
  return located?.kind === 'tag' ? 'tag' : 'commit'
}
