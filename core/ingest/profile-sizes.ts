import type { ChunkSizes } from '@dits/fastcdc'
import type { ProfileName } from '../objects/manifest.ts'

const KiB = 1024

/**
 * What the chunk profiles cut to. A smaller average finds more of what an edit
 * left alone, and costs more records; docs/decisions/0001 has what each costs
 * on real edits.
 */
export const profileSizes: Record<ProfileName, ChunkSizes> = {
  video: { min: 16 * KiB, average: 64 * KiB, max: 256 * KiB },
  general: { min: 4 * KiB, average: 16 * KiB, max: 64 * KiB },
  project: { min: 2 * KiB, average: 8 * KiB, max: 32 * KiB },
  small: { min: 1 * KiB, average: 4 * KiB, max: 16 * KiB },
}
