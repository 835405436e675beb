import { baseName, joinPath, parentPath, rootPath, type BytePath } from '../bytes.ts'
import type { Gone } from './merge-walk.ts'
import type { Rename } from './renames.ts'

/**
 * Where whole directories were moved to. A directory that is gone counts as
 * moved where more than half of the files below it are found again below one
 * other directory, under the same names of the directories between.
 */
export class FolderRenames {
  readonly #targets = new Map<BytePath, BytePath>()

  /** From what one side no longer has, and the renames found for these files. */
  constructor(gone: Gone, renames: Iterable<Rename>) {
    const totals = new Map<BytePath, number>()
    for (const { path } of gone.files) {
      for (let folder = parentPath(path); gone.folders.has(folder); folder = parentPath(folder)) {
        totals.set(folder, (totals.get(folder) ?? 0) + 1)
      }
    }
    for (const [folder, votes] of countVotes(gone, renames)) {
      const [target, count] = [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best))
      if (2 * count > (totals.get(folder) ?? 0)) this.#targets.set(folder, target)
    }
  }

  /** Where a path of the old tree belongs now; `undefined` where none of its directories was moved. */
  follow(path: BytePath): BytePath | undefined {
    for (let folder = parentPath(path); folder !== rootPath; folder = parentPath(folder)) {
      const target = this.#targets.get(folder)
      if (target !== undefined) return joinPath(target, path.slice(folder.length + 1) as BytePath)
    }
    return undefined
  }
}

/** Each renamed file votes for its directory, and for those above as long as the names between agree. */
function countVotes(gone: Gone, renames: Iterable<Rename>): Map<BytePath, Map<BytePath, number>> {
  const votes = new Map<BytePath, Map<BytePath, number>>()
  for (const rename of renames) {
    let from = parentPath(rename.from.path)
    let to = parentPath(rename.to.path)
    while (gone.folders.has(from)) {
      const targets = votes.get(from) ?? new Map<BytePath, number>()
      votes.set(from, targets.set(to, (targets.get(to) ?? 0) + 1))
      if (to === rootPath || baseName(from) !== baseName(to)) break
      from = parentPath(from)
      to = parentPath(to)
    }
  }
  return votes
}
