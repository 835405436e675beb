import { createRandom } from '../../fixtures/random.ts'
import { hashObject, idFromBytes, type Id, type ObjectKind } from '../objects/id.ts'
import type { ByteStore } from '../store/byte-store.ts'
import { PackWriter } from './pack-writer.ts'

/** An object that was stored for a test. */
export interface StoredObject {
  id: Id
  kind: ObjectKind
  pack: string
  bytes: Uint8Array
}

/** Stores small objects in so many packs, called `NAME-0`, `NAME-1` and so on; one in ten is called a tree, the others chunks. */
export async function storePacks(
  store: ByteStore,
  name: string,
  options: { packs: number; objects: number; seed: number },
): Promise<StoredObject[]> {
  const random = createRandom(options.seed)
  const stored: StoredObject[] = []
  let number = 0
  const writer = new PackWriter(store, { nextName: () => `${name}-${number++}`, recordsMax: options.objects })
  for (let i = 0; i < options.packs * options.objects; i++) {
    const bytes = random.bytes(24)
    const kind = i % 10 === 0 ? 'tree' : 'chunk'
    const id = hashObject(kind, bytes)
    writer.append({ kind, codec: 0, raw: bytes.length, id, payload: bytes })
    stored.push({ id: idFromBytes(id), kind, pack: `${name}-${Math.floor(i / options.objects)}`, bytes })
    await writer.ready()
  }
  await writer.finish()
  return stored
}
