import { nodeRowsMax, nodeRowsMin } from '../limits.ts'

/**
 * Where the nodes of a search tree end (FORMAT.md, "Search trees"). The rule
 * looks only at the rows of the open node, so that the same rows always give
 * the same nodes, and a change moves boundaries only up to the next one kept.
 */

/** The 32-bit FNV-1a hash of a name, one byte a character (draft-eastlake-fnv). */
export function fnv1a(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Whether a row with the hash `h` (u32) is a boundary at `level`: one in 64 is, independently at every level. */
export function isBoundary(h: number, level: number): boolean {
  let x = (h + Math.imul(level, 0x9e3779b1)) | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return ((x ^ (x >>> 16)) & 63) === 0
}

/** Whether a node of `rows` rows at `level` ends, where its last row has the hash `h`. */
export function nodeEnds(rows: number, h: number, level: number): boolean {
  return rows >= nodeRowsMin && (rows === nodeRowsMax || isBoundary(h, level))
}
