import { DitsError } from '../errors.ts'
import type { Operation, RefMove } from '../oplog.ts'
import { damagedOperation } from '../oplog-record.ts'
import type { Head } from '../refs/refs.ts'
import type { Checkable } from './checkable.ts'

/**
 * Compares names with the operation log, and the log with itself. Refs and
 * HEAD carry no checksum: a name that changed or went by itself shows only
 * because no operation did it. Calls `onProblem` for each:
 * - `oplog-damaged`: a record is missing between others;
 * - `ref-missing`: a ref is gone that an operation moved and none deleted;
 * - `ref-damaged`: HEAD stands on a branch that does not exist, and that no operation went to.
 */
export async function checkAgainstLog(repo: Checkable, onProblem: (error: DitsError) => void): Promise<void> {
  for (const seq of await repo.oplog.missing()) {
    onProblem(damagedOperation(seq))
  }
  const known = await readLog(repo)
  for (const [name, move] of known.moves) {
    // One that was only created may be the creation that a crash cut off, between the record and the ref.
    if (!move.before || !move.after || !(await isGone(repo, name))) continue
    onProblem(
      new DitsError('ref-missing', `'${name}' is gone, but no operation deleted it`, {
        hint: `it was at ${move.after.slice(0, 12)}; make it again with: dits branch or dits tag`,
      }),
    )
  }
  await checkHead(repo, known, onProblem)
}

/** What the log knows of names: the last operation that moved HEAD, and the last move of each ref. */
interface Known {
  head: Operation['head'] | undefined
  moves: Map<string, RefMove>
}

/** As far back as the log can be read; what is damaged in it is found by whoever follows its links. */
async function readLog(repo: Checkable): Promise<Known> {
  const known: Known = { head: undefined, moves: new Map() }
  try {
    for await (const operation of repo.oplog.newestFirst()) {
      if (operation.head.after) known.head ??= operation.head
      for (const move of operation.refs) if (!known.moves.has(move.name)) known.moves.set(move.name, move)
    }
  } catch (error) {
    if (!(error instanceof DitsError)) throw error
  }
  return known
}

async function isGone(repo: Checkable, name: string): Promise<boolean> {
  try {
    return (await repo.refs.read(name)) === undefined
  } catch (error) {
    // A ref that cannot be read is found by whoever lists them all.
    if (error instanceof DitsError) return false
    throw error
  }
}

async function checkHead(repo: Checkable, known: Known, onProblem: (error: DitsError) => void): Promise<void> {
  let head: Head
  try {
    head = await repo.refs.readHead()
  } catch (error) {
    if (error instanceof DitsError) return
    throw error
  }
  if (!('branch' in head) || !(await isGone(repo, head.branch))) return
  if (known.head ? namesBranch(known.head, head.branch) : !hasWork(known) || known.moves.has(head.branch)) return
  onProblem(
    new DitsError('ref-damaged', `'HEAD' stands on '${head.branch}', which does not exist and which no operation went to`, {
      hint: 'go to a branch with: dits switch BRANCH',
    }),
  )
}

/** After a crash HEAD may still be where the last operation found it. */
function namesBranch({ before, after }: Operation['head'], branch: string): boolean {
  return [before, after].some((side) => side && 'branch' in side && side.branch === branch)
}

/** True where some branch went from one commit to another. */
function hasWork(known: Known): boolean {
  return [...known.moves.values()].some(({ name, before, after }) => name.startsWith('refs/heads/') && before && after)
}
