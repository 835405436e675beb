import { DitsError, type ByteStore } from '#core'
import type { Role } from '../protocol/host.ts'
import { roles } from './role.ts'

/** How old what `readRecent` answers may be: what another process changed is seen after this. */
export const recordAgeMaxMs = 2000
const recentMax = 10_000
/** How often a change is tried again because another process was faster each time. */
const changeTriesMax = 100

/** Where records of one kind lie, and how they are read. */
export interface RecordOptions<T> {
  /** Starts the keys, such as 'auth/users/'. */
  prefix: string
  /** Makes a record of parsed JSON. Throws for anything else than what was written. */
  parse(fields: Fields): T
  /** Milliseconds since some moment, never going back. */
  elapsedMs(): number
}

/**
 * Small JSON values under one prefix of a store, each under a name of its own.
 * Several processes may change them at once: every change is a conditional
 * put. Reading throws `auth-damaged` where a value is not what was written.
 */
export class Records<T> {
  readonly #store: ByteStore
  readonly #options: RecordOptions<T>
  readonly #recent = new Map<string, { record: T; atMs: number }>()

  constructor(store: ByteStore, options: RecordOptions<T>) {
    this.#store = store
    this.#options = options
  }

  /** The record as it is now. */
  async read(name: string): Promise<T | undefined> {
    return (await this.#load(name))?.record
  }

  /** The record as it was at most `recordAgeMaxMs` ago. What is absent is looked for each time. */
  async readRecent(name: string): Promise<T | undefined> {
    const known = this.#recent.get(name)
    const atMs = this.#options.elapsedMs()
    if (known && atMs - known.atMs <= recordAgeMaxMs) return known.record
    this.#recent.delete(name)
    const record = await this.read(name)
    if (this.#recent.size >= recentMax) this.#recent.clear()
    // The age counts from before the read: what changed meanwhile may not be in it.
    if (record !== undefined) this.#recent.set(name, { record, atMs })
    return record
  }

  /** Stores a record under a name that has none. False where it has one. */
  async create(name: string, record: T): Promise<boolean> {
    this.#recent.delete(name)
    return this.#store.put(this.#key(name), encode(record), { if: 'absent' })
  }

  /**
   * Replaces a record by what `change` makes of it, which may be asked again
   * where another process was faster. Answers the new record; `undefined`
   * where there is none. Throws what `change` throws, and `repository-busy`.
   */
  async change(name: string, change: (before: T) => T): Promise<T | undefined> {
    for (let tries = 0; tries < changeTriesMax; tries++) {
      const found = await this.#load(name)
      if (!found) return undefined
      const record = change(found.record)
      this.#recent.delete(name)
      if (await this.#store.put(this.#key(name), encode(record), { if: { version: found.version } })) return record
    }
    throw new DitsError('repository-busy', `'${this.#key(name)}' is changed by others all the time`, { hint: 'run the command again' })
  }

  async remove(name: string): Promise<void> {
    this.#recent.delete(name)
    await this.#store.delete(this.#key(name))
  }

  /** All records by name; one that goes away meanwhile is left out. */
  async *list(): AsyncIterable<{ name: string; record: T }> {
    for await (const key of this.#store.list(this.#options.prefix)) {
      if (!key.endsWith(ending)) continue
      const name = key.slice(this.#options.prefix.length, -ending.length)
      const record = await this.read(name)
      if (record !== undefined) yield { name, record }
    }
  }

  async #load(name: string): Promise<{ record: T; version: string } | undefined> {
    const key = this.#key(name)
    const stored = await this.#store.get(key)
    if (!stored) return undefined
    try {
      const value: unknown = JSON.parse(Buffer.from(stored.bytes).toString('utf8'))
      return { record: this.#options.parse(new Fields(value)), version: stored.version }
    } catch (cause) {
      throw new DitsError('auth-damaged', `'${key}' is not what was written`, { hint: 'put it back from a backup, or remove it and make it again', cause })
    }
  }

  #key(name: string): string {
    return `${this.#options.prefix}${name}${ending}`
  }
}

const ending = '.json'

function encode(record: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(record)}\n`)
}

/** The fields of a parsed JSON object, each of the type that is asked for. Every method throws where it is not. */
export class Fields {
  readonly #fields: Readonly<Record<string, unknown>>

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('no object')
    this.#fields = value as Record<string, unknown>
  }

  text(name: string): string {
    const value = this.#fields[name]
    if (typeof value !== 'string') throw new TypeError(`'${name}' is no text`)
    return value
  }

  number(name: string): number {
    const value = this.#fields[name]
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError(`'${name}' is no number`)
    return value
  }

  role(name: string): Role {
    const role = roles.find((one) => one === this.#fields[name])
    if (role === undefined) throw new TypeError(`'${name}' is no role`)
    return role
  }

  /** What `read` makes of each item of a list. */
  list<T>(name: string, read: (fields: Fields) => T): T[] {
    const value = this.#fields[name]
    if (!Array.isArray(value)) throw new TypeError(`'${name}' is no list`)
    return value.map((item) => read(new Fields(item)))
  }

  /** What `read` makes of a field; `undefined` where it is not there. */
  optional<T>(name: string, read: (name: string) => T): T | undefined {
    return this.#fields[name] === undefined ? undefined : read(name)
  }
}
