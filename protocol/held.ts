import type { Id, PackedObjects } from '#core'
import { IdFilter } from './bloom.ts'
import { shortIdBytes } from './limits.ts'

/** The first bytes of ids, one after another. */
export function packShortIds(ids: readonly Id[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(ids.length * shortIdBytes)
  ids.forEach((id, i) => bytes.write(id, i * shortIdBytes, shortIdBytes, 'hex'))
  return bytes
}

/**
 * For each of some short ids a bit, the lowest of a byte first: whether an
 * object is here whose id starts so. Sorted, they are looked for in one pass
 * over each pack's index, so that many packs cost little more than one.
 */
export async function heldBits(objects: PackedObjects, shortIds: Uint8Array): Promise<Uint8Array> {
  const count = shortIds.length / shortIdBytes
  const at = (i: number) => shortIds.subarray(i * shortIdBytes, (i + 1) * shortIdBytes)
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => Buffer.compare(at(a), at(b)))
  const bits = new Uint8Array(Math.ceil(count / 8))
  await objects.packs.refresh()
  await objects.packs.followingMoves(async () => {
    for (const name of objects.packs.names) {
      const index = await objects.packs.index(name)
      let rank = 0
      for (const i of order) {
        rank = index.lowerBound(at(i), rank)
        if (rank === index.count) break
        if (Buffer.compare(index.idBytes(rank).subarray(0, shortIdBytes), at(i)) === 0) bits[i >>> 3]! |= 1 << (i & 7)
      }
    }
  })
  return bits
}

/** A filter with the ids of everything that is here. */
export async function filterOfAll(objects: PackedObjects): Promise<IdFilter> {
  await objects.packs.refresh()
  const filter = new IdFilter({ keys: await objects.packs.countObjects() })
  await objects.packs.followingMoves(async () => {
    for (const name of objects.packs.names) {
      const index = await objects.packs.index(name)
      for (let rank = 0; rank < index.count; rank++) filter.add(index.idBytes(rank))
    }
  })
  return filter
}

/** Bit `i` of an answer. */
export function bitAt(bits: Uint8Array, i: number): boolean {
  return (bits[i >>> 3]! & (1 << (i & 7))) !== 0
}
