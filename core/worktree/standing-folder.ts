import path from 'node:path'
import { pathFromText, pathToText, type BytePath } from '../bytes.ts'
import type { Repo } from '../repo.ts'
import { isBelow } from './path-order.ts'

/**
 * A question for whoever removes folders: whether the person stands in this
 * one, or below it. Their shell, and the next command, would be nowhere. Who
 * gets a yes leaves the folder, and the person is told once.
 */
export function createStandingCheck({ root, env }: Pick<Repo, 'root' | 'env'>): (folder: BytePath) => boolean {
  const from = env.cwd === undefined ? '' : path.relative(root, env.cwd)
  if (from === '' || from.startsWith('..') || path.isAbsolute(from)) return () => false
  const standing = pathFromText(from.split(path.sep).join('/'))
  let isTold = false
  return (folder) => {
    if (folder !== standing && !isBelow(standing, folder)) return false
    if (!isTold) env.onWarning?.(`'${pathToText(standing)}' stays, though nothing tracked is in it, because you are there`)
    isTold = true
    return true
  }
}
