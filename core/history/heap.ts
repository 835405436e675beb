/** A binary heap: `pop` gives the item that comes before all others. Push and pop cost the logarithm of the length. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  /** `before` is a strict order: true where `a` has to leave the heap before `b`. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get length(): number {
    return this.#items.length
  }

  /** The item that `pop` would give. */
  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const up = (at - 1) >> 1
      if (!this.#before(item, items[up]!)) break
      items[at] = items[up]!
      at = up
    }
    items[at] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (items.length > 0 && last !== undefined) this.#sink(last)
    return top
  }

  #sink(item: T): void {
    const items = this.#items
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down >= items.length) break
      if (down + 1 < items.length && this.#before(items[down + 1]!, items[down]!)) down++
      if (!this.#before(items[down]!, item)) break
      items[at] = items[down]!
      at = down
    }
    items[at] = item
  }
}
