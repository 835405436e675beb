import { endianness } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { DitsError, type Id, type PackedObjects } from '#core'
import { filterBytes, IdFilter } from './bloom.ts'
import { filterBytesMax, shortIdBytes } from './limits.ts'

/** The first bytes of ids, one after another. */
export function packShortIds(ids: readonly Id[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(ids.length * shortIdBytes)
  ids.forEach((id, i) => bytes.write(id, i * shortIdBytes, shortIdBytes, 'hex'))
  return bytes
}

/**
 * For each of some short ids a bit, the lowest of a byte first: whether an
 * object is here whose id starts so. Sorted, they are looked for in one pass
 * over each pack's index, so that many packs cost little more than one. Others
 * are served between two packs.
 */
export async function heldBits(objects: PackedObjects, shortIds: Uint8Array): Promise<Uint8Array> {
  const count = shortIds.length / shortIdBytes
  const at = (i: number) => shortIds.subarray(i * shortIdBytes, (i + 1) * shortIdBytes)
  const order = orderOf(shortIds, count)
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
      await setImmediate()
    }
  })
  return bits
}

/**
 * The numbers of short ids, by the short ids: each as one integer of 64 bits
 * with its number, which has 16, behind it. Whoever compares them in JavaScript
 * keeps all other streams waiting three times as long.
 */
function orderOf(shortIds: Uint8Array, count: number): Uint32Array {
  const bytes = Buffer.from(shortIds.buffer, shortIds.byteOffset, shortIds.byteLength)
  const keys = new BigUint64Array(count)
  const words = new Uint32Array(keys.buffer)
  for (let i = 0; i < count; i++) {
    words[2 * i + highWord] = bytes.readUInt32BE(i * shortIdBytes)
    words[2 * i + 1 - highWord] = (bytes.readUInt16BE(i * shortIdBytes + 4) << 16) | i
  }
  keys.sort()
  const order = new Uint32Array(count)
  for (let k = 0; k < count; k++) order[k] = words[2 * k + 1 - highWord]! & 0xffff
  return order
}

const highWord = endianness() === 'LE' ? 1 : 0

/**
 * A filter with the ids of everything that is here. Others are served between
 * two packs. Throws `filter-too-large` where that is too much for a filter.
 */
export async function filterOfAll(objects: PackedObjects): Promise<IdFilter> {
  await objects.packs.refresh()
  const keys = await objects.packs.countObjects()
  if (filterBytes(keys) > filterBytesMax) throw new DitsError('filter-too-large', `there are ${keys} objects, too many for a filter`, { hint: 'ask by short ids' })
  const filter = new IdFilter({ keys })
  await objects.packs.followingMoves(async () => {
    for (const name of objects.packs.names) {
      const index = await objects.packs.index(name)
      for (let rank = 0; rank < index.count; rank++) filter.add(index.idBytes(rank))
      await setImmediate()
    }
  })
  return filter
}

/** Bit `i` of an answer. */
export function bitAt(bits: Uint8Array, i: number): boolean {
  return (bits[i >>> 3]! & (1 << (i & 7))) !== 0
}
