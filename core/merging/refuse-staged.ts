import { DitsError } from '../errors.ts'
import type { Start } from './enter-result.ts'

/** Throws `staged-changes` where something is staged that would get into the commit of `what`. */
export function refuseStaged({ current, index }: Start, what: string): void {
  if (index?.tree === undefined || index.tree === current.commit?.tree) return
  throw new DitsError('staged-changes', `changes are staged, and would get into the commit of ${what}`, {
    hint: 'commit them first, or put them aside with: dits stash',
  })
}
