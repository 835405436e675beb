/** The size of the parts that a long value is sent in; a shorter value is sent at once. S3 takes 10,000 parts: 80 GB. */
export const partBytes = 8 * 1024 * 1024

/**
 * The bytes of a body in parts of `partBytes`, the last one shorter; none for
 * an empty body. Pieces are copied, and memory for a part grows with what came.
 */
export async function* cutParts(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let part = Buffer.alloc(0)
  let length = 0
  for await (const piece of body) {
    for (let from = 0; from < piece.length; ) {
      const taken = piece.subarray(from, from + partBytes - length)
      part = withRoom(part, length, length + taken.length)
      part.set(taken, length)
      length += taken.length
      from += taken.length
      if (length < partBytes) continue
      yield part.subarray(0, length)
      part = Buffer.alloc(0)
      length = 0
    }
  }
  if (length > 0) yield part.subarray(0, length)
}

/** Permits for a number of things at once. Who waits longest goes first. */
export class Permits {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves when there is a permit; each is given back by `give`. */
  async take(): Promise<void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}

function withRoom(part: Buffer<ArrayBuffer>, used: number, needed: number): Buffer<ArrayBuffer> {
  if (needed <= part.length) return part
  const larger = Buffer.allocUnsafeSlow(Math.min(partBytes, Math.max(needed, part.length * 2)))
  larger.set(part.subarray(0, used))
  return larger
}
