import { PackedObjects, type ByteStore } from '#core'

/** How long what is known of a repository's packs is taken for all there is. An object that is missed is looked for in newer packs anyway. */
const packsAgeMaxMs = 2000
/** Repositories kept open that no stream uses, so that the next one need not look for their packs. */
const idleMax = 8

/** A repository's objects, shared by all streams that use it. */
export interface OpenRepository {
  readonly store: ByteStore
  readonly objects: PackedObjects
  /** Called exactly once by each who opened it. */
  release(): void
}

interface Shared {
  opening: Promise<PackedObjects>
  store: ByteStore
  users: number
  refreshedMs: number
}

/**
 * Opens repositories so that all streams of one share its indexes in memory:
 * what a server holds grows with the repositories in use, not with the clients.
 */
export class OpenRepositories {
  readonly #contentOf: (name: string) => ByteStore
  readonly #elapsedMs: () => number
  /** The ones used longest ago first. */
  readonly #shared = new Map<string, Shared>()

  constructor(contentOf: (name: string) => ByteStore, elapsedMs: () => number) {
    this.#contentOf = contentOf
    this.#elapsedMs = elapsedMs
  }

  /** Opens a repository, with all packs that were there two seconds ago at the latest. Throws what reading its store throws. */
  async open(name: string): Promise<OpenRepository> {
    const shared = this.#shared.get(name) ?? this.#start(name)
    shared.users++
    try {
      const objects = await shared.opening
      await this.#refresh(shared, objects)
      return { store: shared.store, objects, release: () => this.#release(name, shared) }
    } catch (error) {
      this.#release(name, shared)
      throw error
    }
  }

  #start(name: string): Shared {
    const store = this.#contentOf(name)
    const shared: Shared = { opening: PackedObjects.open(store), store, users: 0, refreshedMs: this.#elapsedMs() }
    this.#shared.set(name, shared)
    // What could not be opened is tried anew by the next one.
    shared.opening.catch(() => this.#shared.get(name) === shared && this.#shared.delete(name))
    return shared
  }

  async #refresh(shared: Shared, objects: PackedObjects): Promise<void> {
    const nowMs = this.#elapsedMs()
    if (nowMs - shared.refreshedMs <= packsAgeMaxMs) return
    shared.refreshedMs = nowMs
    await objects.packs.refresh()
  }

  #release(name: string, shared: Shared): void {
    shared.users--
    if (shared.users > 0 || this.#shared.get(name) !== shared) return
    this.#shared.delete(name)
    this.#shared.set(name, shared)
    const idle = [...this.#shared].filter(([, { users }]) => users === 0)
    for (const [oldest] of idle.slice(0, Math.max(0, idle.length - idleMax))) this.#shared.delete(oldest)
  }
}
