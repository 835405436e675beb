/** Pieces shorter than this are copied together: as objects of their own they would take many times their bytes. */
const smallBytes = 2048
const gatheredBytes = 16 * 1024

/**
 * Bytes that arrived in pieces, taken in other pieces; copied only where what
 * is taken spans several, or came in small ones. Memory and work are bounded by
 * the bytes that wait, however a peer cuts them.
 */
export class ByteQueue {
  length = 0
  #pieces: Uint8Array[] = []
  /** Pieces that were taken whole, and bytes taken of the one after them. */
  #done = 0
  #taken = 0
  /** Where small pieces go; what of it is filled is the last of the pieces, as far as it was filled then. */
  #gathered: Uint8Array | undefined
  #filled = 0

  push(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.length += piece.length
    if (piece.length < smallBytes) return this.#gather(piece)
    this.#gathered = undefined
    this.#pieces.push(piece)
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
    const piece = this.#pieces[this.#done]
    if (!piece) return new Uint8Array(0)
    const end = Math.min(piece.length, this.#taken + max)
    const bytes = piece.subarray(this.#taken, end)
    this.length -= bytes.length
    this.#taken = end
    if (end === piece.length) this.#leave()
    return bytes
  }

  #gather(piece: Uint8Array): void {
    const room = this.#gathered && this.#gathered.length - this.#filled >= piece.length
    if (!room) {
      this.#gathered = new Uint8Array(gatheredBytes)
      this.#filled = 0
      this.#pieces.push(this.#gathered.subarray(0, 0))
    }
    const last = this.#pieces.length - 1
    const start = this.#pieces[last]!.byteOffset
    this.#gathered!.set(piece, this.#filled)
    this.#filled += piece.length
    this.#pieces[last] = this.#gathered!.subarray(start, this.#filled)
  }

  /** Goes on to the next piece. Removing each piece from the front of a long list would move the whole list each time. */
  #leave(): void {
    this.#taken = 0
    this.#done++
    if (this.#done === this.#pieces.length) this.#gathered = undefined
    else if (this.#done < 1024) return
    this.#pieces = this.#pieces.slice(this.#done)
    this.#done = 0
  }
}
