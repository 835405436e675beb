import { idFromBytes, hashObject, type Id, type ObjectKind } from '../objects/id.ts'
import type { ObjectWriter } from '../objects/object-io.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { compress } from './compress.ts'
import { createSharedKnown, KnownTable, RecentIds, sessionPackRecordsMax, type Candidate, type SharedKnown } from './known-table.ts'
import type { SharedLookups } from './lookups.ts'
import { PackSet } from './pack-set.ts'
import { PackWriter } from './pack-writer.ts'

/** What all workers of one ingest share, and hand to each other between threads. */
export interface WriteSession {
  /** Unique: starts the names of this session's packs. */
  name: string
  known: SharedKnown
  /** The packs that the table was filled from; empty where the packs' indexes are asked instead. */
  loaded: string[]
  /** Which packs to ask then, where so much is expected that this is worth the memory. */
  lookups: SharedLookups
}

/**
 * Begins a session of writing: with a table of everything that the repository
 * holds where `objects` new ones are expected to be many beside that, without
 * one where they are few, so that a small commit to a large repository is
 * cheap.
 */
export async function beginWriting(
  packs: PackSet,
  options: { name: string; objects: number; workers?: number },
): Promise<WriteSession> {
  const workers = options.workers ?? 1
  await packs.cover()
  const existing = await packs.countObjects()
  const load = existing > 0 && options.objects * 20 > existing && existing < tableObjectsMax
  const known = createSharedKnown({
    objects: options.objects + (load ? existing : 0),
    workers,
    packs: load ? packs.names.length : 0,
  })
  const loaded = load ? [...packs.names] : []
  const table = new KnownTable(known)
  for (let i = 0; i < loaded.length; i++) table.addPack(i, await packs.index(loaded[i]!))
  return { name: options.name, known, loaded, lookups: load ? [] : await packs.shareLookups(options.objects) }
}

const tableObjectsMax = 16_000_000

/** Writes objects into packs, each distinct one once. One for each worker of a session. */
export class PackedWriter implements ObjectWriter {
  /** Bytes that were new, as objects and as stored; and how many objects. */
  readonly added = { objects: 0, rawBytes: 0, storedBytes: 0 }
  private readonly packs: PackSet
  private readonly session: WriteSession
  private readonly table: KnownTable
  private readonly recent: RecentIds
  private readonly writer: PackWriter
  private readonly worker: number
  private packsStarted = 0
  private packNumber = -1
  private packReserved = false

  constructor(store: ByteStore, packs: PackSet, session: WriteSession, worker = 0) {
    this.packs = packs
    this.session = session
    this.worker = worker
    packs.adoptLookups(session.lookups)
    this.table = new KnownTable(session.known)
    this.recent = new RecentIds(session.known)
    this.writer = new PackWriter(store, { nextName: () => this.nameOf(this.packNumber), recordsMax: sessionPackRecordsMax })
  }

  write(kind: ObjectKind, bytes: Uint8Array): Id {
    const id = hashObject(kind, bytes)
    // Nothing can be waited for here: what cannot be settled at once is stored again, which costs a few bytes.
    const unsettled = this.isListed(id) ? undefined : this.claim(kind, id, bytes)
    // What the answer would have been, even that it cannot be had, is of no interest any more.
    unsettled?.catch(() => undefined)
    if (unsettled) this.append(kind, id, bytes)
    return idFromBytes(id)
  }

  /**
   * Stores an object unless it exists. Where that cannot be told at once,
   * answers a question: wait for it, and store the object by `append` where the
   * answer is false.
   */
  add(kind: ObjectKind, id: Uint8Array, bytes: Uint8Array): Promise<boolean> | undefined {
    const listed = this.asksPacks ? this.packs.locateLoaded(id) : 'absent'
    if (listed === 'held') return undefined
    return listed === 'unknown' ? this.addUnlisted(kind, id, bytes) : this.claim(kind, id, bytes)
  }

  /** Stores an object without asking whether it exists. */
  append(kind: ObjectKind, id: Uint8Array, bytes: Uint8Array): void {
    this.reservePack()
    const { codec, payload } = compress(bytes)
    this.recent.set(this.packNumber, this.writer.openCount, id)
    this.writer.append({ kind, codec, raw: bytes.length, id, payload })
    this.added.objects++
    this.added.rawBytes += bytes.length
    this.added.storedBytes += payload.length
    this.packReserved = this.writer.openCount > 0
  }

  ready(): Promise<void> | undefined {
    return this.writer.ready()
  }

  async flush(): Promise<void> {
    await this.writer.finish()
  }

  /** Gives up what is not durable yet, and leaves nothing of it behind. */
  async abandon(): Promise<void> {
    await this.writer.abandon()
  }

  /** True where the session has no table of the repository's objects, so that the packs' indexes are asked. */
  private get asksPacks(): boolean {
    return this.session.loaded.length === 0 && this.packs.names.length > 0
  }

  /** True where an index in memory has the object. */
  private isListed(id: Uint8Array): boolean {
    return this.asksPacks && this.packs.locateLoaded(id) === 'held'
  }

  private async addUnlisted(kind: ObjectKind, id: Uint8Array, bytes: Uint8Array): Promise<boolean> {
    if (await this.packs.locateAnywhere(id)) return true
    return (await this.claim(kind, id, bytes)) ?? true
  }

  private claim(kind: ObjectKind, id: Uint8Array, bytes: Uint8Array): Promise<boolean> | undefined {
    this.reservePack()
    // Before the claim, so that a worker that meets the claim finds the id.
    this.recent.set(this.packNumber, this.writer.openCount, id)
    const candidate = this.table.claim(id, this.packNumber, this.writer.openCount)
    if (!candidate) {
      this.append(kind, id, bytes)
      return undefined
    }
    return this.confirm(candidate, id)
  }

  /** `undefined` where the candidate is the object; otherwise a promise that tells. */
  private confirm(candidate: Candidate, id: Uint8Array): Promise<boolean> | undefined {
    if (candidate.pack >= this.session.known.base) {
      const same = this.recent.confirms(candidate, id)
      if (same === true) return undefined
      if (same === false) return Promise.resolve(false)
    }
    const name = this.nameOf(candidate.pack)
    const index = this.packs.loadedIndex(name)
    if (index) return index.find(id) >= 0 ? undefined : Promise.resolve(false)
    return this.packs.index(name).then((loaded) => loaded.find(id) >= 0)
  }

  /** Gives the pack that the next record goes to its number, and its part of the shared memory. */
  private reservePack(): void {
    if (this.packReserved) return
    this.packReserved = true
    this.packNumber = this.session.known.base + this.packsStarted++ * this.session.known.workers + this.worker
    this.recent.startPack(this.packNumber)
  }

  private nameOf(pack: number): string {
    const { known, loaded, name } = this.session
    return pack < known.base ? loaded[pack]! : `${name}-${pack - known.base}`
  }
}
