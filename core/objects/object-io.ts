import type { Id, ObjectKind } from './id.ts'

/**
 * Where objects are read from. What `read` returns has been verified against
 * the id: damage never passes. Reading an object twice gives the same bytes.
 */
export interface ObjectReader {
  /** Commits whose parents were left behind (a shallow repository): walks of the history take them for first commits. */
  readonly shallow?: ReadonlySet<Id>
  /**
   * The bytes of one object. Throws `object-missing` where the store does not
   * hold it and `object-damaged` where what it holds is not what the id says
   * or is of another kind.
   */
  read(kind: ObjectKind, id: Id): Promise<Uint8Array>
  /** Whether the store holds the object (its bytes are not read). */
  has(id: Id): Promise<boolean>
}

/**
 * Where new objects go. `write` returns at once with the id; the object is
 * readable only after `flush`, and durable then. An object that the store
 * already holds is not stored again.
 */
export interface ObjectWriter {
  write(kind: ObjectKind, bytes: Uint8Array): Id
  /** Where more than a few buffers wait for the disk, a promise to wait for before writing on. */
  ready(): Promise<void> | undefined
  /** Resolves when everything written so far is durable. */
  flush(): Promise<void>
}

/** Hands a finished node to whoever stores it, and gets its id. */
export type Emit = (kind: ObjectKind, bytes: Uint8Array) => Id
