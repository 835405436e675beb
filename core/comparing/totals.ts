import type { Change } from '../history/changes.ts'
import type { MeasuredChange } from './compare-trees.ts'

/** The sum of a comparison. */
export interface ComparisonTotals {
  files: number
  kinds: Record<Change['kind'], number>
  /** Bytes of the changed files before and after. */
  bytesBefore: number
  bytesAfter: number
  chunksShared: number
  chunksChanged: number
  sendBytes: number
}

export function emptyTotals(): ComparisonTotals {
  return {
    files: 0,
    kinds: { 'added': 0, 'deleted': 0, 'modified': 0, 'renamed': 0, 'type-changed': 0, 'mode-changed': 0 },
    bytesBefore: 0,
    bytesAfter: 0,
    chunksShared: 0,
    chunksChanged: 0,
    sendBytes: 0,
  }
}

/** Counts one change in. */
export function addToTotals(totals: ComparisonTotals, { kind, before, after, news }: MeasuredChange): void {
  totals.files++
  totals.kinds[kind]++
  totals.bytesBefore += before?.size ?? 0
  totals.bytesAfter += after?.size ?? 0
  totals.chunksShared += news?.chunksShared ?? 0
  totals.chunksChanged += news?.chunksChanged ?? 0
  totals.sendBytes += news?.sendBytes ?? 0
}
