/** Bytes that arrived in pieces, taken in other pieces; copied only where what is taken spans several. */
export class ByteQueue {
  length = 0
  readonly #pieces: Uint8Array[] = []
  /** Bytes of the first piece that were taken. */
  #taken = 0

  push(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.length += piece.length
  }

  /** The next `length` bytes, which must be there, as one run. */
  take(length: number): Uint8Array {
    if (length === 0) return new Uint8Array(0)
    const first = this.takeSome(length)
    if (first.length === length) return first
    const whole = new Uint8Array(length)
    whole.set(first)
    for (let at = first.length; at < length; ) {
      const piece = this.takeSome(length - at)
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  /** The next bytes, at most `max`, as they lie in one piece. */
  takeSome(max: number): Uint8Array {
    const piece = this.#pieces[0]
    if (!piece) return new Uint8Array(0)
    const end = Math.min(piece.length, this.#taken + max)
    const bytes = piece.subarray(this.#taken, end)
    this.length -= bytes.length
    this.#taken = end
    if (end === piece.length) {
      this.#pieces.shift()
      this.#taken = 0
    }
    return bytes
  }
}
