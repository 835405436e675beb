import type { ContentSource } from '../core/ghosts/content-source.ts'
import { filtersOf } from '../core/ghosts/partial.ts'
import type { Repo } from '../core/repo.ts'
import type { Context } from './context.ts'

/**
 * The remote that a partial repository was cloned from, as the source of what
 * was left behind there. The connection is opened when something is needed, and
 * again where it was lost. Throws `unknown-remote` and what connecting throws.
 */
export async function openRemoteContent(context: Context, repo: Repo): Promise<ContentSource> {
  const [{ fetchObjects }, { requireRemote }, { openRemote }, { newSessionName }] = await Promise.all([
    import('../protocol/fetch.ts'),
    import('../protocol/remotes.ts'),
    import('./connect.ts'),
    import('../core/repo.ts'),
  ])
  const remote = requireRemote(repo.config, filtersOf(repo.config)[0]?.remote ?? 'origin')
  let session: Awaited<ReturnType<typeof openRemote>> | undefined
  let last: Promise<unknown> = Promise.resolve()
  const target = { store: repo.store, objects: repo.objects, newSessionName: () => newSessionName(repo) }
  const bring: ContentSource['bring'] = async (wanted, options) => {
    session ??= await openRemote(context, remote.url)
    try {
      await fetchObjects(session, target, wanted.map(({ id }) => id), options?.onBytes)
    } catch (error) {
      await session.close()
      session = undefined
      throw error
    }
  }
  return {
    // One stream, so one question after another.
    bring: (wanted, options) => {
      const turn = last.then(() => bring(wanted, options))
      last = turn.catch(() => undefined)
      return turn
    },
    close: async () => session?.close(),
  }
}
