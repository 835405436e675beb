import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { readGcRecord, type GcRecord } from './gc-record.ts'

/**
 * Moves of refs and collections of garbage beside each other, in a store that
 * several processes write to and that nobody can lock.
 *
 * A ref is moved after a look whether all that it will reach is there. What
 * the look found must not go before the ref has moved. So whoever moves refs
 * first puts a notice (`moves/NAME`), and then reads which packs are
 * condemned. Whoever collects first records which packs it condemns, and then
 * looks for notices. Of the two, the one that comes second sees the other:
 *
 * - The notice was put before the collection looked: the collection waits
 *   until it is gone, marks what the refs reach then, and copies that out of
 *   the condemned packs before they go.
 * - The packs were condemned before the move read the record: the move copies
 *   what it needs out of them before it moves a ref, or finds it missing and
 *   is sent it. It does not take the refs of now for complete either, because
 *   what they reach may still lie in condemned packs, and they may be gone when
 *   the collection marks: it goes by the tips of the record.
 *
 * Packs that were not condemned when the move read the record go in a later
 * collection at the earliest, which has to wait for the notice. A condemned
 * pack is never pardoned, so who read an old record knows no less.
 *
 * The notice of a process that died would keep collections waiting for ever. So
 * one that is a day old, by the store's clock alone, is withdrawn; by a
 * conditional put, as its owner confirms it by one right before refs move. Of
 * the two one fails. What is left is one assumption: a ref's put takes effect
 * within a day after the notice was confirmed.
 */
export interface AnnouncedMove {
  /** Packs that are about to be removed. */
  readonly condemned: ReadonlySet<string>
  /** While there are such: commits and tags of which everything lies in other packs. Otherwise everything that a ref reaches does. */
  readonly wholeTips: readonly Id[] | undefined
  /** Called right before refs move. Throws `repository-busy` where the notice was withdrawn. */
  confirm(): Promise<void>
  /** Removes the notice, when no put of a ref can be on its way any more. What goes wrong with that is passed over. */
  end(): Promise<void>
}

const folder = 'moves/'
const announced = Buffer.from('announced\n')
const confirmed = Buffer.from('confirmed\n')
const withdrawn = Buffer.from('withdrawn\n')
/** After this the process that announced a move, or wrote a pack without an index, counts as dead. */
export const deadAfterMs = 24 * 60 * 60 * 1000

/**
 * Announces that refs will move, before anything is looked at that they will
 * reach. `name` was never used before. Throws `gc-record-damaged`.
 */
export async function announceMove(store: ByteStore, name: string): Promise<AnnouncedMove> {
  const key = folder + name
  await store.put(key, announced, { if: 'absent' })
  try {
    const version = (await store.get(key))?.version ?? ''
    return noticed(store, key, version, await readGcRecord(store))
  } catch (error) {
    // Nothing was looked at yet, so nobody has to wait.
    await store.delete(key)
    throw error
  }
}

function noticed(store: ByteStore, key: string, version: string, { condemned, wholeTips }: GcRecord): AnnouncedMove {
  return {
    condemned: new Set(condemned),
    wholeTips: condemned.length > 0 ? wholeTips : undefined,
    async confirm() {
      if (await store.put(key, confirmed, { if: { version } })) return
      throw new DitsError('repository-busy', 'garbage was collected while the push was being checked', { hint: 'push again' })
    },
    async end() {
      try {
        await store.delete(key)
      } catch (error) {
        // What was to be done is done. A notice that stays is one of a dead process.
        if (!(error instanceof DitsError)) throw error
      }
    },
  }
}

/**
 * The notices of moves that may still be on their way. Those that are dead at
 * `nowMs`, by the clock of the store, are withdrawn and left out.
 */
export async function movesUnderWay(store: ByteStore, nowMs: number): Promise<string[]> {
  const underWay: string[] = []
  for await (const key of store.list(folder)) if (!(await withdrawDead(store, key, nowMs))) underWay.push(key)
  return underWay
}

/** Whether a notice is gone. */
async function withdrawDead(store: ByteStore, key: string, nowMs: number): Promise<boolean> {
  // The value first: where it was confirmed since, the put below does not hold.
  const found = await store.get(key)
  const stat = await store.stat(key)
  if (!found || !stat) return true
  if (nowMs - stat.modifiedMs < deadAfterMs) return false
  if (!(await store.put(key, withdrawn, { if: { version: found.version } }))) return false
  await store.delete(key)
  return true
}
