import { DitsError } from '../errors.ts'
import { hashObject, idFromBytes, type Id, type ObjectKind } from './id.ts'
import type { ObjectReader, ObjectWriter } from './object-io.ts'

/** Objects in memory, for tests of everything that reads or writes objects. */
export class MemoryObjects implements ObjectReader, ObjectWriter {
  readonly objects = new Map<Id, { kind: ObjectKind; bytes: Uint8Array }>()

  write(kind: ObjectKind, bytes: Uint8Array): Id {
    const id = idFromBytes(hashObject(kind, bytes))
    // Not `slice`: a Buffer's shares the caller's memory.
    this.objects.set(id, { kind, bytes: Buffer.from(bytes) })
    return id
  }

  async read(kind: ObjectKind, id: Id): Promise<Uint8Array> {
    const found = this.objects.get(id)
    if (!found) throw new DitsError('object-missing', `${kind} '${id}' is missing`)
    if (found.kind !== kind || idFromBytes(hashObject(kind, found.bytes)) !== id) {
      throw new DitsError('object-damaged', `${kind} '${id}' is damaged`)
    }
    return found.bytes
  }

  async has(id: Id): Promise<boolean> {
    return this.objects.has(id)
  }

  ready(): undefined {
    return undefined
  }

  async flush(): Promise<void> {}
}
