import { DitsError, hasCode } from '../errors.ts'
import { verifyPack, type PackReport } from '../pack/pack-scan.ts'
import type { ByteStore } from '../store/byte-store.ts'

/**
 * Verifies a pack. One that goes while it is read is reported as missing:
 * where its index went too, it was collected, and nothing is wrong.
 */
export async function verifyPackIfThere(store: ByteStore, pack: string, onBytes: (bytes: number) => void): Promise<PackReport> {
  try {
    return await verifyPack(store, pack, onBytes)
  } catch (error) {
    if (!(error instanceof DitsError) || !hasCode(error, 'pack-missing')) throw error
    return { pack, objects: 0, bytes: 0, problems: [{ pack, code: 'pack-missing', message: error.message }] }
  }
}
