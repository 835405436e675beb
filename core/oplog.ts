import { damagedLog, damagedOperation, decodeOperation, encodeOperation, type Operation } from './oplog-record.ts'
import type { ByteStore } from './store/byte-store.ts'

export type { Operation, RefMove } from './oplog-record.ts'

/**
 * What every command moved, in order: the base of undo. Operations are
 * numbered from 1 without a gap, a number is never used twice, and a record is
 * never changed. Several processes may append at once. All functions throw
 * `oplog-damaged` for a record that is not what was appended, and for one that
 * is missing between others.
 */
export interface OpLog {
  /** Stores an operation after the last and answers its number. */
  append(operation: Omit<Operation, 'seq'>): Promise<number>
  /** The last operation; `undefined` where there is none. */
  latest(): Promise<Operation | undefined>
  /** One operation; `undefined` where the number was not given yet or is pruned. */
  read(seq: number): Promise<Operation | undefined>
  /** The operations from `from` (by default the last) back to the first that is kept. */
  newestFirst(from?: number): AsyncIterable<Operation>
  /**
   * Forgets the oldest operations: those before the last `count` that happened
   * before `sinceMs` (milliseconds since 1970), up to the first that is to be
   * kept. Answers how many were forgotten.
   */
  prune(keep: { count: number; sinceMs: number }): Promise<number>
  /**
   * Numbers between the first that counts and the highest found whose records
   * are not there. Lists the whole log, where the other functions probe; so it
   * also sees what lies behind a gap.
   */
  missing(): Promise<number[]>
}

export function createOpLog(store: ByteStore): OpLog {
  return new StoredOpLog(store)
}

const folder = 'oplog/'
const firstKey = 'oplog-first'
const digits = 12
/** Numbers that `missing` answers at most. */
const missingMax = 100
const numberPattern = /^\d{12}$/

/**
 * The operation log over a ByteStore. The last number is found by probing for
 * records (doubling steps from a number that is known, then halving them), so
 * that neither appending nor reading the last record lists the folder: some 35
 * looks among 100,000 records, and a few for every further one by the same object.
 */
class StoredOpLog implements OpLog {
  readonly #store: ByteStore
  /** The last number that this object came across. */
  #known: number | undefined

  constructor(store: ByteStore) {
    this.#store = store
  }

  async append(operation: Omit<Operation, 'seq'>): Promise<number> {
    for (;;) {
      const seq = (await this.#findLast()) + 1
      // False where another process took the number in between; the search then goes on from there.
      const stored = await this.#store.put(keyOf(seq), encodeOperation({ ...operation, seq }), { if: 'absent' })
      if (!stored) continue
      this.#known = seq
      if (seq >= (await this.#readFirst()).seq) return seq
      // While the number was looked for, others gave it, went on, and pruned it. The record is in no log: take the next number.
      await this.#store.delete(keyOf(seq))
    }
  }

  async latest(): Promise<Operation | undefined> {
    return this.read(await this.#findLast())
  }

  async read(seq: number): Promise<Operation | undefined> {
    if (!Number.isSafeInteger(seq) || seq < 1 || seq >= 10 ** digits) return undefined
    const stored = await this.#store.get(keyOf(seq))
    return stored && decodeOperation(stored.bytes, seq)
  }

  async *newestFirst(from?: number): AsyncIterable<Operation> {
    const last = await this.#findLast()
    const first = await this.#readFirst()
    for (let seq = Math.min(from ?? last, last); seq >= first.seq; seq--) {
      const operation = await this.read(seq)
      if (operation) {
        yield operation
        continue
      }
      // Nothing is there: pruned since this began, or lost.
      if (seq >= (await this.#readFirst()).seq) throw damagedOperation(seq)
      return
    }
  }

  async prune(keep: { count: number; sinceMs: number }): Promise<number> {
    const end = (await this.#findLast()) + 1 - Math.max(0, keep.count)
    const first = await this.#readFirst()
    let cut = first.seq
    for (; cut < end; cut++) {
      const operation = await this.read(cut)
      if (!operation) throw damagedOperation(cut)
      if (operation.timeMs >= keep.sinceMs) break
    }
    // The mark goes first: after a crash, records before it are forgotten though still there, and the next pruning removes them.
    if (cut > first.seq && !(await this.#writeFirst(cut, first.version))) return 0
    return this.#removeBefore(cut)
  }

  async missing(): Promise<number[]> {
    const missing: number[] = []
    let next = (await this.#readFirst()).seq
    for await (const key of this.#store.list(folder)) {
      const seq = numberOf(key)
      if (seq === undefined || seq < next) continue
      while (next < seq && missing.length < missingMax) missing.push(next++)
      next = seq + 1
    }
    if (missing.length === 0) return missing
    // Others may have appended and pruned while the folder was listed.
    const first = (await this.#readFirst()).seq
    const found = await Promise.all(missing.map((seq) => this.#exists(seq)))
    return missing.filter((seq, i) => seq >= first && !found[i])
  }

  /** The last number that was given; 0 where none was. */
  async #findLast(): Promise<number> {
    const known = this.#known
    // What was known may be pruned, and much after it; then only the mark tells where the log is.
    let low = known !== undefined && (await this.#exists(known)) ? known : await this.#findStart()
    let step = 1
    while (await this.#exists(low + step)) {
      low += step
      step *= 2
    }
    // The last number is `low` or between it and `low + step`, which was not given.
    let high = low + step
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (await this.#exists(middle)) low = middle
      else high = middle
    }
    this.#known = low
    return low
  }

  /** The first number, where a record has it; else the last number that was given. */
  async #findStart(): Promise<number> {
    const { seq } = await this.#readFirst()
    if (await this.#exists(seq)) return seq
    // A new log, or an empty one; but where the mark was lost, numbers must not be given again: look at all.
    let last = seq - 1
    for await (const key of this.#store.list(folder)) last = Math.max(last, numberOf(key) ?? 0)
    return last
  }

  async #exists(seq: number): Promise<boolean> {
    return (await this.#store.stat(keyOf(seq))) !== undefined
  }

  /** The number of the first record that counts, and the version of the mark that says so. */
  async #readFirst(): Promise<{ seq: number; version: string | undefined }> {
    const stored = await this.#store.get(firstKey)
    if (!stored) return { seq: 1, version: undefined }
    const text = Buffer.from(stored.bytes).toString('latin1')
    if (!numberPattern.test(text.slice(0, digits)) || text.slice(digits) !== '\n') throw damagedLog(`'${firstKey}' is damaged`)
    return { seq: Number(text), version: stored.version }
  }

  /** Moves the mark. False where another process did meanwhile, which then prunes. */
  #writeFirst(seq: number, version: string | undefined): Promise<boolean> {
    const condition = version === undefined ? 'absent' : { version }
    return this.#store.put(firstKey, Buffer.from(`${padded(seq)}\n`), { if: condition })
  }

  async #removeBefore(cut: number): Promise<number> {
    let removed = 0
    for await (const key of this.#store.list(folder)) {
      const seq = numberOf(key)
      if (seq === undefined || seq >= cut) continue
      await this.#store.delete(key)
      removed++
    }
    return removed
  }
}

function keyOf(seq: number): string {
  return folder + padded(seq)
}

function padded(seq: number): string {
  return String(seq).padStart(digits, '0')
}

function numberOf(key: string): number | undefined {
  const name = key.slice(folder.length)
  return numberPattern.test(name) ? Number(name) : undefined
}
