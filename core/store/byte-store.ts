/**
 * ByteStore: the one seam for bytes. Keys are '/'-separated names of ASCII
 * letters, digits, '.', '_', '-' and '%' (key.ts has the whole rule, and every
 * operation throws `bad-key` for what breaks it); values are byte strings of
 * any length.
 *
 * What every implementation promises:
 *
 * - **Whole or not at all.** A value becomes visible under its key complete,
 *   or not at all. A crash during `put` leaves what was there before.
 * - **Durable.** When the promise of `put` or `delete` resolves, its effect
 *   survives a crash of the process, the machine and the power.
 * - **Conditional.** `put` with `{ if: 'absent' }` or `{ if: { version } }`
 *   takes effect only where the condition holds at that instant, against any
 *   other process; otherwise nothing changes and the answer is `false`.
 * - **Fresh.** After a `put` or `delete` resolved, every later `get`, `stat`
 *   and `list`, by anyone, sees it.
 * - **Absence is a value**: `get` and `stat` answer `undefined`; `delete` of
 *   what is not there succeeds. Everything else that goes wrong throws.
 *
 * It does not promise that a value still is what was put: callers verify.
 * Nor that `a` and `a/b` can both be stored: where a folder cannot be a file as
 * well, `put` throws `key-conflict`. Callers choose their keys so that none is
 * a folder of another. Nor that keys of any length can be stored: up to 900
 * bytes they can, and what is too long for a store makes its `put` throw.
 *
 * A body that throws while it is pulled makes `put` throw the same error, and
 * nothing is stored.
 */
export interface ByteStore {
  /**
   * The value, or `length` bytes of it from `offset` (fewer where the value
   * ends). A value over `smallValueBytesMax` must be read by range.
   */
  get(key: string, range?: ByteRange): Promise<Stored | undefined>
  /**
   * Stores a value under a key, replacing what was there. A streamed body is
   * pulled one piece at a time; a piece may be reused by the caller as soon as
   * the next is pulled. Answers whether the value was stored.
   */
  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: PutCondition): Promise<boolean>
  stat(key: string): Promise<{ size: number; modifiedMs: number } | undefined>
  /** All keys that start with `prefix`, in byte order. */
  list(prefix: string): AsyncIterable<string>
  delete(key: string): Promise<void>
}

export interface ByteRange {
  offset: number
  length: number
  /**
   * Memory that may be filled and handed back, for whoever reads much and is
   * done with one range before the next: fresh memory costs more than reading.
   * A store need not use it.
   */
  into?: Uint8Array
}

export interface Stored {
  bytes: Uint8Array
  /** Changes whenever the value changes; for `put` with `{ if: { version } }`. Empty where a range was asked for. */
  version: string
}

export interface PutCondition {
  if: 'absent' | { version: string }
}
