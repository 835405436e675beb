import { collectShared, newSessionName, openCollectable, previewShared, type SweepReport } from '#core'
import type { Clock } from './accounts.ts'
import { checkRepositoryName } from './names.ts'
import type { Repositories } from './repositories.ts'

/** How a collection goes about it. */
export interface CollectOptions {
  /** What nothing refers to stays this long. */
  graceMs: number
  /** Finds out what would be removed, and removes nothing. */
  dryRun: boolean
  clock: Clock
  /** Resolves after so many milliseconds. */
  wait(ms: number): Promise<void>
  signal?: AbortSignal | undefined
  /** Called while objects are marked, with how many there were so far. */
  onMarked?: ((objects: number) => void) | undefined
}

/** How long a push that is about to move branches is waited for. */
const patienceMs = 60_000

/**
 * Collects the garbage of one repository, while servers serve it. Throws
 * `bad-repository-name`, `unknown-repository`, `transfer-running` where pushes
 * that may need what is to go are not over within a minute, `repository-busy`
 * where another collection took over, and what a damaged repository throws.
 */
export async function collectGarbage(repositories: Repositories, name: string, options: CollectOptions): Promise<SweepReport> {
  checkRepositoryName(name)
  const { graceMs, clock, wait, signal, onMarked } = options
  const store = repositories.contentOf(name)
  const repo = await openCollectable(store, { newSessionName: () => newSessionName({ env: clock }), signal, onMarked })
  if (options.dryRun) return previewShared(repo, { graceMs, nowMs: clock.now() })
  return collectShared(repo, { graceMs, patienceMs, wait })
}
