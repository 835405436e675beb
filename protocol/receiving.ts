import type { ByteStore } from '#core'
import type { RecordReceiver } from './receive-records.ts'

/** One `store` request that is going on in this process. */
interface Receiving {
  user: string
  receiver: RecordReceiver
  /** Bytes that had come when it was last made durable. */
  settledBytes: number
}

const running = new WeakMap<ByteStore, Set<Receiving>>()

/** What came since less than this stays in memory: each time makes a pack. */
const settleBytesMin = 256 * 1024

/** Notes that somebody's objects are being received into a store; answers how to forget it. */
export function noteReceiving(store: ByteStore, user: string, receiver: RecordReceiver): () => void {
  const receiving = { user, receiver, settledBytes: 0 }
  const all = running.get(store) ?? new Set()
  running.set(store, all.add(receiving))
  return () => void all.delete(receiving)
}

/**
 * Makes durable, and so known, what a user's other streams have received so
 * far. Where a line broke without a sign, its stream waits on for a minute,
 * with up to a pack that the same user is about to send again over a new one.
 * Never throws: what fails there is told there.
 */
export async function settleReceiving(store: ByteStore, user: string): Promise<void> {
  for (const receiving of running.get(store) ?? []) {
    const { bytes } = receiving.receiver.counts
    if (receiving.user !== user || bytes - receiving.settledBytes < settleBytesMin) continue
    receiving.settledBytes = bytes
    await receiving.receiver.settle().catch(() => {})
  }
}
