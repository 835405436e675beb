import { resolve } from 'node:path'
import { DitsError } from '../core/errors.ts'
import { findRepoRoot, openRepo } from '../core/repo.ts'
import { localHost } from '../protocol/local-host.ts'
import { serveSession } from '../protocol/serve.ts'
import type { StreamHandler } from '../protocol/transport.ts'
import type { Context } from './context.ts'
import { describeWorld } from './open-repo.ts'

/** What serves the repository of a folder of this machine to whoever opens a stream. Throws `not-a-repository`. */
export async function folderHandler(context: Context, path: string): Promise<StreamHandler> {
  const folder = resolve(context.cwd, path)
  if (findRepoRoot(folder) !== folder) throw new DitsError('not-a-repository', `'${folder}' is not a dits repository`, { hint: 'check the path of the remote' })
  const env = await describeWorld(context)
  const host = localHost(() => openRepo(folder, env))
  return (stream, peer) => serveSession(stream, peer, host, { now: () => performance.now() })
}
