import { setImmediate } from 'node:timers/promises'
import type { ByteRange, ByteStore, PutCondition, Stored } from '#core'

/** Turns at a store, given to one call of one actor at a time: what happens at once in the world happens here in an order that the test chooses. */
export class Turns {
  readonly #waiting: { actor: string; go: () => void }[] = []

  /** Waits for a turn. */
  take(actor: string): Promise<void> {
    return new Promise((go) => this.#waiting.push({ actor, go }))
  }

  /** A store that waits for a turn before each call whose key starts with `prefix`; `onDone` is told each write when it is done. */
  store(actor: string, store: ByteStore, prefix: string, onDone: (call: 'put' | 'delete', key: string) => void = () => {}): ByteStore {
    const turn = async (key: string) => {
      if (key.startsWith(prefix)) await this.take(actor)
    }
    return {
      get: async (key: string, range?: ByteRange): Promise<Stored | undefined> => (await turn(key), store.get(key, range)),
      stat: async (key: string) => (await turn(key), store.stat(key)),
      put: async (key: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: PutCondition) => {
        await turn(key)
        const isStored = await store.put(key, body, condition)
        onDone('put', key)
        return isStored
      },
      delete: async (key: string) => {
        await turn(key)
        await store.delete(key)
        onDone('delete', key)
      },
      async *list(start: string) {
        await turn(start)
        yield* store.list(start)
      },
    }
  }

  /**
   * Lets actors run until all are done. `choose` answers which of so many
   * waiting calls goes on, by the actors that wait; `onTurn` is called between
   * turns, while nobody runs. Throws what an actor throws first.
   */
  async play(actors: readonly (() => Promise<void>)[], choose: (waiting: readonly string[]) => number, onTurn: () => Promise<void>): Promise<void> {
    let open = actors.length
    let failure: { error: unknown } | undefined
    for (const actor of actors) {
      void actor()
        .catch((error: unknown) => void (failure ??= { error }))
        .finally(() => open--)
    }
    while (open > 0 && !failure) {
      await this.#settle()
      await onTurn()
      if (this.#waiting.length === 0) continue
      const [next] = this.#waiting.splice(choose(this.#waiting.map(({ actor }) => actor)), 1)
      next!.go()
    }
    await onTurn()
    if (failure) throw failure.error
  }

  /** Until everybody waits for a turn, or for somebody who does. */
  async #settle(): Promise<void> {
    for (let quiet = 0, before = this.#waiting.length; quiet < 3; quiet++) {
      await setImmediate()
      if (this.#waiting.length !== before) [quiet, before] = [-1, this.#waiting.length]
    }
  }
}
