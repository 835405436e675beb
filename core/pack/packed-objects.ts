import { DitsError, hasCode } from '../errors.ts'
import { readShallow } from '../history/shallow.ts'
import { hashObject, idFromBytes, idToBytes, type Id, type ObjectKind } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { ByteRange, ByteStore } from '../store/byte-store.ts'
import { decompress } from './compress.ts'
import { packDamaged, readRecordHeader, recordCheckHolds, recordHeaderBytes } from './pack-format.ts'
import { PackSet, type Located } from './pack-set.ts'
import { packKey } from './pack-writer.ts'

/** Small records are read with what follows them, because what follows is usually asked next. */
const windowBytes = 128 * 1024
const windowsMax = 16

/** The objects of a repository, read from its packs. Every byte handed out has been verified against its id. */
export class PackedObjects implements ObjectReader {
  readonly packs: PackSet
  shallow: ReadonlySet<Id>
  private readonly store: ByteStore
  private readonly windows: Window[] = []

  private constructor(store: ByteStore, packs: PackSet, shallow: ReadonlySet<Id>) {
    this.store = store
    this.packs = packs
    this.shallow = shallow
  }

  static async open(store: ByteStore): Promise<PackedObjects> {
    return new PackedObjects(store, await PackSet.open(store), await readShallow(store))
  }

  /** Looks again which packs there are, and whose parents were left behind. */
  async refresh(): Promise<void> {
    await this.packs.refresh()
    this.shallow = await readShallow(this.store)
  }

  async has(id: Id): Promise<boolean> {
    return (await this.locate(id)) !== undefined
  }

  async read(kind: ObjectKind, id: Id): Promise<Uint8Array> {
    return this.packs.followingMoves(async () => {
      const located = await this.locate(id)
      if (!located) throw new DitsError('object-missing', `${kind} '${id}' is missing`, { hint: 'run: dits fsck' })
      if (located.kind !== kind) throw objectDamaged(kind, id, located.pack)
      return this.readCopy(kind, id, located).catch((error: unknown) => this.readOtherCopy(kind, id, located, error))
    })
  }

  /** Where an object lies, also in packs that were added since this was opened. */
  async locate(id: Id): Promise<Located | undefined> {
    for (;;) {
      const { generation } = this.packs
      const located = await this.packs.locate(id)
      if (located || !((await this.packs.haveChangedSince(generation)) || (await this.packs.proveLookups()))) return located
    }
  }

  /**
   * Where an object lies in the packs that are known: for who asks for many that
   * may be missing, as they are in a partial repository, which is no reason to
   * list the packs again for each.
   */
  async locateKnown(id: Id): Promise<Located | undefined> {
    const located = await this.packs.locate(id)
    return located ?? ((await this.packs.proveLookups()) ? this.packs.locate(id) : undefined)
  }

  /** Where an object lies, as far as the indexes in memory can tell. */
  locateNow(id: Id): Located | undefined {
    const bytes = idToBytes(id)
    return this.packs.locateNow(bytes) ?? (this.packs.locateLoaded(bytes) === 'held' ? this.packs.locateNow(bytes) : undefined)
  }

  /** Bytes of a pack, not verified. Throws `pack-missing` and, where it ends before, `pack-damaged`. */
  async readPack(pack: string, range: ByteRange): Promise<Uint8Array> {
    const stored = await this.store.get(packKey(pack), range)
    if (!stored) throw new DitsError('pack-missing', `pack '${pack}' is missing`, { hint: 'run: dits fsck' })
    if (stored.bytes.length < range.length) throw packDamaged(pack, 'it is cut short')
    return stored.bytes
  }

  private async readCopy(kind: ObjectKind, id: Id, located: Located): Promise<Uint8Array> {
    return openRecord(await this.readRecord(located), located, kind, idToBytes(id))
  }

  /** Any copy serves that is sound, such as one in a pack that was brought back from a backup. Throws `damage` where there is none. */
  private async readOtherCopy(kind: ObjectKind, id: Id, first: Located, damage: unknown): Promise<Uint8Array> {
    if (!isDamage(damage)) throw damage
    for (const other of await this.packs.locateAll(id)) {
      if (other.pack === first.pack || other.kind !== kind) continue
      try {
        return await this.readCopy(kind, id, other)
      } catch (error) {
        if (!isDamage(error)) throw error
      }
    }
    throw damage
  }

  private async readRecord(located: Located): Promise<Uint8Array> {
    const length = recordHeaderBytes + located.stored
    for (const window of this.windows) {
      const from = located.offset - window.offset
      if (window.pack === located.pack && from >= 0 && from + length <= window.bytes.length) {
        return window.bytes.subarray(from, from + length)
      }
    }
    const stored = await this.store.get(packKey(located.pack), { offset: located.offset, length: Math.max(length, windowBytes) })
    if (!stored) throw new DitsError('pack-missing', `pack '${located.pack}' is missing`, { hint: 'run: dits fsck' })
    if (stored.bytes.length < length) throw packDamaged(located.pack, 'it is cut short')
    this.windows.unshift({ pack: located.pack, offset: located.offset, bytes: stored.bytes })
    if (this.windows.length > windowsMax) this.windows.pop()
    return stored.bytes.subarray(0, length)
  }
}

function isDamage(error: unknown): boolean {
  return hasCode(error, 'object-damaged') || hasCode(error, 'pack-damaged')
}

interface Window {
  pack: string
  offset: number
  bytes: Uint8Array
}

/**
 * The object in a record, verified: the record's own check, its kind, and the
 * object's bytes against `id`. A compressed one is unpacked in `into` where
 * that is given and large enough. Throws `object-damaged`, naming the pack.
 */
export function openRecord(record: Uint8Array, located: Pick<Located, 'pack' | 'offset' | 'stored'>, kind: ObjectKind, id: Uint8Array, into?: Uint8Array): Uint8Array {
  try {
    const header = readRecordHeader(record, 0, located.pack)
    const payload = record.subarray(recordHeaderBytes, recordHeaderBytes + header.stored)
    if (header.kind !== kind || header.stored !== located.stored || !recordCheckHolds(record, 0, header)) {
      throw packDamaged(located.pack, `the record at ${located.offset} is not what was written`)
    }
    const bytes = decompress(header.codec, payload, header.raw, into)
    if (bytes.length !== header.raw || Buffer.compare(hashObject(kind, bytes), id) !== 0) {
      throw packDamaged(located.pack, `the object at ${located.offset} is not what its id says`)
    }
    return bytes
  } catch (cause) {
    throw objectDamaged(kind, idFromBytes(id), located.pack, cause)
  }
}

function objectDamaged(kind: ObjectKind, id: Id, pack: string, cause?: unknown): DitsError {
  return new DitsError('object-damaged', `${kind} '${id}' is damaged in pack '${pack}'`, {
    hint: 'run: dits fsck --full, which names the files that it touches',
    cause,
  })
}
