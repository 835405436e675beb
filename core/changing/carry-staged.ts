import { pathToText } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { mergeTrees } from '../history/merge-trees.ts'
import type { Workbench } from '../merging/workbench.ts'
import type { Id } from '../objects/id.ts'

/**
 * The tree `to` with what is staged against `from` on top. What is staged in a
 * folder or file that `to` has elsewhere follows it. Throws `would-overwrite`
 * where both change the same file in different ways.
 */
export async function carryStaged(
  { reader, emit }: Workbench,
  trees: { from: Id | undefined; staged: Id | undefined; to: Id },
  signal?: AbortSignal,
): Promise<Id> {
  const { from, staged, to } = trees
  if (staged === undefined || staged === from || staged === to) return to
  const { tree, conflicts } = await mergeTrees(reader, emit, { base: from, ours: to, theirs: staged, signal })
  const [first] = conflicts
  if (!first) return tree
  throw new DitsError('would-overwrite', `'${pathToText(first.path)}' is staged, and also differs in the version to go to`, {
    hint: 'commit it, put it aside with: dits stash, or unstage it with: dits restore --staged',
  })
}
