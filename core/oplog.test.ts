import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { idOf } from '../test/contracts/refs.ts'
import { blake3Text } from './hash.ts'
import { createOpLog, type Operation, type OpLog } from './oplog.ts'
import type { ByteRange, ByteStore, PutCondition } from './store/byte-store.ts'
import { DiskStore } from './store/disk-store.ts'
import { CrashError, FaultyStore } from './store/faulty-store.ts'
import { MemoryStore } from './store/memory-store.ts'

const bare = { command: 'dits commit', head: {}, refs: [], staged: {} }
const at = (timeMs: number): Omit<Operation, 'seq'> => ({ ...bare, timeMs })
const full: Omit<Operation, 'seq'> = {
  timeMs: 1_700_000_000_123,
  command: "dits commit -m 'Grüße \u2028\n🎬'",
  head: { before: { branch: 'refs/heads/main' }, after: { id: idOf('head') } },
  refs: [
    { name: 'refs/heads/main', before: idOf(1), after: idOf(2) },
    { name: 'refs/heads/new', after: idOf(3) },
    { name: 'refs/tags/old', before: idOf(4) },
  ],
  staged: { before: idOf(5), after: idOf(6) },
  worktree: true,
  saved: idOf(7),
  undoes: 3,
}

async function append(log: OpLog, count: number, firstTimeMs = 1): Promise<void> {
  for (let i = 0; i < count; i++) await log.append(at(firstTimeMs + i))
}

async function numbers(log: OpLog, from?: number): Promise<number[]> {
  const found = []
  for await (const { seq } of log.newestFirst(from)) found.push(seq)
  return found
}

