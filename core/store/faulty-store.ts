import type { ByteRange, ByteStore, PutCondition, Stored } from './byte-store.ts'
import { storeError } from './store-error.ts'

/**
 * What goes wrong, counted in calls of `put` and `delete`, the first being 1.
 *
 * - `fail`: call number `at` throws `store-io` as if the system had answered
 *   `errno`, and changes nothing; with `forever` every later one does too.
 * - `crash`: during call number `at` the process dies. That call and every
 *   later one of any kind throw `CrashError`. `left` says how far the call had
 *   come: nothing was done, everything was done and only the answer is
 *   missing, or a part of the body lies where unfinished values lie.
 */
export type Fault =
  | { kind: 'fail'; at: number; errno: 'ENOSPC' | 'EIO'; forever?: boolean }
  | { kind: 'crash'; at: number; left: 'nothing' | 'everything' }
  | { kind: 'crash'; at: number; left: 'rubbish'; leaveRubbish: (part: Uint8Array) => Promise<void> }

/** Stands for the end of the process. */
export class CrashError extends Error {
  constructor() {
    super('the process crashed')
    this.name = 'CrashError'
  }
}

type Body = Uint8Array | AsyncIterable<Uint8Array>

/** Another store that fails or crashes at a chosen call, for tests that go through all calls in turn. Without a fault it only counts. */
export class FaultyStore implements ByteStore {
  readonly #store: ByteStore
  readonly #fault: Fault | undefined
  #writes = 0
  #crashed = false

  constructor(store: ByteStore, fault?: Fault) {
    this.#store = store
    this.#fault = fault
  }

  /** How many calls of `put` and `delete` there have been. */
  get writes(): number {
    return this.#writes
  }

  async get(key: string, range?: ByteRange): Promise<Stored | undefined> {
    this.#checkAlive()
    return this.#store.get(key, range)
  }

  async stat(key: string): Promise<{ size: number; modifiedMs: number } | undefined> {
    this.#checkAlive()
    return this.#store.stat(key)
  }

  async *list(prefix: string): AsyncIterable<string> {
    this.#checkAlive()
    for await (const key of this.#store.list(prefix)) {
      this.#checkAlive()
      yield key
    }
  }

  async put(key: string, body: Body, condition?: PutCondition): Promise<boolean> {
    const fault = this.#nextFault()
    if (!fault) return this.#store.put(key, body, condition)
    if (fault.kind === 'fail') {
      await pullFirst(body)
      throw storeError('write', key, systemError(fault.errno))
    }
    if (fault.left === 'everything') await this.#store.put(key, body, condition)
    if (fault.left === 'rubbish') await fault.leaveRubbish(await pullFirst(body))
    throw new CrashError()
  }

  async delete(key: string): Promise<void> {
    const fault = this.#nextFault()
    if (!fault) return this.#store.delete(key)
    if (fault.kind === 'fail') throw storeError('delete', key, systemError(fault.errno))
    if (fault.left === 'everything') await this.#store.delete(key)
    throw new CrashError()
  }

  #checkAlive(): void {
    if (this.#crashed) throw new CrashError()
  }

  /** Counts a call and answers what is to go wrong with it. */
  #nextFault(): Fault | undefined {
    this.#checkAlive()
    this.#writes++
    const fault = this.#fault
    if (!fault || this.#writes < fault.at) return undefined
    if (fault.kind === 'crash') this.#crashed = true
    return fault.kind === 'crash' || fault.forever || this.#writes === fault.at ? fault : undefined
  }
}

/** The first half of a body's first piece. The body is told that no more is wanted, as by a store that fails. */
async function pullFirst(body: Body): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return firstHalf(body)
  for await (const piece of body) return firstHalf(piece)
  return new Uint8Array()
}

function firstHalf(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.subarray(0, bytes.length >> 1))
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
