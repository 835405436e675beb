import { DitsError } from '../errors.ts'
import { blake3Text } from '../hash.ts'
import { parseId, type Id } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'

/** What a collection in a store that several processes write to has decided (FORMAT.md, "Collections"). */
export interface GcRecord {
  /** Names the run that wrote it; no two are alike. */
  run: string
  /** Packs that are about to be removed. Empty where no collection is that far. */
  condemned: readonly string[]
  /** While packs are condemned: commits and tags of which everything lies in other packs. */
  wholeTips: readonly Id[]
  /** Where refs were when a collection looked, and when it did last see one there: by the clock of the store, milliseconds since 1970. */
  seen: ReadonlyMap<Id, number>
}

/** Packs condemned at once, and tips remembered of each kind, so that a record stays short enough to be put in one piece. */
export const condemnedMax = 20_000
export const tipsMax = 30_000

const recordKey = 'gc'
const packNamePattern = /^[0-9a-z-]{1,64}$/

/** The record as it is now, with its version; no version where there never was one. Throws `gc-record-damaged`. */
export async function readGcRecord(store: ByteStore): Promise<GcRecord & { version: string | undefined }> {
  const stored = await store.get(recordKey)
  if (!stored) return { run: '', condemned: [], wholeTips: [], seen: new Map(), version: undefined }
  const [check = '', json = ''] = Buffer.from(stored.bytes).toString('utf8').split('\n')
  try {
    if (blake3Text(Buffer.from(json)) !== check) throw new TypeError('its check does not hold')
    return { ...parseRecord(JSON.parse(json)), version: stored.version }
  } catch (cause) {
    throw new DitsError('gc-record-damaged', 'what a collection of garbage decided cannot be read', {
      hint: `while no collection runs, remove the value '${recordKey}' of the repository`,
      cause,
    })
  }
}

/** Replaces the record of a version. Of tips, those beyond `tipsMax` are left out. Answers false where it is another's by now. */
export async function writeGcRecord(store: ByteStore, record: GcRecord, version: string | undefined): Promise<boolean> {
  const { run, condemned, wholeTips, seen } = record
  const json = JSON.stringify({ format: 1, run, condemned, wholeTips: wholeTips.slice(0, tipsMax), seen: [...seen].slice(0, tipsMax) })
  return store.put(recordKey, Buffer.from(`${blake3Text(Buffer.from(json))}\n${json}\n`), { if: version === undefined ? 'absent' : { version } })
}

/** When the record was written, by the clock of the store: milliseconds since 1970. */
export async function gcRecordTime(store: ByteStore): Promise<number | undefined> {
  return (await store.stat(recordKey))?.modifiedMs
}

function parseRecord(value: unknown): GcRecord {
  const { format, run, condemned, wholeTips, seen } = value as Record<string, unknown>
  if (format !== 1 || typeof run !== 'string') throw new TypeError('it is of another format')
  if (!Array.isArray(condemned) || !condemned.every((name) => typeof name === 'string' && packNamePattern.test(name))) throw new TypeError('it names no packs')
  if (!Array.isArray(wholeTips) || !Array.isArray(seen)) throw new TypeError('it names no tips')
  return { run, condemned: condemned as string[], wholeTips: wholeTips.map(readTip), seen: new Map(seen.map(readSeen)) }
}

function readSeen(value: unknown): [Id, number] {
  const [tip, ms] = Array.isArray(value) ? (value as unknown[]) : []
  if (typeof ms !== 'number') throw new TypeError('a tip has no time')
  return [readTip(tip), ms]
}

function readTip(value: unknown): Id {
  if (typeof value !== 'string') throw new TypeError('a tip is no id')
  return parseId(value)
}