describe('the operation log', () => {
  let store: MemoryStore
  let log: OpLog
  beforeEach(() => {
    store = new MemoryStore()
    log = createOpLog(store)
  })

  it('is empty at first', async () => {
    expect(await log.latest()).toBeUndefined()
    expect(await log.read(1)).toBeUndefined()
    expect(await numbers(log)).toEqual([])
    expect(await log.prune({ count: 0, sinceMs: Infinity })).toBe(0)
  })

  it('gives back what was appended, numbered from one', async () => {
    expect(await log.append(at(1))).toBe(1)
    expect(await log.append(full)).toBe(2)
    expect(await log.read(1)).toEqual({ ...at(1), seq: 1 })
    expect(await log.read(2)).toEqual({ ...full, seq: 2 })
    expect(await log.latest()).toEqual({ ...full, seq: 2 })
    for (const seq of [0, -1, 3, 1.5, NaN, 10 ** 12]) expect(await log.read(seq)).toBeUndefined()
  })

  it('reads back to the first, from the last or from any', async () => {
    await append(log, 5)
    expect(await numbers(log)).toEqual([5, 4, 3, 2, 1])
    expect(await numbers(log, 3)).toEqual([3, 2, 1])
    expect(await numbers(log, 99)).toEqual([5, 4, 3, 2, 1])
    expect(await numbers(log, 0)).toEqual([])
  })

  it('finds the last of any number of operations', async () => {
    for (let count = 1; count <= 40; count++) {
      await log.append(at(count))
      expect((await createOpLog(store).latest())?.seq).toBe(count)
    }
  })

  it('sees what others append', async () => {
    const other = createOpLog(store)
    for (let seq = 1; seq < 20; seq += 2) {
      expect(await log.append(at(1))).toBe(seq)
      expect(await other.append(at(1))).toBe(seq + 1)
      expect((await log.latest())?.seq).toBe(seq + 1)
    }
  })

  it('gives every one of many who append at once a number of its own', async () => {
    const logs = Array.from({ length: 4 }, () => createOpLog(store))
    const given = await Promise.all(Array.from({ length: 40 }, (_, i) => logs[i % 4]!.append(at(i))))
    expect([...given].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    for (const [i, seq] of given.entries()) expect((await log.read(seq))?.timeMs).toBe(i)
  })

  it('keeps the record of FORMAT.md', async () => {
    await log.append(full)
    const record = Buffer.from((await store.get('oplog/000000000001'))!.bytes).toString()
    const [json = '', check, rest] = record.split('\n')
    expect(check).toBe(blake3Text(Buffer.from(json)))
    expect(rest).toBe('')
    expect(JSON.parse(json)).toEqual({ format: 1, seq: 1, ...full })
  })
})

describe('a long operation log', () => {
  const length = 100_000
  let counted: CountingStore
  beforeEach(async () => {
    const store = new MemoryStore()
    for (let seq = 1; seq < length; seq++) await store.put(`oplog/${String(seq).padStart(12, '0')}`, Buffer.from('x'))
    counted = new CountingStore(store)
  })

  it('takes few looks to append to and to read the last of, and is never listed', async () => {
    const log = createOpLog(counted)
    expect(await log.append(at(1))).toBe(length)
    expect(counted.calls).toBeLessThan(50)
    counted.calls = 0
    for (let i = 1; i <= 10; i++) expect(await log.append(at(1))).toBe(length + i)
    expect(counted.calls).toBeLessThan(50)
    counted.calls = 0
    expect((await createOpLog(counted).latest())?.seq).toBe(length + 10)
    expect(counted.calls).toBeLessThan(50)
    expect(counted.lists).toBe(0)
  })
})

describe('pruning', () => {
  let store: MemoryStore
  let log: OpLog
  beforeEach(async () => {
    store = new MemoryStore()
    log = createOpLog(store)
    await append(log, 10)
  })

  const cases = [
    { keep: { count: 10, sinceMs: Infinity }, kept: [10, 9, 8, 7, 6, 5, 4, 3, 2, 1] },
    { keep: { count: 3, sinceMs: Infinity }, kept: [10, 9, 8] },
    { keep: { count: 3, sinceMs: 6 }, kept: [10, 9, 8, 7, 6] },
    { keep: { count: 3, sinceMs: 10 }, kept: [10, 9, 8] },
    { keep: { count: 0, sinceMs: 10 }, kept: [10] },
    { keep: { count: 0, sinceMs: Infinity }, kept: [] },
    { keep: { count: 99, sinceMs: Infinity }, kept: [10, 9, 8, 7, 6, 5, 4, 3, 2, 1] },
  ]
  for (const { keep, kept } of cases) {
    it(`keeps ${kept.length} of ten with the last ${keep.count} and what is not older than ${keep.sinceMs}`, async () => {
      expect(await log.prune(keep)).toBe(10 - kept.length)
      expect(await numbers(log)).toEqual(kept)
      expect(await numbers(createOpLog(store))).toEqual(kept)
      expect(await createOpLog(store).append(at(1))).toBe(11)
      expect(await log.append(at(1))).toBe(12)
    })
  }

  it('keeps what follows an operation that is kept, whatever its clock said', async () => {
    const askew = createOpLog((store = new MemoryStore()))
    for (const timeMs of [1, 2, 900, 3, 4, 5]) await askew.append(at(timeMs))
    expect(await askew.prune({ count: 1, sinceMs: 100 })).toBe(2)
    expect(await numbers(askew)).toEqual([6, 5, 4, 3])
  })

  it('can be done again and again while the log grows', async () => {
    for (let round = 1; round <= 5; round++) {
      await append(log, 7, 1000 * round)
      await log.prune({ count: 4, sinceMs: Infinity })
      const last = 10 + 7 * round
      expect(await numbers(createOpLog(store))).toEqual([last, last - 1, last - 2, last - 3])
    }
  })

  it('never makes a number be given twice, not even to whoever looked long ago', async () => {
    const sleeper = createOpLog(store)
    expect((await sleeper.latest())?.seq).toBe(10)
    await append(log, 10)
    await log.prune({ count: 2, sinceMs: Infinity })
    expect((await sleeper.latest())?.seq).toBe(20)
    await log.prune({ count: 0, sinceMs: Infinity })
    expect(await sleeper.latest()).toBeUndefined()
    expect(await sleeper.append(at(1))).toBe(21)
  })

  it('takes a record back whose number was given and pruned before it was put', async () => {
    // The others append and prune exactly between the look for the last number and the put.
    const late = new (class extends CountingStore {
      override async put(key: string, body: Uint8Array, condition?: PutCondition): Promise<boolean> {
        if (key === 'oplog/000000000011' && this.puts++ === 0) {
          await append(log, 5)
          await log.prune({ count: 1, sinceMs: Infinity })
        }
        return super.put(key, body, condition)
      }
    })(store)
    expect(await createOpLog(late).append(at(1))).toBe(16)
    expect(await numbers(log)).toEqual([16, 15])
    expect(await store.stat('oplog/000000000011')).toBeUndefined()
  })

  it('forgets all or nothing of what it says, at whichever write it crashes', async () => {
    for (let fault = 1; ; fault++) {
      const below = new MemoryStore()
      await append(createOpLog(below), 10)
      const faulty = new FaultyStore(below, { kind: 'crash', at: fault, left: fault % 2 ? 'nothing' : 'everything' })
      const pruning = createOpLog(faulty).prune({ count: 4, sinceMs: Infinity })
      const crashed = await pruning.then(() => false, (error) => error instanceof CrashError)
      const after = createOpLog(below)
      expect([[10, 9, 8, 7], [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]]).toContainEqual(await numbers(after))
      await after.prune({ count: 4, sinceMs: Infinity })
      expect(await numbers(after)).toEqual([10, 9, 8, 7])
      expect(await after.append(at(1))).toBe(11)
      for (let seq = 1; seq <= 6; seq++) expect(await after.read(seq)).toBeUndefined()
      if (!crashed) return expect(fault).toBeGreaterThan(6)
    }
  })
})

describe('damage in the operation log', () => {
  const key = (seq: number): string => `oplog/${String(seq).padStart(12, '0')}`
  let store: MemoryStore
  let log: OpLog
  beforeEach(async () => {
    store = new MemoryStore()
    log = createOpLog(store)
    await append(log, 4)
  })

  it('is found wherever a byte of a record is changed or missing', async () => {
    const record = Buffer.from((await store.get(key(2)))!.bytes)
    for (let i = 0; i < record.length; i++) {
      const changed = Buffer.from(record)
      changed[i]! ^= 1
      await store.put(key(2), changed)
      await expect(log.read(2), `byte ${i}`).rejects.toMatchObject({ code: 'oplog-damaged', message: expect.stringContaining("'2'"), hint: expect.any(String) })
      await store.put(key(2), record.subarray(0, i))
      await expect(log.read(2), `length ${i}`).rejects.toMatchObject({ code: 'oplog-damaged' })
    }
  })

  const base = { format: 1, seq: 2, timeMs: 1, command: 'x', head: {}, refs: [], staged: {} }
  const wrong: [string, unknown][] = [
    ['is no object', []],
    ['is null', null],
    ['has another number', { ...base, seq: 3 }],
    ['is of a format to come', { ...base, format: 2 }],
    ['lacks the command', { ...base, command: undefined }],
    ['lacks the refs', { ...base, refs: undefined }],
    ['has a ref without a name', { ...base, refs: [{ before: idOf(1) }] }],
    ['has a ref with a bad id', { ...base, refs: [{ name: 'a', before: 'x' }] }],
    ['has a head that is neither branch nor id', { ...base, head: { before: {} } }],
    ['has staged text', { ...base, staged: { after: 'tree' } }],
    ['changed half the working tree', { ...base, worktree: 'some' }],
    ['has a saved number', { ...base, saved: 5 }],
    ['undoes half an operation', { ...base, undoes: 1.5 }],
    ['has a time that is text', { ...base, timeMs: '1' }],
  ]
  for (const [what, value] of wrong) {
    it(`is found in a record with a right check line that ${what}`, async () => {
      const json = JSON.stringify(value)
      await store.put(key(2), Buffer.from(`${json}\n${blake3Text(Buffer.from(json))}\n`))
      await expect(log.read(2)).rejects.toMatchObject({ code: 'oplog-damaged' })
      await expect(numbers(log)).rejects.toMatchObject({ code: 'oplog-damaged' })
      await expect(log.prune({ count: 1, sinceMs: Infinity })).rejects.toMatchObject({ code: 'oplog-damaged' })
    })
  }

  it('is a record that is missing between others, or at the start', async () => {
    for (const seq of [3, 1]) {
      const kept = (await store.get(key(seq)))!.bytes
      await store.delete(key(seq))
      await expect(numbers(log)).rejects.toMatchObject({ code: 'oplog-damaged', message: expect.stringContaining(`'${seq}'`) })
      await store.put(key(seq), kept)
    }
  })

  it('in the mark of what was pruned is found, and a lost mark leads to no number being given again', async () => {
    await log.prune({ count: 1, sinceMs: Infinity })
    await store.put('oplog-first', Buffer.from('4\n'))
    await expect(createOpLog(store).latest()).rejects.toMatchObject({ code: 'oplog-damaged', message: expect.stringContaining('oplog-first') })
    await store.delete('oplog-first')
    expect(await createOpLog(store).append(at(1))).toBe(5)
  })
})

describe('an operation log on disk', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dits-oplog-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is there when the store is opened again', async () => {
    const stores = [await DiskStore.open(folder), await DiskStore.open(folder)] as const
    const logs = stores.map(createOpLog)
    await Promise.all(Array.from({ length: 12 }, (_, i) => logs[i % 2]!.append(full)))
    expect(await numbers(createOpLog(await DiskStore.open(folder)))).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    await logs[0]!.prune({ count: 5, sinceMs: Infinity })
    expect(await numbers(logs[1]!)).toEqual([12, 11, 10, 9, 8])
    for (const store of stores) await store.close()
  })
})

/** Counts what is asked of another store. */
class CountingStore implements ByteStore {
  readonly #store: ByteStore
  calls = 0
  lists = 0
  puts = 0

  constructor(store: ByteStore) {
    this.#store = store
  }

  get(key: string, range?: ByteRange): ReturnType<ByteStore['get']> {
    this.calls++
    return this.#store.get(key, range)
  }

  put(key: string, body: Uint8Array, condition?: PutCondition): Promise<boolean> {
    this.calls++
    return this.#store.put(key, body, condition)
  }

  stat(key: string): ReturnType<ByteStore['stat']> {
    this.calls++
    return this.#store.stat(key)
  }

  list(prefix: string): AsyncIterable<string> {
    this.lists++
    return this.#store.list(prefix)
  }

  delete(key: string): Promise<void> {
    this.calls++
    return this.#store.delete(key)
  }
}
