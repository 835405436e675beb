/**
 * A column of bytes that grows at its end, in blocks, so that building a large
 * index never copies what is already there. Numbers are little-endian.
 */
export class ByteColumn {
  length = 0
  readonly #blocks: Buffer[] = []
  #block: Buffer = Buffer.alloc(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #used = 0

  u8(value: number): void {
    const at = this.#take(1)
    this.#view.setUint8(at, value)
  }

  u32(value: number): void {
    const at = this.#take(4)
    this.#view.setUint32(at, value, true)
  }

  /** A whole number up to 2^53. */
  u64(value: number): void {
    const at = this.#take(8)
    this.#view.setUint32(at, value >>> 0, true)
    this.#view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
  }

  i64(value: bigint): void {
    const at = this.#take(8)
    this.#view.setBigInt64(at, value, true)
  }

  f64(value: number): void {
    const at = this.#take(8)
    this.#view.setFloat64(at, value, true)
  }

  /** 64 hex digits as 32 bytes. */
  hex32(digits: string): void {
    const at = this.#take(32)
    this.#block.write(digits, at, 32, 'hex')
  }

  latin1(text: string): void {
    const at = this.#take(text.length)
    this.#block.write(text, at, 'latin1')
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#take(bytes.length)
    this.#block.set(bytes, at)
  }

  /** Copies everything into `out` from `at` on. */
  copyTo(out: Uint8Array, at: number): void {
    for (const block of [...this.#blocks, this.#block.subarray(0, this.#used)]) {
      out.set(block, at)
      at += block.length
    }
  }

  /** Makes room for `bytes` at the end of one block, and answers where. */
  #take(bytes: number): number {
    if (this.#used + bytes > this.#block.length) this.#grow(bytes)
    const at = this.#used
    this.#used += bytes
    this.length += bytes
    return at
  }

  #grow(bytes: number): void {
    if (this.#used > 0) this.#blocks.push(this.#block.subarray(0, this.#used))
    const size = Math.max(bytes, Math.min(blockBytesMax, Math.max(blockBytesMin, this.length)))
    this.#block = Buffer.allocUnsafeSlow(size)
    this.#view = new DataView(this.#block.buffer, this.#block.byteOffset, size)
    this.#used = 0
  }
}

const blockBytesMin = 1024
const blockBytesMax = 1 << 20
