import { pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { walkedPathsMax, repeatedPathsFree, repeatedPathsFactor } from '../limits.ts'

/**
 * Stops walks that would not end in a lifetime. Directories are named by their
 * content, so sixty of them, each of which names the next one twice, stand for
 * 2^60 paths. Such a tree shows by how little of what is walked is new: a walk
 * may meet many more paths in directories that it has been in before than
 * others only up to a factor.
 */
export class WalkLimit {
  readonly #seen = new Set<string>()
  #fresh = 0
  #repeated = 0

  /** To be told of each directory that is entered (by its id, or those of what is compared), and whether it lies in a repeated one. Answers whether its paths count as repeated. */
  enter(directory: string, isInRepeated: boolean): boolean {
    if (isInRepeated || this.#seen.has(directory)) return true
    // Memory stays bounded; a bomb is made of few directories.
    if (this.#seen.size < directoriesMax) this.#seen.add(directory)
    return false
  }

  /** Counts a path. Throws `tree-too-large`. */
  count(path: BytePath, isRepeated: boolean): void {
    if (isRepeated) this.#repeated++
    else this.#fresh++
    if (this.#fresh + this.#repeated <= repeatedPathsFree) return
    if (this.#fresh + this.#repeated > walkedPathsMax) throw tooLarge(path, `it has more than ${walkedPathsMax} paths`)
    if (this.#repeated > repeatedPathsFree + repeatedPathsFactor * this.#fresh) throw tooLarge(path, 'it holds the same folders in each other again and again')
  }
}

/** Directories that are remembered. */
const directoriesMax = 1 << 17

function tooLarge(path: BytePath, why: string): DitsError {
  return new DitsError('tree-too-large', `the tree with '${pathToText(path)}' in it is too large: ${why}`, {
    hint: 'dits makes no such trees; do not use the repository that this came from',
  })
}
