import { equalBytes } from '../bytes.ts'
import { knownTableBytesMax } from '../limits.ts'
import { PackIndex } from './pack-index.ts'

/**
 * Which objects exist already: an open-addressing table over the first 8 bytes
 * of the ids, in shared memory, so that all workers of one ingest use the same.
 * Two ids may share their first 8 bytes (an attacker can make such a pair), so
 * a hit only says where the full id must be confirmed.
 *
 * A slot is four 32-bit words: the two halves of the prefix, the pack's number
 * plus one (0 empty, -1 while it is written), and the record's ordinal.
 *
 * Packs are numbered: those of the repository first, in the order of their
 * list; then those of this session, where pack k of worker w of W has the
 * number `base + k * W + w`. The ids of the packs that each worker wrote last
 * stay in shared memory (`recent`), because their indexes are not on disk yet;
 * older ones are confirmed in their indexes.
 */
export interface SharedKnown {
  slots: SharedArrayBuffer
  recent: SharedArrayBuffer
  workers: number
  /** The first number of a pack of this session. */
  base: number
}

const slotWords = 4
const slotBytes = slotWords * 4
const writing = -1
const prefixSlotsMin = 1 << 12
/**
 * Slots that an id may be away from where its search begins. At the load that
 * tables are made for few ids are ten slots away; a table that took more than
 * it was made for, or ids that someone chose to collide, must not cost a walk
 * through all of it for each look-up.
 */
const probesMax = 256

/** Records that a pack of a session may have: what `recent` has room for. */
export const sessionPackRecordsMax = 1 << 14
/** Packs of one worker whose ids stay in shared memory: the open one, and those that may still be on their way to disk. */
const recentPacks = 4
const recentPackBytes = sessionPackRecordsMax * 32
const ownerBytes = recentPacks * 4

/** Bytes of shared memory for a table that will hold `objects` objects, within the limit. */
export function knownSlotsFor(objects: number): number {
  const wanted = Math.max(prefixSlotsMin, Math.ceil(objects / 0.6))
  const slots = 2 ** Math.ceil(Math.log2(wanted))
  return Math.min(slots, knownTableBytesMax / slotBytes)
}

/** Empty memory for a table that several workers share: `objects` is how many will be entered, `packs` how many packs there are. */
export function createSharedKnown(options: { objects: number; workers: number; packs: number }): SharedKnown {
  const { objects, workers, packs } = options
  return {
    slots: new SharedArrayBuffer(knownSlotsFor(objects) * slotBytes),
    recent: new SharedArrayBuffer(workers * (ownerBytes + recentPacks * recentPackBytes)),
    workers,
    base: packs,
  }
}

/** Where an object with the same first 8 bytes is said to be. */
export interface Candidate {
  pack: number
  ordinal: number
}

/** One worker's view of the shared table of known objects. */
export class KnownTable {
  readonly shared: SharedKnown
  private readonly words: Int32Array
  private readonly mask: number

  constructor(shared: SharedKnown) {
    this.shared = shared
    this.words = new Int32Array(shared.slots)
    this.mask = shared.slots.byteLength / slotBytes - 1
  }

  /** Adds every object of a pack of the repository. */
  addPack(pack: number, index: PackIndex): void {
    for (let rank = 0; rank < index.count; rank++) this.claim(index.idBytes(rank), pack, rank)
  }

  /**
   * Enters an id unless one with the same first 8 bytes is there. Answers the
   * one that is there, or `undefined` where the id was entered (or where the
   * table is full around the id's place, whichever worker filled it: then an
   * object may be stored twice, which costs space and harms nothing).
   */
  claim(id: Uint8Array, pack: number, ordinal: number): Candidate | undefined {
    const low = id[0]! | (id[1]! << 8) | (id[2]! << 16) | (id[3]! << 24)
    const high = id[4]! | (id[5]! << 8) | (id[6]! << 16) | (id[7]! << 24)
    for (let slot = (low ^ (high >>> 7)) & this.mask, probes = 0; probes < probesMax; slot = (slot + 1) & this.mask, probes++) {
      const at = slot * slotWords
      let owner = Atomics.load(this.words, at + 2)
      if (owner === 0) {
        owner = Atomics.compareExchange(this.words, at + 2, 0, writing)
        if (owner === 0) return this.fill(at, low, high, pack, ordinal)
      }
      while (owner === writing) owner = Atomics.load(this.words, at + 2)
      if (this.words[at] === low && this.words[at + 1] === high) return { pack: owner - 1, ordinal: this.words[at + 3]! }
    }
    return undefined
  }

  private fill(at: number, low: number, high: number, pack: number, ordinal: number): undefined {
    this.words[at] = low
    this.words[at + 1] = high
    this.words[at + 3] = ordinal
    Atomics.store(this.words, at + 2, pack + 1)
    return undefined
  }
}

/** The ids of the packs that workers wrote last. Each worker writes its own part and reads all. */
export class RecentIds {
  private readonly shared: SharedKnown
  private readonly bytes: Uint8Array
  private readonly owners: Int32Array

  constructor(shared: SharedKnown) {
    this.shared = shared
    this.bytes = new Uint8Array(shared.recent)
    this.owners = new Int32Array(shared.recent, 0, shared.workers * recentPacks)
  }

  /** Says that from now on a part of the memory belongs to pack `pack` of this session. */
  startPack(pack: number): void {
    Atomics.store(this.owners, this.partOf(pack), pack + 1)
  }

  set(pack: number, ordinal: number, id: Uint8Array): void {
    this.bytes.set(id, this.offsetOf(pack, ordinal))
  }

  /**
   * Whether the record is the object `id`; `undefined` where the memory was
   * given to a later pack, so that the pack's index must answer.
   */
  confirms(candidate: Candidate, id: Uint8Array): boolean | undefined {
    const part = this.partOf(candidate.pack)
    if (Atomics.load(this.owners, part) !== candidate.pack + 1) return undefined
    const at = this.offsetOf(candidate.pack, candidate.ordinal)
    const same = equalBytes(this.bytes.subarray(at, at + 32), id)
    return Atomics.load(this.owners, part) === candidate.pack + 1 ? same : undefined
  }

  private partOf(pack: number): number {
    const { base, workers } = this.shared
    const number = pack - base
    return (number % workers) * recentPacks + (Math.floor(number / workers) % recentPacks)
  }

  private offsetOf(pack: number, ordinal: number): number {
    return this.shared.workers * ownerBytes + this.partOf(pack) * recentPackBytes + ordinal * 32
  }
}
