import { pathToText } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import type { Repo } from '../repo.ts'
import { holdsOnlyZeros, isFileKind } from '../worktree/content-hash.ts'
import type { WorkChange } from '../worktree/status.ts'
import { isPartial } from './partial.ts'

/**
 * Refuses to store what may be the zeros that a ghost shows and nobody's work:
 * a ghost into which a program wrote, or that was replaced, and in a partial
 * repository any new file that holds only zeros, such as a ghost that was moved
 * or copied by hand. Throws `ghost-changed`, naming the files.
 */
export async function refuseChangedGhosts(repo: Repo, changes: readonly WorkChange[]): Promise<void> {
  const mayHaveGhosts = isPartial(repo)
  const refused: WorkChange[] = []
  for (const found of changes) {
    const { path, change, kind, stat, isGhost } = found
    if (change === 'deleted' || change === 'touched' || change === 'skipped' || !stat || !isFileKind(kind ?? '')) continue
    if (isGhost || (mayHaveGhosts && stat.size > 0 && (await holdsOnlyZeros(repo.rootBytes, path, repo.env.signal)))) refused.push(found)
  }
  if (refused.length > 0) throw ghostChanged(refused)
}

function ghostChanged(refused: readonly WorkChange[]): DitsError {
  const names = refused.slice(0, 10).map(({ path }) => `'${pathToText(path)}'`)
  const more = refused.length > names.length ? ` and ${refused.length - names.length} more` : ''
  const first = pathToText(refused[0]!.path)
  if (refused[0]!.change === 'untracked') {
    return new DitsError('ghost-changed', `only zeros are in ${names.join(', ')}${more}, as in a ghost that was moved or copied`, {
      hint: `move it back, and then with: dits mv; or take the zeros for its content with: dits add --force ${first}`,
    })
  }
  return new DitsError('ghost-changed', `the content was not there to be worked on, so what is there now may be mostly zeros: ${names.join(', ')}${more}`, {
    hint: `get the recorded content with: dits restore ${first} (dits undo brings this back); or take the file as it is with: dits add --force ${first}`,
  })
}
