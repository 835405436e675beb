import type { Id } from '../objects/id.ts'

/** What HEAD says: a branch by its name, or a commit where it is detached. */
export type HeadValue = { branch: string } | { id: Id }

/** What is read of the refs of a repository. */
export interface RefReader {
  /** The value of a ref by its full name, such as 'refs/heads/main'. */
  read(name: string): Promise<Id | undefined>
  list(prefix: string): AsyncIterable<{ name: string; id: Id }>
  readHead(): Promise<HeadValue>
}

/** What one command moved, as far as old values are looked up in it. */
export interface MovedRefs {
  head?: { before?: HeadValue; after?: HeadValue }
  refs: readonly { name: string; before?: Id; after?: Id }[]
}

/** What is read of the operation log. */
export interface OperationReader {
  newestFirst(): AsyncIterable<MovedRefs>
}

/** Where values are looked up. */
export interface EarlierContext {
  refs: RefReader
  oplog: OperationReader
}

/**
 * The value that a ref (by its full name, or 'HEAD') had before its last
 * `back` changes; 0 is what it has now. `undefined` where the log does not go
 * back so far, or the ref did not exist then. The log is read until the value
 * is found.
 */
export async function earlierValue(context: EarlierContext, name: string, back: number): Promise<Id | undefined> {
  return name === 'HEAD' ? earlierHead(context, back) : earlierRef(context, name, back)
}

/** The branch, by its full name, that was checked out before the last `back` switches; `undefined` where the log does not say. */
export async function previousBranch(oplog: OperationReader, back: number): Promise<string | undefined> {
  let left = back
  for await (const { head } of oplog.newestFirst()) {
    if (!head?.before || !('branch' in head.before) || sameHead(head.before, head.after)) continue
    if (--left === 0) return head.before.branch
  }
  return undefined
}

async function earlierRef(context: EarlierContext, name: string, back: number): Promise<Id | undefined> {
  if (back === 0) return context.refs.read(name)
  let left = back
  for await (const { refs } of context.oplog.newestFirst()) {
    const moved = refs.find((ref) => ref.name === name)
    if (!moved || moved.before === moved.after) continue
    if (--left === 0) return moved.before
  }
  return undefined
}

/**
 * HEAD changes when it is pointed elsewhere and when the branch that it points
 * at moves, so the log is played backwards with the values that the branches had.
 */
async function earlierHead(context: EarlierContext, back: number): Promise<Id | undefined> {
  const undone = new Map<string, Id | undefined>()
  const valueOf = (head: HeadValue): Id | undefined | Promise<Id | undefined> => {
    if ('id' in head) return head.id
    return undone.has(head.branch) ? undone.get(head.branch) : context.refs.read(head.branch)
  }
  let head = await context.refs.readHead()
  let value = await valueOf(head)
  let left = back
  if (left === 0) return value
  for await (const operation of context.oplog.newestFirst()) {
    for (const ref of operation.refs) undone.set(ref.name, ref.before)
    const before = operation.head?.before ?? head
    const valueBefore = await valueOf(before)
    const changed = valueBefore !== value || !sameHead(before, head)
    head = before
    value = valueBefore
    if (changed && --left === 0) return value
  }
  return undefined
}

function sameHead(a: HeadValue, b: HeadValue | undefined): boolean {
  if (!b) return false
  if ('id' in a) return 'id' in b && a.id === b.id
  return 'branch' in b && a.branch === b.branch
}
