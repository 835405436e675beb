import { DitsError } from '../core/errors.ts'
import { setInConfig, unsetInConfig, type Config } from '../core/config.ts'
import { changeConfig } from '../core/change-config.ts'
import type { Repo } from '../core/repo.ts'
import { quoteArgument } from './format.ts'

/**
 * The setting that a clone keeps from its first write to its last: the command
 * that finishes it. What looks like a repository without commits is told apart
 * by it from a clone that broke off.
 */
const unfinishedKey = 'clone.unfinished'

/** The arguments of `dits clone` that a repetition needs as well. */
export interface CloneOptions {
  branch?: string | undefined
  origin: string
  filter?: string | undefined
  depth?: number | undefined
  checkout: boolean
}

/** Marks a repository as a clone that is not finished. */
export async function beginClone(repo: Repo, url: string, options: CloneOptions): Promise<void> {
  const text = commandText(url, repo.root, options)
  await changeConfig(repo, (config, source) => setInConfig(config, unfinishedKey, text, source))
}

/**
 * Takes the mark away, when everything is in place. From here on `undo` goes
 * back as far as this, and not to the empty folder that it was before; only
 * where files that lay there already were replaced, it brings them back.
 */
export async function finishClone(repo: Repo): Promise<void> {
  if (!(await keepsFiles(repo))) await repo.oplog.prune({ count: 0, sinceMs: Infinity })
  await changeConfig(repo, (config, source) => unsetInConfig(config, unfinishedKey, source))
}

/** Whether a clone was begun here and not finished: nothing else can have been done since. */
export function isUnfinishedClone(config: Config): boolean {
  return config.get(unfinishedKey) !== undefined
}

/** Throws `clone-unfinished`, with the command that finishes it. */
export function refuseUnfinishedClone({ config, root }: Pick<Repo, 'config' | 'root'>): void {
  const command = config.get(unfinishedKey)
  if (command === undefined) return
  throw new DitsError('clone-unfinished', `the clone in '${root}' is unfinished`, { hint: `finish it with: ${command}; or give it up by removing the folder` })
}

async function keepsFiles({ oplog }: Repo): Promise<boolean> {
  for await (const { saved } of oplog.newestFirst()) if (saved) return true
  return false
}

function commandText(url: string, root: string, { branch, origin, filter, depth, checkout }: CloneOptions): string {
  const options = [
    ...(branch === undefined ? [] : [`--branch=${branch}`]),
    ...(origin === 'origin' ? [] : [`--origin=${origin}`]),
    ...(filter === undefined ? [] : [`--filter=${filter}`]),
    ...(depth === undefined ? [] : [`--depth=${depth}`]),
    ...(checkout ? [] : ['--no-checkout']),
  ]
  return ['dits', 'clone', ...options, url, root].map(quoteArgument).join(' ')
}
