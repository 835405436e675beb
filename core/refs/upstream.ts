import type { Config } from '../config.ts'
import { aheadBehind } from '../history/ancestry.ts'
import type { Id } from '../objects/id.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import type { Refs } from './refs.ts'

/** Where a branch is pushed to and pulled from. */
export interface Upstream {
  remote: string
  /** The branch there, by its full name. */
  branch: string
}

/** What a branch, by its full name, follows. */
export function upstreamOf(config: Config, branch: string): Upstream | undefined {
  const remote = config.get(`${branchSettings(branch)}.remote`)
  const merge = config.get(`${branchSettings(branch)}.merge`)
  return remote === undefined || merge === undefined ? undefined : { remote, branch: merge }
}

/** Where the settings of a branch lie: names of branches have characters that keys of settings cannot have. */
export function branchSettings(branch: string): string {
  const short = branch.slice('refs/heads/'.length)
  return `branch.${short.replace(/[%\s.="#]/g, (character) => `%${character.codePointAt(0)!.toString(16).padStart(2, '0')}`)}`
}

/** Where a repository remembers a remote's branch: 'refs/remotes/origin/main' for 'refs/heads/main' of origin. */
export function trackingName(remote: string, branch: string): string {
  return `refs/remotes/${remote}/${branch.slice('refs/heads/'.length)}`
}

/** How a branch stands to the one that it follows, as that was when it was last fetched or pushed. */
export interface UpstreamState {
  /** The full name under which it is remembered. */
  name: string
  /** Commits that only this branch has, and that only the other one has; absent where the other one is not known, or gone. */
  counts: { ahead: number; behind: number } | undefined
}

/** Compares a branch at `id` with what it follows; `undefined` where it follows nothing. */
export async function readUpstreamState(repo: { objects: ObjectReader; refs: Refs; config: Config }, branch: string, id: Id | undefined): Promise<UpstreamState | undefined> {
  const upstream = upstreamOf(repo.config, branch)
  if (!upstream) return undefined
  const name = trackingName(upstream.remote, upstream.branch)
  const theirs = await repo.refs.read(name)
  if (!theirs || !id) return { name, counts: undefined }
  return { name, counts: theirs === id ? { ahead: 0, behind: 0 } : await aheadBehind(repo.objects, id, theirs) }
}
